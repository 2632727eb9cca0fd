// Owns the responses that the gateway makes up: a short text, its Proxy-Status (RFC 9209) and
// nothing that came from the request. Shared by every HTTP version.

import { STATUS_CODES } from "node:http";
import { FAILURES, type GatewayError } from "../http/errors.ts";
import type { ResponseHead } from "../http/message.ts";

/** The response to a failed exchange: `date` is an HTTP-date, `id` its X-Request-Id. */
export function errorResponse(
  error: GatewayError,
  id: string,
  date: string,
): { head: ResponseHead; content: Buffer } {
  const status = error.status;
  const fields = [
    "Date",
    date,
    "Content-Type",
    "text/plain; charset=utf-8",
    "Cache-Control",
    "no-store",
    "X-Content-Type-Options",
    "nosniff",
    "Proxy-Status",
    proxyStatus(error),
    "X-Request-Id",
    id,
    ...error.fields,
  ];
  const phrase = STATUS_CODES[status] ?? "Error";
  const text = `${status} ${phrase}\n${error.code}: ${error.detail}\nrequest ${id}\n`;
  return { head: { status, reason: "", fields }, content: Buffer.from(text, "latin1") };
}

/**
 * RFC 9209 section 2: who failed, how, and our reason code with its detail as a structured-field
 * string; `more` is said behind it.
 */
export function proxyStatus(error: GatewayError, more = ""): string {
  const tries = error.tries > 1 ? ` (try ${error.tries})` : "";
  const rest = more === "" ? tries : `${tries}; ${more}`;
  const details = quoted(`${error.code}: ${error.detail}${rest}`);
  return `edgelane; error=${FAILURES[error.code].proxyError}; details=${details}`;
}

/** RFC 8941 section 3.3.3: printable ASCII, with quotes and backslashes escaped. */
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, "?").replace(/[\\"]/g, "\\$&")}"`;
}
