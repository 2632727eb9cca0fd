// Owns Vary: which request fields select a stored response, and when two requests select the same
// one (RFC 9111 section 4.1, RFC 9110 section 12.5.5). Pure.

import { fieldId, getField, listMembers, trimOws } from "../../http/fields.ts";
import type { FieldLines } from "../../http/message.ts";

/** One field that Vary names, as the request that fetched the response sent it. */
export interface SelectingField {
  /** FIELD_* id, 0 for a field that is not well known. */
  readonly id: number;
  readonly name: string;
  /**
   * The value of its only line; null without one. Several lines are joined, and then no raw value
   * equals it.
   */
  readonly value: string | null;
  /** The same in normal form: equal for requests that mean the same. */
  readonly normalised: string;
}

/**
 * Raw field values of a request that has not been decoded: the hit path compares in the core's
 * memory.
 */
export interface RawFields {
  /**
   * The request's only line of this field has exactly this value; null: it has no such line. False
   * where it is not so or cannot be told at once (several lines): then the slow path decides.
   */
  fieldEquals(id: number, nameLower: string, value: string | null): boolean;
}

/**
 * Names of more fields than this in one Vary are not worth a variant: the response is not stored.
 */
export const VARY_FIELDS_MAX = 16;

/**
 * The field names in lower case, without repetition; empty without Vary; undefined where no request
 * but one can be answered: `*`, a field that is new in each request, something that is no list of
 * names, or more than VARY_FIELDS_MAX names.
 */
export function varyNames(fields: FieldLines): readonly string[] | undefined {
  const value = getField(fields, "vary");
  if (value === undefined) return NO_NAMES;
  const names: string[] = [];
  for (const member of listMembers(value)) {
    const name = member.toLowerCase();
    if (!TOKEN.test(name) || UNSELECTABLE.has(name)) return undefined;
    if (!names.includes(name)) names.push(name);
  }
  return names.length > VARY_FIELDS_MAX ? undefined : names;
}

export function selectingFields(
  names: readonly string[],
  requestFields: FieldLines,
): readonly SelectingField[] {
  if (names.length === 0) return NO_FIELDS;
  return names.map((name) => {
    const value = getField(requestFields, name) ?? null;
    return { id: fieldId(name), name, value, normalised: normalise(name, value) };
  });
}

/**
 * Hot. The request selects the response, judged by raw values alone; false does not mean that it
 * does not.
 */
export function selectsRaw(selecting: readonly SelectingField[], request: RawFields): boolean {
  for (let index = 0; index < selecting.length; index++) {
    const field = selecting[index];
    if (field === undefined || !request.fieldEquals(field.id, field.name, field.value))
      return false;
  }
  return true;
}

/** The request selects the response (RFC 9111 section 4.1). */
export function selects(selecting: readonly SelectingField[], requestFields: FieldLines): boolean {
  return selecting.every((field) => {
    const value = getField(requestFields, field.name) ?? null;
    return value === field.value || normalise(field.name, value) === field.normalised;
  });
}

/**
 * What proxies write for the next hop tells clients or requests apart, and what it will be is not
 * in the request that we receive: to vary by it is to vary by everything.
 */
const UNSELECTABLE: ReadonlySet<string> = new Set([
  "*",
  "forwarded",
  "traceparent",
  "via",
  "x-forwarded-for",
  "x-real-ip",
  "x-request-id",
]);

const NO_NAMES: readonly string[] = [];
const NO_FIELDS: readonly SelectingField[] = [];
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** No value has a control character: an absent field equals no value, not even an empty one. */
const ABSENT = "\u0000";

/**
 * Only what cannot change the meaning: white space around commas, and for the two fields whose
 * syntax we know also case, weights and order. Members of one weight have no order: not in
 * Accept-Encoding (RFC 9110 section 12.5.3), and not in Accept-Language, where a meaning that some
 * recipients give it "cannot be relied upon" (section 12.5.4). Browsers give each language a weight
 * of its own, so that nothing is lost to those who give it one.
 */
function normalise(name: string, value: string | null): string {
  if (value === null) return ABSENT;
  if (name === "accept-encoding" || name === "accept-language") {
    return listMembers(value).map(weighted).sort().join(",");
  }
  return SINGLETONS.has(name) ? trimOws(value) : listMembers(value).join(",");
}

/**
 * In these a comma is not what separates members, or the value tells clients apart: they are
 * compared as they are. In all others white space around commas means nothing (RFC 9110 section
 * 5.6.1), as does an empty member.
 */
const SINGLETONS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "from",
  "host",
  "origin",
  "referer",
  "user-agent",
]);

/** A member in lower case, its weight without superfluous digits and left out where it is 1. */
function weighted(member: string): string {
  const semicolon = member.indexOf(";");
  const text = member.toLowerCase();
  if (semicolon < 0) return text;
  const coding = trimOws(text.slice(0, semicolon));
  const match = WEIGHT.exec(trimOws(text.slice(semicolon + 1)));
  if (match === null) return text;
  const weight = Number(match[1]);
  return weight === 1 ? coding : `${coding};q=${weight}`;
}

const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;
