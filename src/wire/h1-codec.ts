// Owns HTTP/1.1 as bytes and strings: a HeadRecord decoded into a RequestHead, response heads and
// chunks rendered (RFC 9112 sections 2 to 7). Knows no sockets.

import { STATUS_CODES } from "node:http";
import {
  RECORD_HEAD_LENGTH,
  RECORD_HOST_INDEX,
  RECORD_METHOD,
  RECORD_METHOD_START,
  RECORD_TARGET_FORM,
  RECORD_TARGET_LENGTH,
  RECORD_TARGET_START,
  RECORD_VERSION_MINOR,
  TARGET_ABSOLUTE,
  TARGET_AUTHORITY,
} from "../../assembly/layout.ts";
import type { Core } from "../core/core.ts";
import { decodeFields } from "../http/decoded-fields.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../http/message.ts";

/** RECORD_HOST_INDEX of a head without a Host field line. */
const NO_HOST = 0xffffffff;

/**
 * The head at `record`, decoded into strings: what the rest of the gateway works on once a request
 * is no plain hit.
 */
export function decodeRequestHead(
  core: Core,
  memory: Buffer,
  record: number,
  input: number,
  scheme: "http" | "https",
): RequestHead {
  const words = core.words;
  const base = record >>> 2;
  const text = memory.toString("latin1", input, input + word(words, base + RECORD_HEAD_LENGTH));
  const methodStart = word(words, base + RECORD_METHOD_START);
  const targetStart = word(words, base + RECORD_TARGET_START);
  const target = text.slice(targetStart, targetStart + word(words, base + RECORD_TARGET_LENGTH));
  const form = word(words, base + RECORD_TARGET_FORM);
  const fields = decodeFields(words, base, text);
  const hostIndex = word(words, base + RECORD_HOST_INDEX);
  const host = hostIndex === NO_HOST ? "" : (fields[hostIndex * 2 + 1] ?? "");
  const method = text.slice(methodStart, methodStart + (word(words, base + RECORD_METHOD) >>> 8));
  const uri =
    form === TARGET_ABSOLUTE
      ? splitAbsolute(target, method, scheme)
      : { authority: host, path: target, scheme };
  return {
    method,
    scheme: uri.scheme,
    authority: normaliseAuthority(form === TARGET_AUTHORITY ? target : uri.authority, uri.scheme),
    path: form === TARGET_AUTHORITY ? "" : uri.path,
    version: word(words, base + RECORD_VERSION_MINOR) === 0 ? "1.0" : "1.1",
    fields,
  };
}

/**
 * A word of the record; the core's memory always holds it, so the fallback only satisfies the
 * checker.
 */
function word(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}

interface TargetUri {
  readonly authority: string;
  readonly path: string;
  readonly scheme: "http" | "https";
}

/**
 * RFC 9112 section 3.2.2. The parser has checked the scheme and that the authority agrees with
 * Host. Section 3.2.4: OPTIONS without a path is about the server as a whole. `scheme`: what the
 * connection speaks, "http" in a target over TLS notwithstanding.
 */
function splitAbsolute(target: string, method: string, scheme: "http" | "https"): TargetUri {
  const isHttps = scheme === "https" || target.startsWith(":", "https".length);
  const start = target.indexOf("://") + 3;
  let end = start;
  while (end < target.length && target[end] !== "/" && target[end] !== "?") end++;
  const rest = target.slice(end);
  const ofServer = rest === "" && method === "OPTIONS";
  return {
    authority: target.slice(start, end),
    path: ofServer ? "*" : rest.startsWith("/") ? rest : `/${rest}`,
    scheme: isHttps ? "https" : "http",
  };
}

/** Lower case and without the scheme's default port (RFC 9110 section 4.2.3). */
function normaliseAuthority(authority: string, scheme: "http" | "https"): string {
  const lower = authority.toLowerCase();
  const port = scheme === "https" ? ":443" : ":80";
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}

/** How the content of a response is delimited (RFC 9112 section 6.3). */
export type Framing = "none" | "length" | "chunked" | "close";

/**
 * The fields that the wire sets by itself: framing and persistence belong to the connection, not to
 * the message.
 */
function isWireField(nameLower: string): boolean {
  return (
    nameLower === "content-length" ||
    nameLower === "transfer-encoding" ||
    nameLower === "connection" ||
    nameLower === "keep-alive"
  );
}

/**
 * Content-Length, Transfer-Encoding, Connection and Keep-Alive have 14, 17, 10 and 10 letters: most
 * names fall here.
 */
function mayBeWireField(length: number): boolean {
  return length === 10 || length === 14 || length === 17;
}

export interface HeadOptions {
  readonly framing: Framing;
  /** Value of Content-Length; -1 sends none. */
  readonly length: number;
  /** Value of the Connection field; "" sends none. */
  readonly connection: string;
}

/** Status line and field lines with the empty line, latin1. */
export function renderResponseHead(head: ResponseHead, options: HeadOptions): string {
  let text = statusLine(head.status, head.reason) + renderFields(head.fields);
  if (options.framing === "chunked") text += "Transfer-Encoding: chunked\r\n";
  else if (options.length >= 0) text += `Content-Length: ${options.length}\r\n`;
  if (options.connection !== "") text += `Connection: ${options.connection}\r\n`;
  return `${text}\r\n`;
}

/** An interim response (RFC 9110 section 15.2): never framed. */
export function renderInterimHead(head: ResponseHead): string {
  return `${statusLine(head.status, head.reason)}${renderFields(head.fields)}\r\n`;
}

function statusLine(status: number, reason: string): string {
  return `HTTP/1.1 ${status} ${reason === "" ? (STATUS_CODES[status] ?? "") : reason}\r\n`;
}

function renderFields(fields: FieldLines): string {
  let text = "";
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? "";
    if (mayBeWireField(name.length) && isWireField(name.toLowerCase())) continue;
    text += `${name}: ${fields[index + 1] ?? ""}\r\n`;
  }
  return text;
}

/** The last chunk and the trailer section (RFC 9112 section 7.1.2). */
export function renderLastChunk(trailers: FieldLines): string {
  return trailers.length === 0 ? "0\r\n\r\n" : `0\r\n${renderFields(trailers)}\r\n`;
}
