// Owns what a config may say of fallbacks: the causes, the pages, and that no chain of them leads
// back to where it began.

import { statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { isMap } from "./config-environment.ts";
import type { ConfigPath } from "./config-keys.ts";
import type { ProblemList } from "./config-problem.ts";
import { nearestWord } from "./suggestion.ts";

/** Larger ones are no error pages. */
const PAGE_BYTES_MAX = 1_048_576;

const CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html; charset=utf-8"],
  [".htm", "text/html; charset=utf-8"],
  [".json", "application/json"],
  [".txt", "text/plain; charset=utf-8"],
  [".xml", "application/xml"],
  [".svg", "image/svg+xml"],
]);

/** Content-Type by the ending of the name; undefined for one that is not known. */
export function pageType(file: string): string | undefined {
  return CONTENT_TYPES.get(extname(file).toLowerCase());
}

type Settings = Readonly<Record<string, unknown>>;

/** Reports rules that say nothing or too much, unknown upstreams, and circles. */
export function checkFallbacks(config: Settings, upstreams: Settings, problems: ProblemList): void {
  const names = Object.keys(upstreams);
  for (const name of names) {
    const rules = rulesOf(upstreams[name]);
    checkRules(rules, ["upstreams", name], names, problems);
    for (const [index, to] of targetsOf(rules)) {
      const circle = wayBack(to, name, upstreams, []);
      if (circle === null) continue;
      const path = ["upstreams", name, "fallback", index, "to"];
      problems.error(path, `leads back to itself: ${[name, ...circle].join(" -> ")}`);
    }
  }
  const routes: readonly unknown[] = Array.isArray(config["routes"]) ? config["routes"] : [];
  for (const [index, route] of routes.entries()) {
    const rules = rulesOf(route);
    checkRules(rules, ["routes", index], names, problems);
    const own = isMap(route) && typeof route["to"] === "string" ? route["to"] : "";
    for (const [at, to] of targetsOf(rules)) {
      const circle = wayBack(to, own, upstreams, []);
      if (circle === null) continue;
      const path = ["routes", index, "fallback", at, "to"];
      problems.error(path, `leads back to itself: ${[own, ...circle].join(" -> ")}`);
    }
  }
}

/** Reports pages that cannot be read or served; names are relative to `directory`. */
export function checkPages(value: unknown, directory: string, problems: ProblemList): void {
  if (!isMap(value)) return;
  const upstreams = Object.entries(isMap(value["upstreams"]) ? value["upstreams"] : {});
  const routes: readonly unknown[] = Array.isArray(value["routes"]) ? value["routes"] : [];
  const places: [ConfigPath, unknown][] = [
    ...upstreams.map(([name, upstream]): [ConfigPath, unknown] => [["upstreams", name], upstream]),
    ...routes.map((route, index): [ConfigPath, unknown] => [["routes", index], route]),
  ];
  for (const [path, holder] of places) {
    for (const [index, rule] of rulesOf(holder).entries()) {
      const page = isMap(rule) ? rule["page"] : undefined;
      const problem = typeof page === "string" ? pageProblem(resolve(directory, page)) : null;
      if (problem !== null) problems.error([...path, "fallback", index, "page"], problem);
    }
  }
}

/** The upstreams that are used by no route, but as a fallback. */
export function fallbackTargets(config: Settings, upstreams: Settings): ReadonlySet<string> {
  const routes: readonly unknown[] = Array.isArray(config["routes"]) ? config["routes"] : [];
  const holders = [...routes, ...Object.values(upstreams)];
  return new Set(holders.flatMap((holder) => targetsOf(rulesOf(holder)).map(([, to]) => to)));
}

function checkRules(
  rules: readonly unknown[],
  path: ConfigPath,
  names: readonly string[],
  problems: ProblemList,
): void {
  for (const [index, rule] of rules.entries()) {
    if (!isMap(rule)) continue;
    const at = [...path, "fallback", index];
    const { to, page, status } = rule;
    if ((to === undefined) === (page === undefined)) {
      problems.error(at, "needs one of the two: to, an upstream, or page, a file");
    } else if (page === undefined && status !== undefined) {
      problems.error([...at, "status"], "is for a page; an upstream has its own");
    } else if (typeof to === "string" && !names.includes(to)) {
      problems.error([...at, "to"], `no upstream "${to}"`, nearestWord(to, names));
    }
  }
}

function rulesOf(holder: unknown): readonly unknown[] {
  const rules = isMap(holder) ? holder["fallback"] : undefined;
  return Array.isArray(rules) ? rules : [];
}

function targetsOf(rules: readonly unknown[]): [index: number, to: string][] {
  return rules.flatMap((rule, index): [number, string][] => {
    const to = isMap(rule) ? rule["to"] : undefined;
    return typeof to === "string" ? [[index, to]] : [];
  });
}

/** The names on the way from `from` to `goal`; null where there is none. */
function wayBack(
  from: string,
  goal: string,
  upstreams: Settings,
  seen: readonly string[],
): readonly string[] | null {
  if (from === goal) return [from];
  if (seen.includes(from) || !Object.hasOwn(upstreams, from)) return null;
  for (const [, to] of targetsOf(rulesOf(upstreams[from]))) {
    const way = wayBack(to, goal, upstreams, [...seen, from]);
    if (way !== null) return [from, ...way];
  }
  return null;
}

function pageProblem(file: string): string | null {
  if (pageType(file) === undefined) {
    return `expected a file that ends in ${[...CONTENT_TYPES.keys()].join(", ")}`;
  }
  try {
    const stat = statSync(file);
    if (!stat.isFile()) return "is no file";
    const { size } = stat;
    return size > PAGE_BYTES_MAX ? `has ${size} bytes; a page has ${PAGE_BYTES_MAX} at most` : null;
  } catch (error) {
    return `cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown"}`;
  }
}
