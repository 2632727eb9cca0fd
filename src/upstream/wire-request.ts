// Owns a request to an origin server as bytes: its head with HTTP/1.1 framing, and what ends
// chunked content (RFC 9112 sections 3, 6 and 7.1). Pure.

import { GatewayError } from "../http/errors.ts";
import type { FieldLines } from "../http/message.ts";
import type { OriginRequest } from "./attempt.ts";

/** undici sends neither Expect: 100-continue nor the asterisk form nor trailers. */
export function needsWire(request: OriginRequest): boolean {
  return request.expectsContinue || request.path === "*" || request.trailers !== null;
}

/**
 * The connection does not persist behind this request: an origin server that wrongly sends content
 * for HEAD would have it taken for the next response.
 */
export function mayDesynchronise(request: OriginRequest): boolean {
  return request.method === "HEAD" || ignoresContent(request);
}

/**
 * The method gives content no meaning (RFC 9110 section 9.3): an origin server that does not read
 * it takes it for the next request, whose answer another client would get.
 */
export function ignoresContent({ method, body }: OriginRequest): boolean {
  return body !== null && NO_CONTENT_METHODS.has(method);
}

const NO_CONTENT_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * Hot. The head, latin1. `host` is what the target is called, for requests whose fields name no
 * other. Throws a GatewayError where a line would not stay one line.
 */
export function renderRequestHead(request: OriginRequest, host: string): string {
  const { method, path, fields, body, bodyLength } = request;
  let text = "";
  let hasHost = false;
  let hasLength = false;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? "";
    // Host has 4 letters and Content-Length 14: most names are told apart by that.
    if (name.length === 4 && name.toLowerCase() === "host") hasHost = true;
    else if (name.length === 14 && name.toLowerCase() === "content-length") hasLength = true;
    text += `${name}: ${fields[index + 1] ?? ""}\r\n`;
  }
  let lines = 1 + fields.length / 2;
  if (!hasHost) {
    // First, as RFC 9112 section 3.2 recommends.
    text = `Host: ${host}\r\n${text}`;
    lines += 1;
  }
  text = `${method} ${path} HTTP/1.1\r\n${text}`;
  if (request.expectsContinue) {
    text += "Expect: 100-continue\r\n";
    lines += 1;
  }
  const framing = framingLine(method, body !== null, bodyLength, hasLength);
  if (framing !== "") lines += 1;
  text += framing;
  if (countLineFeeds(text) !== lines || path.includes(" ")) {
    throw new GatewayError("internal_error", "a line of the request is not one line", {
      beforeSend: true,
    });
  }
  return `${text}\r\n`;
}

/** The line that delimits the content; "" where there is none, or the fields have it already. */
function framingLine(
  method: string,
  hasContent: boolean,
  length: number,
  isDeclared: boolean,
): string {
  if (hasContent && length < 0) return "Transfer-Encoding: chunked\r\n";
  if (isDeclared) return "";
  if (hasContent) return `Content-Length: ${length}\r\n`;
  // RFC 9110 section 8.6: a method that means content says so when there is none.
  return MEANS_NO_CONTENT.has(method) ? "" : "Content-Length: 0\r\n";
}

const MEANS_NO_CONTENT: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "DELETE",
  "TRACE",
]);

/**
 * Heads come from a parser that lets no line feed pass; this is the last line against splitting.
 */
function countLineFeeds(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}

/**
 * The last chunk and the trailer section (RFC 9112 section 7.1.2). Their lines are lines: they come
 * from the same parser as heads.
 */
export function renderLastChunk(trailers: FieldLines): string {
  let text = "0\r\n";
  for (let index = 0; index + 1 < trailers.length; index += 2) {
    text += `${trailers[index] ?? ""}: ${trailers[index + 1] ?? ""}\r\n`;
  }
  return `${text}\r\n`;
}
