// Owns which targets are names that have to be resolved, and what their places become: a URL that
// keeps the name for Host and TLS, with the addresses to connect to. Pure.

import { isIP } from "node:net";
import type { NamePlace } from "../upstream/name-places.ts";
import type { WatchedName } from "../upstream/name-watch.ts";
import type { Endpoint } from "./target-table.ts";

/** The service that an origin such as "http+srv://_http._tcp.api.test" names; null for none. */
export function serviceOf(origin: string): { scheme: "http" | "https"; name: string } | null {
  const url = new URL(origin);
  if (!url.protocol.endsWith("+srv:")) return null;
  return { scheme: url.protocol === "https+srv:" ? "https" : "http", name: url.hostname };
}

/** null for an address, a socket and what is always this machine (RFC 6761 section 6.3). */
export function watchedName(origin: string): WatchedName | null {
  const service = serviceOf(origin);
  if (service !== null) return { key: origin, name: service.name, kind: "service" };
  const { protocol, hostname } = new URL(origin);
  const isLiteral = hostname.startsWith("[") || isIP(hostname) !== 0;
  if (protocol === "unix:" || isLiteral || /(?:^|\.)localhost\.?$/.test(hostname)) return null;
  return { key: origin, name: hostname, kind: "host" };
}

/**
 * Instances of a service go by the name of what was asked for, without its service labels: what a
 * DNS answer points to is no proof of anything (RFC 6125 section 6.2.1).
 */
export function endpointsOf(origin: string, places: readonly NamePlace[]): readonly Endpoint[] {
  const service = serviceOf(origin);
  const host = service?.name.replace(/^(?:_[^.]+\.)+/, "") ?? "";
  return places.map(({ addresses, port, weight, priority }): Endpoint => {
    const url = service === null ? origin : `${service.scheme}://${host}:${port ?? 0}`;
    return { url, addresses, weight, priority };
  });
}
