// Owns the syntax of a route's match, `[METHOD ][host]/path`, and the order in which routes are
// tried. Pure. Hono does the matching itself (app.ts); host names are compared without case (RFC
// 9110 section 4.2.3), paths with it.

export interface RouteMatch {
  /** As written, without surplus spaces. */
  readonly source: string;
  /** null: any method. GET covers HEAD. */
  readonly method: string | null;
  readonly host: HostMatch | null;
  /**
   * Path segments, each a literal as sent, or "*" for any one segment. "/" is [""], "/a/" is ["a",
   * ""].
   */
  readonly segments: readonly string[];
  /** The match ended in a star: anything, or nothing, may follow the segments. */
  readonly rest: boolean;
}

export type HostMatch =
  | { readonly kind: "exact"; readonly name: string }
  /** `*.example.com`: `suffix` is ".example.com", and one or more labels stand before it. */
  | { readonly kind: "wildcard"; readonly suffix: string };

export type MatchResult =
  | { readonly match: RouteMatch }
  | { readonly problem: string; readonly suggestion: string | null };

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const HOST_LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
const IPV6_LITERAL = /^\[[0-9a-f:.]+\]$/;
/**
 * pchar of RFC 3986 section 3.3, without ":" at the start, which the router would take for a
 * parameter.
 */
const SEGMENT = /^(?!:)(?:[A-Za-z0-9\-._~!$&'()+,;=:@]|%[0-9A-Fa-f]{2})*$/;

/** Reads one match; says what is wrong and, where it can, what was probably meant. */
export function parseMatch(source: string): MatchResult {
  const words = source.trim().split(/\s+/);
  if (words.length > 2) return problem("more than a method and a path", null);
  const target = words.length === 2 ? (words[1] ?? "") : (words[0] ?? "");
  const methodText = words.length === 2 ? (words[0] ?? "") : null;
  if (methodText === null && METHOD.test(target) && target === target.toUpperCase()) {
    if (/^[A-Z]+$/.test(target)) return problem("a method without a path", `${target} /*`);
  }
  const method = parseMethod(methodText);
  if (typeof method === "object" && method !== null) return method;
  const slash = target.indexOf("/");
  if (slash < 0) return problem("no path", target === "*" ? "/*" : `${target}/*`);
  const host = parseHost(target.slice(0, slash).toLowerCase());
  if (host !== null && "problem" in host) return host;
  const path = parsePath(target.slice(slash));
  if ("problem" in path) return path;
  const match = { source: words.join(" "), method, host, ...path };
  return { match };
}

/**
 * Orders matches so that the first one that applies is the one that is meant: an exact host before
 * a wildcard before none; then, from the left, a literal segment before a star before a trailing
 * star; then a method before any. Zero exactly where two matches apply to the same requests.
 */
export function compareSpecificity(a: RouteMatch, b: RouteMatch): number {
  return compareHosts(a.host, b.host) || comparePaths(a, b) || compareMethods(a.method, b.method);
}

function parseMethod(
  text: string | null,
): string | null | Extract<MatchResult, { problem: string }> {
  if (text === null || text === "*") return null;
  if (!METHOD.test(text)) return problem(`"${text}" is not a method`, null);
  if (text !== text.toUpperCase()) {
    return problem("methods are case-sensitive", text.toUpperCase());
  }
  if (text === "HEAD") return problem("a GET match covers HEAD as well", "GET");
  if (text === "CONNECT") return problem("CONNECT has no path to route", null);
  return text;
}

function parseHost(host: string): HostMatch | null | Extract<MatchResult, { problem: string }> {
  if (host === "" || host === "*") return null;
  if (IPV6_LITERAL.test(host)) return { kind: "exact", name: host };
  const name = host.replace(/\.$/, "");
  const port = /^(.*):(\d+)$/.exec(name);
  if (port !== null) return problem("a host match has no port", port[1] ?? null);
  const labels = name.split(".");
  const wildcard = labels[0] === "*";
  const literal = wildcard ? labels.slice(1) : labels;
  if (literal.length === 0 || !literal.every((label) => HOST_LABEL.test(label))) {
    return problem(`"${host}" is not a host name`, null);
  }
  if (wildcard) return { kind: "wildcard", suffix: `.${literal.join(".")}` };
  return { kind: "exact", name };
}

function parsePath(
  path: string,
): Pick<RouteMatch, "segments" | "rest"> | Extract<MatchResult, { problem: string }> {
  const mark = path.search(/[?#]/);
  if (mark >= 0) return problem("a match has no query and no fragment", path.slice(0, mark));
  if (path.includes("//")) {
    return problem("a run of slashes is compared as one", path.replace(/\/{2,}/g, "/"));
  }
  const segments = path.slice(1).split("/");
  const rest = segments.at(-1) === "*";
  if (rest) segments.pop();
  for (const segment of segments) {
    if (segment === "*") continue;
    if (segment.startsWith(":")) {
      return problem(`"${segment}" is not a literal`, path.replaceAll(segment, "*"));
    }
    if (segment.includes("*")) return problem("a star stands for a whole segment", null);
    if (!SEGMENT.test(segment)) return problem(`"${segment}" is not a path segment`, null);
  }
  return { segments, rest };
}

function compareHosts(a: HostMatch | null, b: HostMatch | null): number {
  const rank = hostRank(b) - hostRank(a);
  if (rank !== 0 || a === null || b === null) return rank;
  const left = a.kind === "exact" ? a.name : a.suffix;
  const right = b.kind === "exact" ? b.name : b.suffix;
  return right.length - left.length || compareText(left, right);
}

function hostRank(host: HostMatch | null): number {
  if (host === null) return 0;
  return host.kind === "exact" ? 2 : 1;
}

function comparePaths(a: RouteMatch, b: RouteMatch): number {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let index = 0; index < length; index += 1) {
    const rank = segmentRank(b, index) - segmentRank(a, index);
    if (rank !== 0) return rank;
    const text = compareText(a.segments[index] ?? "", b.segments[index] ?? "");
    if (text !== 0) return text;
  }
  const end = segmentRank(b, length) - segmentRank(a, length);
  // "/a" and "/a/" differ only in their number of segments.
  return end || a.segments.length - b.segments.length;
}

/**
 * A path that has ended before `index` is as literal as can be; one that goes on with a star is the
 * least.
 */
function segmentRank(match: RouteMatch, index: number): number {
  const segment = match.segments[index];
  if (segment === undefined) return match.rest ? 0 : 2;
  return segment === "*" ? 1 : 2;
}

function compareMethods(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareText(a, b);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function problem(
  text: string,
  suggestion: string | null,
): Extract<MatchResult, { problem: string }> {
  return { problem: text, suggestion };
}
