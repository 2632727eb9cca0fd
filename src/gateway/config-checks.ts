// Owns what is checked across keys: names that must exist, routes that cover each other, listeners
// that would collide, an admin listener that strangers could reach. Works on values whose shape may
// be wrong, so that one pass says it all.

import { checkUpstream } from "./config-checks-upstreams.ts";
import { isMap } from "./config-environment.ts";
import { checkFallbacks, fallbackTargets } from "./config-fallback.ts";
import { defaultOf } from "./config-keys.ts";
import { isStatusKey, STATUS_CLASSES } from "./config-resolve-cache.ts";
import type { ProblemList } from "./config-problem.ts";
import { parseDuration } from "./config-units.ts";
import { formatAddress, isLoopback, parseAddress } from "./listen-address.ts";
import { compareSpecificity, parseMatch } from "./route-match.ts";
import type { RouteMatch } from "./route-match.ts";
import { nearestWord } from "./suggestion.ts";

const UPSTREAM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Reports what is wrong between keys of a config, whether or not each key is right by itself. */
export function checkAcross(value: unknown, problems: ProblemList): void {
  if (!isMap(value)) return;
  const upstreams = isMap(value["upstreams"]) ? value["upstreams"] : {};
  checkUpstreams(value["upstreams"], upstreams, value["zone"], problems);
  checkDns(value["dns"], problems);
  checkRoutes(value, upstreams, problems);
  checkFallbacks(value, upstreams, problems);
  checkListeners(value, problems);
  checkRedis(value["cache"], problems);
}

function checkRedis(cache: unknown, problems: ProblemList): void {
  if (!isMap(cache) || cache["redis"] === undefined) return;
  const { memory, redis } = cache;
  if (memory === "off") problems.warn(["cache", "redis"], "not used: cache.memory is off");
  if (!isMap(redis) || redis["ca"] === undefined || typeof redis["url"] !== "string") return;
  if (!redis["url"].startsWith("rediss")) {
    problems.error(["cache", "redis", "ca"], "without rediss:// nothing is checked against it");
  }
}

function checkUpstreams(
  written: unknown,
  upstreams: Readonly<Record<string, unknown>>,
  zone: unknown,
  problems: ProblemList,
): void {
  const names = Object.keys(upstreams);
  const empty = written === undefined || (isMap(written) && names.length === 0);
  if (empty) problems.error(["upstreams"], "at least one upstream is required");
  for (const name of names) {
    if (!UPSTREAM_NAME.test(name)) {
      problems.error(["upstreams", name], "a name is letters, digits and . _ -, at most 64");
    }
    checkUpstream(name, upstreams[name], zone, problems);
  }
}

function checkDns(dns: unknown, problems: ProblemList): void {
  if (!isMap(dns)) return;
  const ttlMs = (key: string): number | null => {
    const written = dns[key] ?? defaultOf(`dns.${key}`);
    return typeof written === "string" ? parseDuration(written) : null;
  };
  const [minMs, maxMs] = [ttlMs("minTtl"), ttlMs("maxTtl")];
  if (minMs === null || maxMs === null || minMs <= maxMs) return;
  const at = dns["minTtl"] === undefined ? "maxTtl" : "minTtl";
  problems.error(["dns", at], "dns.minTtl is longer than dns.maxTtl");
}

function checkRoutes(
  config: Readonly<Record<string, unknown>>,
  upstreams: Readonly<Record<string, unknown>>,
  problems: ProblemList,
): void {
  const routes = config["routes"];
  const names = Object.keys(upstreams);
  if (routes === undefined) {
    if (names.length > 1) {
      problems.error(["routes"], "which upstream gets what: needed with more than one upstream");
    }
    return;
  }
  if (!Array.isArray(routes)) return;
  if (routes.length === 0) problems.error(["routes"], "at least one route is required");
  const used = new Set<string>();
  for (const [index, route] of routes.entries()) {
    const to: unknown = isMap(route) ? route["to"] : undefined;
    if (typeof to !== "string") continue;
    used.add(to);
    if (!Object.hasOwn(upstreams, to)) {
      problems.error(["routes", index, "to"], `no upstream "${to}"`, nearestWord(to, names));
    }
  }
  for (const name of fallbackTargets(config, upstreams)) used.add(name);
  for (const name of names) {
    if (!used.has(name)) problems.warn(["upstreams", name], "no route leads to it");
  }
  for (const [index, route] of routes.entries()) {
    if (isMap(route) && isMap(route["cache"])) checkRouteCache(route["cache"], index, problems);
  }
  checkShadows(config, routes, problems);
  checkRouteNames(routes, problems);
}

function checkRouteCache(
  cache: Readonly<Record<string, unknown>>,
  index: number,
  problems: ProblemList,
): void {
  const path = ["routes", index, "cache"];
  if (Object.keys(cache).length === 0) problems.error(path, "says nothing", "auto");
  const status = isMap(cache["status"]) ? Object.keys(cache["status"]) : [];
  for (const name of status) {
    if (isStatusKey(name)) continue;
    const message = "expected a status code that is stored, such as 404, or a class such as 5xx";
    problems.error([...path, "status", name], message, nearestWord(name, STATUS_CLASSES));
  }
  const query = isMap(cache["key"]) ? cache["key"]["query"] : undefined;
  if (isMap(query) && query["allow"] !== undefined && query["deny"] !== undefined) {
    problems.error([...path, "key", "query"], "allow and deny: one of them says it all");
  }
}

/**
 * Routes are tried most specific first, so only an equal match can keep a route from ever being
 * reached.
 */
function checkShadows(
  config: Readonly<Record<string, unknown>>,
  routes: readonly unknown[],
  problems: ProblemList,
): void {
  const health = config["health"] ?? defaultOf("health");
  const earlier: { match: RouteMatch; index: number }[] = [];
  for (const [index, route] of routes.entries()) {
    const source = isMap(route) ? route["match"] : undefined;
    const result = typeof source === "string" ? parseMatch(source) : null;
    if (result === null || !("match" in result)) continue;
    const { match } = result;
    const path = ["routes", index, "match"];
    const twin = earlier.find((other) => compareSpecificity(other.match, match) === 0);
    if (twin !== undefined) {
      problems.warn(path, `never reached: routes[${twin.index}] has the same match`);
    } else if (!match.rest && `/${match.segments.join("/")}` === health) {
      problems.warn(path, "never reached: the gateway answers this path itself (health)");
    }
    earlier.push({ match, index });
  }
}

function checkRouteNames(routes: readonly unknown[], problems: ProblemList): void {
  const seen = new Map<string, number>();
  for (const [index, route] of routes.entries()) {
    const name = isMap(route) ? route["name"] : undefined;
    if (typeof name !== "string") continue;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    else problems.error(["routes", index, "name"], `routes[${first}] has this name already`);
  }
}

function checkListeners(config: Readonly<Record<string, unknown>>, problems: ProblemList): void {
  const listen = config["listen"];
  const seen = new Map<string, number>();
  if (Array.isArray(listen)) {
    if (listen.length === 0) problems.error(["listen"], "at least one address is required");
    for (const [index, item] of listen.entries()) {
      const text: unknown = isMap(item) ? item["address"] : item;
      const parsed = typeof text === "string" ? parseAddress(text) : null;
      if (parsed === null || parsed.address.port === 0) continue;
      const address = formatAddress(parsed.address);
      const first = seen.get(address);
      if (first !== undefined) {
        problems.error(["listen", index], `listen[${first}] is the same address`);
      }
      seen.set(address, index);
    }
  }
  checkAdmin(config["admin"], seen, problems);
}

function checkAdmin(
  admin: unknown,
  publicListeners: ReadonlyMap<string, number>,
  problems: ProblemList,
): void {
  if (!isMap(admin) || typeof admin["listen"] !== "string") return;
  const parsed = parseAddress(admin["listen"]);
  if (parsed === null) return;
  const path = ["admin", "listen"];
  if (publicListeners.has(formatAddress(parsed.address))) {
    problems.error(path, "the same address as a public listener");
  }
  if (!isLoopback(parsed.address) && admin["token"] === undefined) {
    problems.error(path, "any address but loopback needs admin.token");
  }
}
