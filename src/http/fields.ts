// Owns the names of well-known fields, look-ups in field lines, and which fields end at this hop
// (RFC 9110 sections 5.3 and 7.6.1). Pure: knows no sockets and no policy of the gateway.

import { FORBIDDEN_TRAILERS_HIGH, FORBIDDEN_TRAILERS_LOW } from "../../assembly/layout.ts";
import type { FieldLines } from "./message.ts";

/** Lower-case field name by FIELD_* id of assembly/layout.ts; "" for id 0, any other field. */
export const FIELD_NAMES: readonly string[] = [
  "",
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "expect",
  "upgrade",
  "te",
  "trailer",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "via",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-request-id",
  "cache-control",
  "pragma",
  "authorization",
  "cookie",
  "range",
  "if-none-match",
  "if-modified-since",
  "if-match",
  "if-unmodified-since",
  "if-range",
  "accept",
  "accept-encoding",
  "accept-language",
  "user-agent",
  "origin",
  "referer",
  "content-type",
  "content-encoding",
  "date",
  "age",
  "expires",
  "etag",
  "last-modified",
  "vary",
  "set-cookie",
  "location",
  "content-range",
  "traceparent",
];

const FIELD_IDS: ReadonlyMap<string, number> = new Map(
  FIELD_NAMES.map((name, id): [string, number] => [name, id]).slice(1),
);

/** FIELD_* id of a lower-case name; 0 for a field that is not well known. */
export function fieldId(nameLower: string): number {
  return FIELD_IDS.get(nameLower) ?? 0;
}

/**
 * The fields that end at this hop whatever Connection says. Trailer goes too: the wire announces
 * the trailers that it sends itself. Proxy-* credentials are for this gateway, never for the origin
 * or the client behind it.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-authorization",
  "proxy-authenticate",
  "proxy-authentication-info",
  "http2-settings",
]);

/**
 * Fields for all recipients: naming one in Connection is an error of the sender (RFC 9110 section
 * 7.6.1), and obeying it would let a client hide its credentials from the cache, or an origin its
 * Cache-Control. They stay. Every well-known field is protected too.
 */
const END_TO_END: ReadonlySet<string> = new Set([
  ...FIELD_NAMES.filter((name) => name !== "" && !HOP_BY_HOP.has(name)),
  "accept-ranges",
  "allow",
  "authentication-info",
  "baggage",
  "cache-status",
  "cache-tag",
  "cdn-cache-control",
  "clear-site-data",
  "content-disposition",
  "content-language",
  "content-location",
  "content-security-policy",
  "content-security-policy-report-only",
  "digest",
  "content-digest",
  "link",
  "permissions-policy",
  "priority",
  "proxy-status",
  "referrer-policy",
  "repr-digest",
  "retry-after",
  "server-timing",
  "strict-transport-security",
  "surrogate-control",
  "surrogate-key",
  "tracestate",
  "warning",
  "www-authenticate",
  "x-content-type-options",
  "x-frame-options",
  "x-real-ip",
]);

/**
 * Families of the same kind: fetch metadata, CORS, cross-origin isolation, what proxies in front
 * say of the client.
 */
const END_TO_END_PREFIXES: readonly string[] = [
  "sec-",
  "access-control-",
  "cross-origin-",
  "x-forwarded-",
];

/**
 * The value of a field: the lines with this name joined by ", " (RFC 9110 section 5.3), undefined
 * without one. A repeated singleton so becomes a value that its own grammar rejects, instead of a
 * choice between two.
 */
export function getField(fields: FieldLines, nameLower: string): string | undefined {
  let value: string | undefined;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if (isNamed(fields[index], nameLower)) {
      const line = fields[index + 1] ?? "";
      value = value === undefined ? line : `${value}, ${line}`;
    }
  }
  return value;
}

/** The values of all lines with this name, in order, unjoined. */
export function fieldValues(fields: FieldLines, nameLower: string): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if (isNamed(fields[index], nameLower)) values.push(fields[index + 1] ?? "");
  }
  return values;
}

export function hasField(fields: FieldLines, nameLower: string): boolean {
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if (isNamed(fields[index], nameLower)) return true;
  }
  return false;
}

/** The field lines but those whose lower-case name is in `names`. */
export function withoutFields(fields: FieldLines, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? "";
    if (!names.has(name.toLowerCase())) kept.push(name, fields[index + 1] ?? "");
  }
  return kept;
}

/**
 * The field lines that go on to the next hop, request or response (RFC 9110 section 7.6.1): without
 * the hop-by-hop fields and those that Connection nominates, but never without a field that is for
 * all recipients.
 */
export function withoutHopByHop(fields: FieldLines): string[] {
  const nominated = nominatedFields(fields);
  const kept: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const nameLower = name.toLowerCase();
    if (HOP_BY_HOP.has(nameLower) || nominated?.has(nameLower) === true) continue;
    kept.push(name, fields[index + 1] ?? "");
  }
  return kept;
}

/**
 * What field names mean to somebody, remembered by the spelling received: names repeat, and to
 * lower-case and compare each one again is most of the cost of passing a head on. Bounded, because
 * a peer chooses the spellings.
 */
export class NameClasses {
  readonly #classify: (nameLower: string) => number;
  readonly #known = new Map<string, number>();

  constructor(classify: (nameLower: string) => number) {
    this.#classify = classify;
  }

  of(name: string): number {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const found = this.#classify(name.toLowerCase());
    if (this.#known.size < NAMES_KNOWN_MAX && name.length <= NAME_KNOWN_LENGTH_MAX) {
      // A copy: the name is a slice that would keep the whole head it came in, cookies and all.
      this.#known.set(Buffer.from(name, "latin1").toString("latin1"), found);
    }
    return found;
  }
}

/** Far more than are in use; 1,024 names of 64 bytes are some 100 KB. */
const NAMES_KNOWN_MAX = 1024;
const NAME_KNOWN_LENGTH_MAX = 64;

/**
 * The field may stand in a trailer section: it is neither about framing, routing, authentication or
 * how the request or the response is to be treated (RFC 9110 section 6.5.1) nor about this hop.
 */
export function mayBeTrailer(nameLower: string): boolean {
  if (HOP_BY_HOP.has(nameLower) || NO_TRAILERS.has(nameLower)) return false;
  const id = fieldId(nameLower);
  const forbidden = id < 32 ? FORBIDDEN_TRAILERS_LOW : FORBIDDEN_TRAILERS_HIGH;
  return (forbidden & (1 << (id & 31))) === 0;
}

/** Of the same kinds, and not well known to the core, which refuses the others in HTTP/1.1. */
const NO_TRAILERS: ReadonlySet<string> = new Set([
  "content-disposition",
  "content-language",
  "content-location",
  "content-security-policy",
  "early-data",
  "max-forwards",
  "retry-after",
  "strict-transport-security",
  "www-authenticate",
]);

/** The field ends at this hop, whatever Connection says. */
export function isHopByHop(nameLower: string): boolean {
  return HOP_BY_HOP.has(nameLower);
}

/** `Connection` nominates no field: it says nothing, or speaks of the connection alone. */
export function nominatesNothing(connection: string): boolean {
  return PLAIN_CONNECTION.test(connection);
}

const PLAIN_CONNECTION = /^(?:keep-alive|close|)$/i;

/**
 * The peer can take trailer fields: `TE: trailers` (RFC 9110 section 10.1.4), which ends here and
 * is made anew.
 */
export function acceptsTrailers(fields: FieldLines): boolean {
  return listMembers(getField(fields, "te")).some(
    (member) => member.split(";", 1)[0]?.trim().toLowerCase() === "trailers",
  );
}

/**
 * Members of a comma-separated value without OWS and empty members (RFC 9110 section 5.6.1); quoted
 * commas do not split.
 */
export function listMembers(value: string | undefined): string[] {
  const members: string[] = [];
  if (value === undefined) return members;
  let start = 0;
  let quoted = false;
  for (let index = 0; index <= value.length; index++) {
    const code = index === value.length ? COMMA : value.charCodeAt(index);
    if (quoted && index < value.length) {
      if (code === BACKSLASH && index + 1 < value.length) index++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) {
      quoted = true;
    } else if (code === COMMA) {
      const member = trimOws(value.slice(start, index));
      if (member !== "") members.push(member);
      start = index + 1;
    }
  }
  return members;
}

/**
 * A value without the spaces and tabs around it; no other white space counts (RFC 9110 section
 * 5.6.3).
 */
export function trimOws(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isOws(value.charCodeAt(start))) start++;
  while (end > start && isOws(value.charCodeAt(end - 1))) end--;
  return start === 0 && end === value.length ? value : value.slice(start, end);
}

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Length first: most lines differ there, and lower-casing them all would be the cost of a look-up.
 */
function isNamed(name: string | undefined, nameLower: string): boolean {
  if (name === undefined || name.length !== nameLower.length) return false;
  return name === nameLower || name.toLowerCase() === nameLower;
}

function nominatedFields(fields: FieldLines): Set<string> | undefined {
  let nominated: Set<string> | undefined;
  for (const value of fieldValues(fields, "connection")) {
    for (const option of value.split(",")) {
      const nameLower = trimOws(option).toLowerCase();
      if (nameLower === "" || nameLower === "close" || nameLower === "keep-alive") continue;
      if (END_TO_END.has(nameLower)) continue;
      if (END_TO_END_PREFIXES.some((prefix) => nameLower.startsWith(prefix))) continue;
      nominated ??= new Set();
      nominated.add(nameLower);
    }
  }
  return nominated;
}
