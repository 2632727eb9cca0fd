// Owns how addresses of listeners and targets are written: ":8080", "127.0.0.1:8080", "[::1]:8080",
// "http://host:3000". Pure; resolves no names.

import { isIPv4, isIPv6 } from "node:net";
import type { ListenAddress } from "./gateway-config.ts";

export interface ParsedAddress {
  readonly address: ListenAddress;
  readonly secure: boolean;
}

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_-]+)*$/;

/**
 * Reads ":8080", "host:8080", "[::1]:8080", each with "http://" or "https://" before it; null when
 * it is none of these.
 */
export function parseAddress(text: string): ParsedAddress | null {
  const match = /^(?:(https?):\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]\s]*)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const port = Number(match[4]);
  const literal = match[2];
  const name = match[3];
  if (port > 65_535 || (literal !== undefined && !isIPv6(literal))) return null;
  const secure = match[1] === "https";
  if (literal !== undefined) return { secure, address: { host: literal, port } };
  if (name === undefined || name === "" || name === "*") {
    return { secure, address: { host: null, port } };
  }
  if (!isIPv4(name) && !isHostName(name)) return null;
  return { secure, address: { host: name, port } };
}

/** What the kernel takes as the path of a socket, its NUL not counted. */
const SOCKET_PATH_BYTES_MAX = 107;

/** The name of a service, as SRV records have it (RFC 2782): "_http._tcp.api.example.com". */
const SERVICE = /^(https?\+srv):\/\/(_[a-z0-9-]+\._(?:tcp|udp)\.[a-z0-9._-]{1,200})\/?$/;

/**
 * "http://10.0.0.11:3000", without user, path, query and fragment, "unix:/run/app.sock" or
 * "http+srv://_http._tcp.example.com", to an origin; null when it is anything else.
 */
export function parseTarget(text: string): string | null {
  if (/^unix:\/[\w./@+,:~-]+$/.test(text)) {
    return text.length - "unix:".length <= SOCKET_PATH_BYTES_MAX ? text : null;
  }
  const service = SERVICE.exec(text.toLowerCase());
  if (service !== null) return `${service[1]}://${service[2]}`;
  if (!/^https?:\/\/[^\s/?#@\\]+\/?$/i.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  return url.hostname === "" || url.port === "0" ? null : url.origin;
}

/** Host, with a port where it is not the scheme's, as it may stand in a Host field. */
export function parseAuthority(text: string): string | null {
  const origin = parseTarget(`http://${text}`);
  return origin === null ? null : text.toLowerCase();
}

/** Only processes of this machine can reach it. */
export function isLoopback(address: ListenAddress): boolean {
  const host = address.host?.toLowerCase() ?? "";
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/** The way back: what `parseAddress` reads, and what a URL holds after its scheme. */
export function formatAddress(address: ListenAddress): string {
  const host = address.host ?? "";
  return `${isIPv6(host) ? `[${host}]` : host}:${address.port}`;
}

function isHostName(text: string): boolean {
  // "999.1.1.1" and "0177.1" look like addresses, and some resolvers take them for one: they are
  // neither.
  return HOST_NAME.test(text) && !/^[\d.]+$/.test(text);
}
