// Owns which stored responses a successful unsafe request makes invalid (RFC 9111 section 4.4).
// Pure.

import { fieldValues } from "../../http/fields.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";

/**
 * Safe methods (RFC 9110 section 9.2.1; QUERY is defined to be one). A method that nobody knows may
 * change anything.
 */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]);

export function isSafe(method: string): boolean {
  return SAFE_METHODS.has(method);
}

/**
 * The absolute URIs whose stored responses are no longer valid; empty after safe and failed
 * requests.
 */
export function invalidatedUris(request: RequestHead, response: ResponseHead): string[] {
  if (isSafe(request.method) || response.status < 200 || response.status >= 400) return [];
  const target = `${request.scheme}://${request.authority}${request.path}`;
  const base = URL.parse(target);
  if (base === null) return [];
  const uris = [target];
  for (const name of ["location", "content-location"]) {
    for (const value of fieldValues(response.fields, name)) {
      const uri = URL.parse(value, target);
      // Another origin's stored responses are not this one's to remove (RFC 9111 section 4.4).
      if (uri === null || uri.origin !== base.origin) continue;
      uris.push(`${request.scheme}://${request.authority}${uri.pathname}${uri.search}`);
    }
  }
  return uris;
}
