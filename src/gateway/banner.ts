// Owns what start-up says: one banner on a terminal, one JSON line otherwise. Pure: text from
// facts. Never prints a secret; tokens are only said to be there.

import { MISSING_FEATURES } from "./config-unavailable.ts";
import { formatBytes } from "./config-units.ts";
import type { GatewayConfig } from "./gateway-config.ts";

export interface StartUp {
  readonly version: string;
  /** Since the process was started. */
  readonly elapsedMs: number;
  readonly config: GatewayConfig;
  /** Public URLs, as bound. */
  readonly urls: readonly string[];
  readonly adminUrl: string | null;
  /** Threads that serve. */
  readonly workers: number;
  /** Which implementation of the core parses: "wasm-simd" or "reference". */
  readonly engine: string;
  /** Whether Redis answered at the start; null without. */
  readonly redis: "up" | "down" | null;
  /** Worth trying, with a word on each. */
  readonly links: readonly { readonly url: string; readonly about: string }[];
  readonly hints: readonly string[];
}

type Paint = (style: "bold" | "dim" | "cyan" | "yellow", text: string) => string;

/** What is off and why, most important first. */
export function inactiveFeatures(config: GatewayConfig): readonly string[] {
  const off: string[] = [];
  if (config.admin === null) off.push("admin listener, metrics and readiness (admin: off)");
  if (config.health === null) off.push("health path (health: off)");
  if (config.cache.memoryBytesMax === 0) off.push("cache (cache.memory: off)");
  if (config.cache.memoryBytesMax > 0 && !config.cache.coalesce) {
    off.push("coalescing (cache.coalesce: false)");
  }
  if (config.cache.redis === null) off.push("second cache tier (cache.redis is not set)");
  if (config.log.access.kind === "off") off.push("access log (log.access: off)");
  off.push(`${MISSING_FEATURES.join(", ")} (not in this version)`);
  return off;
}

const REDIS_TEXT = {
  up: "up: the second tier of the cache",
  down: "not reachable; tried again, meanwhile responses are kept in memory alone",
};

/** The banner of a terminal. */
export function bannerText(start: StartUp, paint: Paint): string {
  const { config } = start;
  const elapsed = `ready in ${Math.round(start.elapsedMs)} ms`;
  const heading = `${paint("bold", "edgelane")} ${start.version}  ${paint("dim", elapsed)}`;
  const rows: [string, string][] = start.urls.map((url) => ["listen", paint("cyan", url)]);
  if (start.adminUrl !== null) {
    const token = typeof config.admin?.token === "string" ? " (with token)" : "";
    rows.push(["admin", `${paint("cyan", start.adminUrl)}${token}`]);
    rows.push(["metrics", paint("cyan", `${start.adminUrl}/metrics`)]);
  }
  if (config.health !== null) {
    rows.push(["health", paint("cyan", `${start.urls[0] ?? ""}${config.health}`)]);
  }
  rows.push(["config", config.file ?? "none (defaults)"]);
  rows.push(["routes", routesText(config)]);
  for (const upstream of config.upstreams.values()) rows.push(["upstream", upstreamText(upstream)]);
  const memory = config.cache.memoryBytesMax;
  if (memory > 0) rows.push(["cache", `${formatBytes(memory)} in memory`]);
  rows.push(["workers", String(start.workers)]);
  if (start.redis !== null) rows.push(["redis", REDIS_TEXT[start.redis]]);
  rows.push(["core", start.engine]);
  for (const feature of inactiveFeatures(config)) rows.push(["off", paint("dim", feature)]);
  for (const warning of config.warnings) rows.push(["warning", paint("yellow", warning)]);
  for (const hint of start.hints) rows.push(["hint", hint]);
  const lines = rows.map(([name, value], index) => {
    const repeated = rows[index - 1]?.[0] === name;
    return `  ${(repeated ? "" : name).padEnd(9)} ${value}`;
  });
  return ["", `  ${heading}`, "", ...lines, ...linkLines(start, paint), ""].join("\n");
}

/** The line of a log collector. */
export function bannerJson(start: StartUp, nowMs: number): string {
  const { config } = start;
  const targets = [...config.upstreams].map(([name, { targets }]) => [name, targets.length]);
  return JSON.stringify({
    level: "info",
    time: new Date(nowMs).toISOString(),
    msg: "serving",
    version: start.version,
    startUpMs: Math.round(start.elapsedMs),
    config: config.file,
    listen: start.urls,
    admin: start.adminUrl,
    routes: config.routes.length,
    targets: Object.fromEntries(targets),
    workers: start.workers,
    engine: start.engine,
    ...(start.redis === null ? {} : { redis: start.redis }),
    off: inactiveFeatures(config),
    warnings: config.warnings,
    ...(start.hints.length === 0 ? {} : { hints: start.hints }),
    ...(start.links.length === 0 ? {} : { links: start.links.map((link) => link.url) }),
  });
}

function routesText(config: GatewayConfig): string {
  const shown = config.routes.slice(0, 3).map((route) => `${route.match.source} -> ${route.to}`);
  const more = config.routes.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

/**
 * No request has gone anywhere yet, so nothing is known about what is up, and that is what is said.
 */
function upstreamText(upstream: { name: string; targets: readonly { origin: string }[] }): string {
  const { name, targets } = upstream;
  const count = `${targets.length} target${targets.length === 1 ? "" : "s"}`;
  const shown = targets.slice(0, 3).map((target) => target.origin);
  const more = targets.length > shown.length ? ", …" : "";
  return `${name}: ${count}, not checked (${shown.join(", ")}${more})`;
}

function linkLines(start: StartUp, paint: Paint): string[] {
  if (start.links.length === 0) return [];
  const width = Math.max(...start.links.map((link) => link.url.length));
  const lines = start.links.map((link) => {
    return `  ${paint("cyan", link.url)}${" ".repeat(width - link.url.length)}  ${link.about}`;
  });
  return ["", `  ${paint("bold", "Try")}`, ...lines];
}
