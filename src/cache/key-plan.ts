// Owns what of a request is in the cache key of a route, and that the rest does not reach the
// origin server where its response may be stored (RFC 9111 sections 2 and 4.1): the request is
// brought into the form that is looked up by and forwarded, so that the two cannot differ. Pure;
// knows no stores.

import { fieldValues, hasField, withoutFields } from "../http/fields.ts";
import type { FieldLines, RequestHead } from "../http/message.ts";

export interface QueryRules {
  /** Which parameters stay; a name that ends in `*` stands for all that start so. */
  readonly kind: "all" | "none" | "allow" | "deny";
  readonly names: readonly string[];
  /** Parameters in the order of their names; those of one name keep theirs. */
  readonly sort: boolean;
}

export interface KeyRules {
  readonly query: QueryRules;
  /** Names in lower case. Their values are variants of the URI, as if Vary named them. */
  readonly headers: readonly string[];
  /** Cookies that stay, and are variants; null: Cookie goes on as it is, and is not in the key. */
  readonly cookies: readonly string[] | null;
  /** Fields that tell the origin server the URI are believed when they come from somebody trusted. */
  readonly forwarding: "believed" | "ignored";
}

/** What a trusted proxy says of the URI: origin servers make redirects and links of it. */
const FORWARDING: readonly string[] = [
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
];
const FORWARDING_NAMES: ReadonlySet<string> = new Set(FORWARDING);
const COOKIE: ReadonlySet<string> = new Set(["cookie"]);

export class KeyPlan {
  readonly rules: KeyRules;
  /** Request fields that select among the responses of one URI, whatever Vary says; lower case. */
  readonly fields: readonly string[];
  /** Fields that may go on although they can ask for something else than the URI names. */
  readonly keyed: ReadonlySet<string>;

  constructor(rules: KeyRules) {
    this.rules = rules;
    const cookies = rules.cookies !== null && rules.cookies.length > 0 ? ["cookie"] : [];
    const forwarding = rules.forwarding === "believed" ? FORWARDING : [];
    this.fields = [...new Set([...rules.headers, ...cookies, ...forwarding])];
    this.keyed = new Set(rules.headers);
  }

  /** The request as it is looked up, stored for and forwarded; `trusted`: so is its sender. */
  normalised(request: RequestHead, trusted: boolean): RequestHead {
    const path = this.pathOf(request.path);
    let { fields } = request;
    // What is not believed is not forwarded, so it must not select either.
    if (this.rules.forwarding === "believed" && !trusted) {
      fields = withoutFields(fields, FORWARDING_NAMES);
    }
    if (this.rules.cookies !== null) fields = withCookies(fields, this.rules.cookies);
    return { ...request, path, fields };
  }

  /** A path and query in the form that is in the key. Applying it twice changes nothing more. */
  pathOf(path: string): string {
    const { query } = this.rules;
    const mark = path.indexOf("?");
    if (mark < 0 || (query.kind === "all" && !query.sort)) return path;
    const before = path.slice(0, mark);
    if (query.kind === "none") return before;
    // Only "&" separates: a parameter that hides another behind ";" stays or goes as a whole.
    const kept = path
      .slice(mark + 1)
      .split("&")
      .filter((parameter) => keeps(query, parameter));
    if (query.sort) kept.sort((a, b) => compare(nameOf(a), nameOf(b)));
    return kept.length === 0 ? before : `${before}?${kept.join("&")}`;
  }

  /** Parameters that are not in the key, by name as sent; for explaining. */
  strippedParameters(path: string): string[] {
    const { query } = this.rules;
    const mark = path.indexOf("?");
    if (mark < 0 || query.kind === "all") return [];
    const parameters = path.slice(mark + 1).split("&");
    return parameters.filter((parameter) => !keeps(query, parameter)).map(nameOf);
  }
}

/**
 * Names are compared as sent, byte by byte: an allowed one in another encoding is taken off, and a
 * denied one in another encoding stays, in the key as in what is forwarded. Both are safe.
 */
function keeps(query: QueryRules, parameter: string): boolean {
  if (query.kind === "none") return false;
  if (query.kind === "all") return true;
  const name = nameOf(parameter);
  const listed = query.names.some((one) =>
    one.endsWith("*") ? name.startsWith(one.slice(0, -1)) : one === name,
  );
  return listed === (query.kind === "allow");
}

function nameOf(parameter: string): string {
  const equals = parameter.indexOf("=");
  return equals < 0 ? parameter : parameter.slice(0, equals);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Cookie with these cookies alone, in the order of `names`; without any, there is no Cookie. */
function withCookies(fields: FieldLines, names: readonly string[]): FieldLines {
  if (!hasField(fields, "cookie")) return fields;
  const others = withoutFields(fields, COOKIE);
  const kept = cookiesNamed(fields, names);
  return kept === "" ? others : [...others, "Cookie", kept];
}

/** Of a cookie that is there several times all go on, and all count. */
function cookiesNamed(fields: FieldLines, names: readonly string[]): string {
  const lines = fieldValues(fields, "cookie");
  const pairs = lines.flatMap((line) => line.split(";")).map((pair) => pair.trim());
  return names.flatMap((name) => pairs.filter((pair) => nameOf(pair) === name)).join("; ");
}

/** The request has one of these cookies. */
export function hasCookie(fields: FieldLines, names: readonly string[]): boolean {
  return cookiesNamed(fields, names) !== "";
}
