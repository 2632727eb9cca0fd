// Owns which field lines go on to the origin server, and which come back: hop-by-hop fields, Via,
// Forwarded, X-Forwarded-*, X-Request-Id (RFC 9110 section 7, RFC 7239). Pure: knows no sockets and
// no clusters.

import {
  acceptsTrailers,
  fieldValues,
  getField,
  hasField,
  withoutHopByHop,
} from "../http/fields.ts";
import type { ClientAddress, FieldLines, RequestHead } from "../http/message.ts";

/** What this gateway is called in Via and Forwarded. */
export interface GatewayIdentity {
  /**
   * "edgelane" and a random suffix: tells our own requests from those of another edgelane (RFC 9110
   * section 7.6.3).
   */
  readonly pseudonym: string;
}

/** Who sent a request, after the fields of trusted peers were read. */
export interface Forwarder {
  readonly client: ClientAddress;
  /** The peer is in `trust`: its Forwarded, X-Forwarded-* and X-Request-Id are believed. */
  readonly trusted: boolean;
  readonly requestId: string;
}

/**
 * Fields that only a trusted peer may set; compared after "_" was read as "-", as CGI and WSGI
 * servers do.
 */
const OWNED_BY_PROXIES: ReadonlySet<string> = new Set([
  "forwarded",
  "x-real-ip",
  "x-request-id",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
]);

/** Set anew on each hop, whoever sent them. */
const REWRITTEN: ReadonlySet<string> = new Set([
  "via",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-request-id",
  // Undici and our raw exchange set these themselves.
  "host",
  "content-length",
  "expect",
]);

/**
 * A CGI name that would be mistaken for a field with hyphens: only those that somebody acts upon.
 */
const UNDERSCORED = /^(?:content|transfer|x_forwarded|x_real|forwarded|authorization|host)/;

/**
 * The field lines of the request as the origin server gets it, without Host and framing, which the
 * upstream sets.
 */
export function originFields(
  request: RequestHead,
  forwarder: Forwarder,
  identity: GatewayIdentity,
): string[] {
  const received = withoutHopByHop(request.fields);
  const fields: string[] = [];
  for (let index = 0; index + 1 < received.length; index += 2) {
    const name = received[index] ?? "";
    if (passes(name.toLowerCase(), forwarder.trusted)) fields.push(name, received[index + 1] ?? "");
  }
  appendForwarding(fields, request, forwarder);
  fields.push("Via", appended(request.fields, "via", viaMember(request.version, identity)));
  fields.push("X-Request-Id", forwarder.requestId);
  // RFC 9110 section 10.1.4: TE ends here; that we understand trailers is ours to say.
  if (acceptsTrailers(request.fields)) fields.push("TE", "trailers");
  return fields;
}

function passes(nameLower: string, trusted: boolean): boolean {
  if (REWRITTEN.has(nameLower)) return false;
  if (nameLower.includes("_")) {
    if (UNDERSCORED.test(nameLower)) return false;
    return trusted || !isProxyField(nameLower.replaceAll("_", "-"));
  }
  return trusted || !isProxyField(nameLower);
}

function isProxyField(nameLower: string): boolean {
  return nameLower.startsWith("x-forwarded-") || OWNED_BY_PROXIES.has(nameLower);
}

function appendForwarding(fields: string[], request: RequestHead, forwarder: Forwarder): void {
  const { client, trusted } = forwarder;
  const before = trusted ? request.fields : NO_FIELDS;
  const proto = getField(before, "x-forwarded-proto") ?? request.scheme;
  const host = getField(before, "x-forwarded-host") ?? request.authority;
  const address = client.address === "" ? "unknown" : client.address;
  fields.push("X-Forwarded-For", appended(before, "x-forwarded-for", address));
  fields.push("X-Forwarded-Proto", proto);
  if (host !== "") fields.push("X-Forwarded-Host", host);
  const member = `for=${forwardedNode(address)};proto=${request.scheme}`;
  const named = request.authority === "" ? member : `${member};host="${request.authority}"`;
  fields.push("Forwarded", appended(before, "forwarded", named));
}

const NO_FIELDS: FieldLines = [];

/** RFC 7239 section 6: an IPv6 address is bracketed and quoted. */
function forwardedNode(address: string): string {
  return address.includes(":") ? `"[${address}]"` : address;
}

function appended(fields: FieldLines, nameLower: string, member: string): string {
  const before = fieldValues(fields, nameLower).join(", ");
  return before === "" ? member : `${before}, ${member}`;
}

function viaMember(version: string, identity: GatewayIdentity): string {
  return `${version} ${identity.pseudonym}`;
}

/** The request has passed this very process before: forwarding it again would never end. */
export function isLoop(request: RequestHead, identity: GatewayIdentity): boolean {
  const via = getField(request.fields, "via");
  return via !== undefined && via.includes(identity.pseudonym);
}

export interface ResponseAdditions {
  readonly requestId: string;
  readonly identity: GatewayIdentity;
  /** Now, as an HTTP-date, for origin servers without a clock. */
  readonly date: string;
}

/**
 * The field lines of an origin server's response as they may be stored: end-to-end, with Via and
 * Date.
 */
export function storableFields(
  fields: FieldLines,
  additions: Omit<ResponseAdditions, "requestId">,
): string[] {
  const kept = withoutHopByHop(fields);
  // RFC 9110 section 6.6.1: a recipient with a clock adds the Date that is missing.
  if (!hasField(kept, "date")) kept.push("Date", additions.date);
  kept.push("Via", `1.1 ${additions.identity.pseudonym}`);
  return kept;
}

/**
 * The address of the client behind trusted proxies: the rightmost member of X-Forwarded-For that is
 * not itself trusted. The peer's own address where it is not trusted or says nothing.
 */
export function clientBehind(
  request: RequestHead,
  peer: string,
  isTrusted: (address: string) => boolean,
): string {
  if (!isTrusted(peer)) return peer;
  const members = (getField(request.fields, "x-forwarded-for") ?? "").split(",");
  let client = peer;
  for (let index = members.length - 1; index >= 0; index--) {
    const address = withoutPort((members[index] ?? "").trim());
    if (!ADDRESS.test(address)) return client;
    client = address;
    if (!isTrusted(address)) return client;
  }
  return client;
}

/** What an address may look like in a log; anything else was not written by a proxy. */
const ADDRESS = /^[0-9a-fA-F:.]{2,45}$/;

function withoutPort(node: string): string {
  if (node.startsWith("[")) return node.slice(1, node.indexOf("]"));
  const colon = node.indexOf(":");
  return colon >= 0 && colon === node.lastIndexOf(":") ? node.slice(0, colon) : node;
}
