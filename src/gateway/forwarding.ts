// Owns which field lines go on to the origin server, and which come back: hop-by-hop fields, Via,
// Forwarded, X-Forwarded-*, X-Request-Id (RFC 9110 section 7, RFC 7239). Pure: knows no sockets and
// no clusters.

import {
  acceptsTrailers,
  fieldValues,
  getField,
  isHopByHop,
  listMembers,
  mayBeTrailer,
  NameClasses,
  nominatesNothing,
  withoutFields,
  withoutHopByHop,
} from "../http/fields.ts";
import type { ClientAddress } from "../http/exchange.ts";
import type { FieldLines, RequestHead } from "../http/message.ts";

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
  /**
   * Null: the response is for this request alone. Otherwise it may be stored for the URI: fields
   * that ask for something else than the URI names do not go on, but those that are named here.
   */
  readonly keyed: ReadonlySet<string> | null;
}

/**
 * Fields by which origin servers and frameworks take another URI, host or method than the request
 * names. A stored response that they have changed would be served to those who did not send them.
 */
const OVERRIDES: ReadonlySet<string> = new Set([
  "x-host",
  "x-http-host-override",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-host",
  "x-original-uri",
  "x-original-url",
  "x-override-url",
  "x-rewrite-uri",
  "x-rewrite-url",
]);

/**
 * Fields that only a trusted peer may set; compared after "_" was read as "-", as CGI and WSGI
 * servers do.
 */
const OWNED_BY_PROXIES: ReadonlySet<string> = new Set([
  "cf-connecting-ip",
  "fastly-client-ip",
  "forwarded",
  "forwarded-for",
  "true-client-ip",
  "x-appengine-user-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-forwarded",
  "x-real-ip",
  "x-request-id",
]);

/** Set anew on each hop, whoever sent them. */
const REWRITTEN: ReadonlySet<string> = new Set([
  "via",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-request-id",
  // The upstream sets these itself.
  "host",
  "content-length",
  "expect",
]);

/**
 * A CGI name that would be mistaken for a field with hyphens: only those that somebody acts upon.
 */
const UNDERSCORED = /^_*(?:content|transfer|x_forwarded|x_real|forwarded|authorization|host)/;

// What becomes of a field of the request.
const PASSES = 0;
const ENDS = 1;
/** Passes when a trusted peer sent it. */
const PASSES_IF_TRUSTED = 2;
const IS_CONNECTION = 3;
/** Passes where the response is not stored, or the field is in its key. */
const OVERRIDES_URI = 5;

const requestClasses = new NameClasses((nameLower) => {
  if (nameLower === "connection") return IS_CONNECTION;
  if (REWRITTEN.has(nameLower) || isHopByHop(nameLower)) return ENDS;
  if (OVERRIDES.has(nameLower.replaceAll("_", "-"))) return OVERRIDES_URI;
  if (nameLower.includes("_")) {
    if (UNDERSCORED.test(nameLower)) return ENDS;
    return isProxyField(nameLower.replaceAll("_", "-")) ? PASSES_IF_TRUSTED : PASSES;
  }
  return isProxyField(nameLower) ? PASSES_IF_TRUSTED : PASSES;
});

function isProxyField(nameLower: string): boolean {
  return nameLower.startsWith("x-forwarded-") || OWNED_BY_PROXIES.has(nameLower);
}

/**
 * Hot. The field lines of the request as the origin server gets it, without Host and framing, which
 * the upstream sets.
 */
export function originFields(
  request: RequestHead,
  forwarder: Forwarder,
  identity: GatewayIdentity,
  received: FieldLines = request.fields,
): string[] {
  const fields: string[] = [];
  if (!passAll(received, forwarder, fields)) {
    fields.length = 0;
    passAll(withoutHopByHop(received), forwarder, fields);
  }
  appendForwarding(fields, request, forwarder);
  fields.push("Via", appended(request.fields, "via", viaMember(request.version, identity)));
  fields.push("X-Request-Id", forwarder.requestId);
  // RFC 9110 section 10.1.4: TE ends here, as Connection says; that we take trailers is ours to
  // say.
  if (acceptsTrailers(request.fields)) fields.push("TE", "trailers", "Connection", "TE");
  return fields;
}

/**
 * What of a request's trailer section goes on: fields that may stand there, and none that is the
 * gateway's to set or means something else to origin servers that take trailers for headers.
 */
export function originTrailers(trailers: FieldLines): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < trailers.length; index += 2) {
    const name = trailers[index] ?? "";
    if (isOriginTrailer(name)) kept.push(name, trailers[index + 1] ?? "");
  }
  return kept;
}

function isOriginTrailer(name: string): boolean {
  return requestClasses.of(name) === PASSES && mayBeTrailer(name.toLowerCase());
}

/**
 * The Trailer field of a request whose content is chunked: it names what may follow, so that it
 * goes on where the trailers do (RFC 9110 section 6.6.2). null: it names none that does.
 */
export function announcedTrailers(fields: FieldLines): string | null {
  const names = listMembers(getField(fields, "trailer")).filter(isOriginTrailer);
  return names.length === 0 ? null : names.join(", ");
}

/** What of an origin server's trailer section goes on to clients. */
export function responseTrailers(trailers: FieldLines): FieldLines {
  const kept: string[] = [];
  for (let index = 0; index + 1 < trailers.length; index += 2) {
    const name = trailers[index] ?? "";
    const passes = responseClasses.of(name) === PASSES && mayBeTrailer(name.toLowerCase());
    if (passes) kept.push(name, trailers[index + 1] ?? "");
  }
  return kept;
}

/** The request has a field that can ask the origin server for something else than the URI names. */
export function overridesUri(fields: FieldLines): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    if (requestClasses.of(fields[index] ?? "") === OVERRIDES_URI) return true;
  }
  return false;
}

/** Adds to `passed` what goes on. False, with `passed` incomplete: Connection nominates fields. */
function passAll(received: FieldLines, forwarder: Forwarder, passed: string[]): boolean {
  const { trusted, keyed } = forwarder;
  for (let index = 0; index + 1 < received.length; index += 2) {
    const name = received[index] ?? "";
    const value = received[index + 1] ?? "";
    const become = requestClasses.of(name);
    if (become === PASSES || (become === PASSES_IF_TRUSTED && trusted)) passed.push(name, value);
    else if (become === OVERRIDES_URI) {
      if (keyed === null || keyed.has(name.toLowerCase())) passed.push(name, value);
    } else if (become === IS_CONNECTION && !nominatesNothing(value)) return false;
  }
  return true;
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

/** What the gateway answers to, for Allow (RFC 9110 section 10.2.1): TRACE and CONNECT it does not. */
export const ALLOWED_METHODS = "GET, HEAD, QUERY, POST, PUT, DELETE, PATCH, OPTIONS";

/**
 * How many more times an OPTIONS request may be forwarded; null where it does not say (RFC 9110
 * section 7.6.2). Other methods, and values that are no number, go on as they are.
 */
export function forwardsLeft(request: RequestHead): number | null {
  if (request.method !== "OPTIONS") return null;
  const value = getField(request.fields, "max-forwards");
  return value !== undefined && MAX_FORWARDS.test(value) ? Number(value) : null;
}

/** Larger numbers mean nothing: no chain is that long. */
const MAX_FORWARDS = /^\d{1,9}$/;

const COUNTED: ReadonlySet<string> = new Set(["max-forwards"]);

/** `fields` with Max-Forwards counted down (RFC 9110 section 7.6.2). */
export function withForwardsLeft(fields: FieldLines, left: number): string[] {
  return [...withoutFields(fields, COUNTED), "Max-Forwards", String(left)];
}

const IS_DATE = 4;

const responseClasses = new NameClasses((nameLower) => {
  if (nameLower === "connection") return IS_CONNECTION;
  if (nameLower === "date") return IS_DATE;
  // A response has one, and it is ours.
  if (nameLower === "x-request-id") return ENDS;
  return isHopByHop(nameLower) ? ENDS : PASSES;
});

/**
 * Hot. The field lines of an origin server's response as they may be stored: end-to-end, with Via,
 * and with Date (RFC 9110 section 6.6.1: a recipient with a clock adds the one that is missing).
 */
export function storableFields(fields: FieldLines, via: string, date: string): string[] {
  const kept: string[] = [];
  let hasDate = false;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const value = fields[index + 1] ?? "";
    const become = responseClasses.of(name);
    if (become === IS_CONNECTION && !nominatesNothing(value)) {
      return storableFields(withoutHopByHop(fields), via, date);
    }
    if (become === IS_DATE) hasDate = true;
    if (become === PASSES || become === IS_DATE) kept.push(name, value);
  }
  if (!hasDate) kept.push("Date", date);
  kept.push("Via", via);
  return kept;
}

/** Our member of Via in responses: what the origin server spoke is HTTP/1.1. */
export function responseVia(identity: GatewayIdentity): string {
  return `1.1 ${identity.pseudonym}`;
}

/**
 * The address of the client behind trusted proxies: the rightmost member of X-Forwarded-For that is
 * not itself trusted. The peer's own address where it is not trusted or says nothing.
 */
export function clientBehind(
  fields: FieldLines,
  peer: string,
  isTrusted: (address: string) => boolean,
): string {
  if (!isTrusted(peer)) return peer;
  const members = (getField(fields, "x-forwarded-for") ?? "").split(",");
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
