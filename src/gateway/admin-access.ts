// Owns who may use the admin API: the bearer token, the Host check against DNS rebinding where
// there is no token, and the checks that keep other sites' pages from changing anything. Pure, but
// for the comparison in constant time.

import { createHash, timingSafeEqual } from "node:crypto";
import { isIPv4 } from "node:net";

/** What the checks read of a request; "" for a field that is absent. */
export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** Address of this machine on which the connection arrived. */
  readonly localAddress: string;
  readonly authorization: string;
  readonly origin: string;
  readonly fetchSite: string;
  readonly contentType: string;
}

export interface Refusal {
  readonly status: 401 | 403 | 415 | 421;
  readonly error: string;
  readonly detail: string;
}

/** What answers without a token: probes have none, and the page holds no data and asks for it. */
export type Exposure = "open" | "guarded";

/** Why the request is refused; null when it may pass. */
export function refuse(
  request: AdminRequest,
  exposure: Exposure,
  token: string | null,
): Refusal | null {
  if (token === null && !isOwnHost(request)) {
    return {
      status: 421,
      error: "host_not_allowed",
      detail: "without a token, the Host must be localhost or the address that is listened on",
    };
  }
  if (token !== null && exposure === "guarded" && !isToken(request.authorization, token)) {
    return { status: 401, error: "unauthorized", detail: "a bearer token is required" };
  }
  return request.method === "POST" ? refuseMutation(request) : null;
}

/** Pages of other sites can send requests here; a browser says where they come from. */
function refuseMutation(request: AdminRequest): Refusal | null {
  const { origin, fetchSite, host } = request;
  const isSameOrigin = origin === "" || origin.toLowerCase() === `http://${host.toLowerCase()}`;
  const isSameSite = fetchSite === "" || fetchSite === "same-origin" || fetchSite === "none";
  if (!isSameOrigin || !isSameSite) {
    return {
      status: 403,
      error: "cross_origin",
      detail: "requests that change something must come from the admin page itself or from no page",
    };
  }
  // A type that a form cannot send: a page of another site would need a preflight, which is never
  // granted.
  if (!/^application\/json\s*(;|$)/i.test(request.contentType)) {
    return { status: 415, error: "unsupported_media_type", detail: "expected application/json" };
  }
  return null;
}

function isOwnHost(request: AdminRequest): boolean {
  const host = hostName(request.host);
  if (host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."))) {
    return true;
  }
  return host !== "" && host === request.localAddress.replace(/^::ffff:/, "");
}

/**
 * The host of "host:port" or "[v6]:port", lower case; the port differs where a tunnel leads here.
 */
function hostName(authority: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(authority.toLowerCase());
  return match?.[1] ?? match?.[2] ?? "";
}

function isToken(authorization: string, token: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
  // Digests have one length, so the comparison tells neither length nor prefix.
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
