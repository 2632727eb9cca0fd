// Owns how a request that is to be explained is written, on the command line and in the admin API:
// a method, an absolute URL, field lines; and a response to it, a status and field lines. Pure.

import type { RequestHead, ResponseHead } from "../http/message.ts";

/** What is to be explained. */
export interface ExplainQuestion {
  readonly request: RequestHead;
  /** null: only the request. */
  readonly response: ResponseHead | null;
}

export type ExplainReading =
  | { readonly request: RequestHead }
  /** What is wrong, for whoever wrote it. */
  | { readonly problem: string };

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const URL_PARTS = /^(https?):\/\/([^/?#@\s]+)((?:[/?][^#\s]*)?)(?:#.*)?$/i;

/** `fieldLines` are "Name: value" each. The query is kept as it is written. */
export function readExplained(
  method: string,
  url: string,
  fieldLines: readonly string[],
): ExplainReading {
  if (!METHOD.test(method)) return { problem: `"${method}" is not a method` };
  const parts = URL_PARTS.exec(url);
  if (parts === null) return { problem: `"${url}" is not a URL of http or https` };
  const scheme = parts[1]?.toLowerCase() === "https" ? "https" : "http";
  const authority = withoutDefaultPort(scheme, (parts[2] ?? "").toLowerCase());
  const pathAndQuery = parts[3] ?? "";
  const fields: string[] = ["Host", authority];
  for (const line of fieldLines) {
    const field = readField(line);
    if (field === null) return { problem: FIELD_PROBLEM };
    const [name, value] = field;
    if (name.toLowerCase() !== "host") fields.push(name, value);
  }
  const path = pathAndQuery.startsWith("/") ? pathAndQuery : `/${pathAndQuery}`;
  return { request: { method, scheme, authority, path, version: "1.1", fields } };
}

export type ResponseReading =
  | { readonly response: ResponseHead | null }
  /** What is wrong, for whoever wrote it. */
  | { readonly problem: string };

/** A response that is given with the request; null where neither status nor fields are. */
export function readResponse(
  status: string | undefined,
  fieldLines: readonly string[],
): ResponseReading {
  if (status === undefined && fieldLines.length === 0) return { response: null };
  const code = status ?? "200";
  if (!/^[1-5]\d\d$/.test(code)) return { problem: `"${code}" is not a status code` };
  const fields: string[] = [];
  for (const line of fieldLines) {
    const field = readField(line);
    if (field === null) return { problem: FIELD_PROBLEM };
    fields.push(...field);
  }
  return { response: { status: Number(code), reason: "", fields } };
}

const FIELD_PROBLEM = "a field line is written as 'Name: value'";

function readField(line: string): [name: string, value: string] | null {
  const [, name, value] = FIELD_LINE.exec(line) ?? [];
  return name === undefined || value === undefined || !VALUE.test(value) ? null : [name, value];
}

function withoutDefaultPort(scheme: "http" | "https", authority: string): string {
  const port = scheme === "https" ? ":443" : ":80";
  return authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
}
