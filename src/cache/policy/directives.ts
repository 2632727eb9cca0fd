// Owns the parsing of Cache-Control in requests and responses (RFC 9111 section 5.2), of targeted
// fields (RFC 9213) and of Pragma (section 5.4). Pure. What does not parse is read so that less is
// stored and less is reused.

import { getField, listMembers, trimOws } from "../../http/fields.ts";
import type { FieldLines } from "../../http/message.ts";
import { parseDictionary } from "../../http/structured.ts";

/**
 * A delta-seconds argument; INVALID where there was one that is no number of seconds; undefined
 * without one.
 */
export type Seconds = number | undefined;
/** Invalid freshness information counts as stale (RFC 9111 section 4.2.1). */
export const INVALID = -1;
/** "2147483648 or the greatest positive integer it can represent" (RFC 9111 section 1.2.2). */
export const SECONDS_MAX = 2_147_483_648;

export interface ResponseDirectives {
  noStore: boolean;
  noCache: boolean;
  /** Lower-case names that `no-cache="…"` and `private="…"` take out of what is stored. */
  strippedFields: string[];
  private: boolean;
  public: boolean;
  mustRevalidate: boolean;
  proxyRevalidate: boolean;
  mustUnderstand: boolean;
  maxAge: Seconds;
  sMaxAge: Seconds;
  staleWhileRevalidate: Seconds;
  staleIfError: Seconds;
  /** Quotes that never end: a no-store could be hidden in them. */
  malformed: boolean;
  /** A targeted field decided: Cache-Control and Expires do not count (RFC 9213 section 2.2). */
  targeted: boolean;
}

export interface RequestDirectives {
  noStore: boolean;
  noCache: boolean;
  onlyIfCached: boolean;
  maxAge: Seconds;
  minFresh: Seconds;
  /** Seconds, or Infinity for max-stale without an argument. */
  maxStale: Seconds;
  /** `no-cache` came from Pragma. */
  pragma: boolean;
}

/**
 * The directives that count for this cache: those of the first targeted field of its list that is
 * valid.
 */
export function responseDirectives(
  fields: FieldLines,
  targetedFields: readonly string[],
): ResponseDirectives {
  for (const name of targetedFields) {
    const directives = targetedDirectives(getField(fields, name));
    if (directives !== undefined) return directives;
  }
  const directives = emptyResponseDirectives();
  const value = getField(fields, "cache-control");
  if (value === undefined) return directives;
  directives.malformed = hasOpenQuote(value);
  const seen = new Set<string>();
  for (const member of listMembers(value)) {
    const { name, argument } = splitDirective(member);
    // Of repeated directives the first counts (RFC 9111 section 4.2.1).
    if (seen.has(name)) continue;
    if (!isQualified(name, argument)) seen.add(name);
    applyResponseDirective(directives, name, argument, deltaSeconds(argument));
  }
  return directives;
}

/** Of a request; its Pragma counts only without Cache-Control (RFC 9111 section 5.4). */
export function requestDirectives(fields: FieldLines): RequestDirectives {
  const directives: RequestDirectives = {
    noStore: false,
    noCache: false,
    onlyIfCached: false,
    maxAge: undefined,
    minFresh: undefined,
    maxStale: undefined,
    pragma: false,
  };
  const value = getField(fields, "cache-control");
  if (value === undefined) {
    const pragma = listMembers(getField(fields, "pragma"));
    directives.pragma = pragma.some((member) => member.toLowerCase() === "no-cache");
    directives.noCache = directives.pragma;
    return directives;
  }
  for (const member of listMembers(value)) {
    const { name, argument } = splitDirective(member);
    applyRequestDirective(directives, name, argument);
  }
  return directives;
}

function applyRequestDirective(
  directives: RequestDirectives,
  name: string,
  argument: string | undefined,
): void {
  const seconds = deltaSeconds(argument);
  if (name === "no-store") directives.noStore = true;
  else if (name === "no-cache") directives.noCache = true;
  else if (name === "only-if-cached") directives.onlyIfCached = true;
  // Invalid arguments: the client gets something younger or fresher than it may have meant, never
  // the reverse.
  else if (name === "max-age") directives.maxAge ??= Math.max(0, seconds ?? 0);
  else if (name === "min-fresh")
    directives.minFresh ??= seconds === INVALID ? SECONDS_MAX : seconds;
  else if (name === "max-stale" && seconds !== INVALID) {
    directives.maxStale ??= seconds ?? Number.POSITIVE_INFINITY;
  }
}

function applyResponseDirective(
  directives: ResponseDirectives,
  name: string,
  argument: string | undefined,
  seconds: Seconds,
): void {
  switch (name) {
    case "no-store":
      directives.noStore = true;
      break;
    case "no-cache":
      if (!strip(directives, argument)) directives.noCache = true;
      break;
    case "private":
      if (!strip(directives, argument)) directives.private = true;
      break;
    case "public":
      directives.public = true;
      break;
    case "must-revalidate":
      directives.mustRevalidate = true;
      break;
    case "proxy-revalidate":
      directives.proxyRevalidate = true;
      break;
    case "must-understand":
      directives.mustUnderstand = true;
      break;
    case "max-age":
      directives.maxAge = seconds ?? INVALID;
      break;
    case "s-maxage":
      directives.sMaxAge = seconds ?? INVALID;
      break;
    case "stale-while-revalidate":
      directives.staleWhileRevalidate = seconds ?? INVALID;
      break;
    case "stale-if-error":
      directives.staleIfError = seconds ?? INVALID;
      break;
  }
}

function targetedDirectives(value: string | undefined): ResponseDirectives | undefined {
  if (value === undefined) return undefined;
  const dictionary = parseDictionary(value);
  // Empty or malformed: as if it were not there (RFC 9213 section 2.1).
  if (dictionary === undefined || dictionary.size === 0) return undefined;
  const directives = emptyResponseDirectives();
  directives.targeted = true;
  for (const [name, item] of dictionary) {
    // A directive that is false is one that is not there; any other value of one without argument
    // is ignored.
    if (item.kind === "boolean" && !item.value) continue;
    const seconds = item.kind === "integer" ? clampSeconds(item.value) : INVALID;
    const argument = item.kind === "string" || item.kind === "token" ? item.value : undefined;
    applyResponseDirective(directives, name, argument, seconds);
  }
  return directives;
}

function emptyResponseDirectives(): ResponseDirectives {
  return {
    noStore: false,
    noCache: false,
    strippedFields: [],
    private: false,
    public: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    maxAge: undefined,
    sMaxAge: undefined,
    staleWhileRevalidate: undefined,
    staleIfError: undefined,
    malformed: false,
    targeted: false,
  };
}

/**
 * The name keeps white space in front of "=": then it is no directive that we know (RFC 9111
 * section 5.2).
 */
function splitDirective(member: string): { name: string; argument: string | undefined } {
  const equals = member.indexOf("=");
  if (equals < 0) return { name: member.toLowerCase(), argument: undefined };
  const argument = member.slice(equals + 1);
  const quoted = argument.length >= 2 && argument.startsWith('"') && argument.endsWith('"');
  return {
    name: member.slice(0, equals).toLowerCase(),
    argument: quoted ? argument.slice(1, -1).replace(/\\(.)/g, "$1") : argument,
  };
}

/** Token and quoted form both count (RFC 9111 section 5.2). */
function deltaSeconds(argument: string | undefined): Seconds {
  if (argument === undefined) return undefined;
  return DIGITS.test(argument) ? clampSeconds(Number(argument)) : INVALID;
}

function clampSeconds(seconds: number): number {
  return seconds < 0 ? INVALID : Math.min(seconds, SECONDS_MAX);
}

/**
 * Notes the fields of a qualified no-cache or private; false where they are no names, so that all
 * is meant.
 */
function strip(directives: ResponseDirectives, argument: string | undefined): boolean {
  if (argument === undefined) return false;
  const names = argument.split(",").map((name) => trimOws(name).toLowerCase());
  if (!names.every((name) => TOKEN.test(name))) return false;
  directives.strippedFields.push(...names);
  return true;
}

/** Several qualified forms add up, and one without fields may still follow. */
function isQualified(name: string, argument: string | undefined): boolean {
  return argument !== undefined && (name === "no-cache" || name === "private");
}

function hasOpenQuote(value: string): boolean {
  let quoted = false;
  for (let index = 0; index < value.length; index++) {
    const char = value[index];
    if (char === '"') quoted = !quoted;
    else if (char === "\\" && quoted) index++;
  }
  return quoted;
}

const DIGITS = /^\d+$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
