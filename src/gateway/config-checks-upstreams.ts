// Owns what is checked across the keys of one upstream: targets that are the same, limits that
// contradict each other, keys that have no effect. Works on values whose shape may be wrong.

import { targetName } from "../upstream/target.ts";
import { isMap } from "./config-environment.ts";
import { type ConfigPath, defaultOf } from "./config-keys.ts";
import type { ProblemList } from "./config-problem.ts";
import { parseDuration, parsePercentile, parseShare } from "./config-units.ts";
import { parseTarget } from "./listen-address.ts";

type Values = Readonly<Record<string, unknown>>;

/** What nginx and the balancers of clouds close after. */
const KEEP_ALIVE_USUAL_MS = 60_000;
const NOTHING: Values = {};

/** `zone`: where the gateway runs, as far as the config says. */
export function checkUpstream(
  name: string,
  upstream: unknown,
  zone: unknown,
  problems: ProblemList,
): void {
  if (!isMap(upstream)) return;
  const path = ["upstreams", name];
  const targets = Array.isArray(upstream["targets"]) ? (upstream["targets"] as unknown[]) : null;
  if (targets !== null) {
    checkTargets([...path, "targets"], targets, zone, problems);
    checkWire(path, upstream, targets, problems);
  }
  checkTimes(path, upstream, problems);
  checkUseless(path, upstream, problems);
  checkHedge(name, upstream, problems);
  const limit = mapOf(upstream["concurrency"]);
  if (Number(limit["min"]) > Number(limit["max"] ?? Number.NaN)) {
    problems.error([...path, "concurrency", "min"], "above max");
  }
  checkSticky([...path, "sticky"], upstream["sticky"], problems);
}

function checkTargets(
  path: ConfigPath,
  targets: readonly unknown[],
  zone: unknown,
  problems: ProblemList,
): void {
  const present = targets.filter((target) => target !== undefined);
  if (present.length === 0) problems.error(path, "at least one target is required");
  const backups = present.filter((target) => isMap(target) && target["backup"] === true);
  if (present.length > 0 && backups.length === present.length) {
    problems.error(path, "every target is a backup; one must not be");
  }
  const idle = present.filter((target) => isMap(target) && target["weight"] === 0);
  if (present.length > 0 && idle.length === present.length) {
    problems.warn(path, "every target has weight 0: no request is answered");
  }
  const seen = new Map<string, { readonly index: number; readonly origin: string }>();
  for (const [index, target] of targets.entries()) {
    const origin = originOf(target);
    if (isMap(target) && target["zone"] !== undefined && zone === undefined) {
      problems.warn([...path, index, "zone"], "not used: the gateway's own zone is not set");
    }
    if (origin === null) continue;
    const same = targetName(new URL(origin));
    const first = seen.get(same);
    if (first === undefined) seen.set(same, { index, origin });
    else if (first.origin === origin) {
      const message = `the same target as targets[${first.index}]; their weights add up`;
      problems.warn([...path, index], message);
    } else {
      const message = `targets[${first.index}] has this host and port, with another scheme`;
      problems.error([...path, index], message);
    }
  }
}

/** What is spoken to the targets, and TLS that none of them has. */
function checkWire(
  path: ConfigPath,
  { protocol, tls }: Values,
  targets: readonly unknown[],
  problems: ProblemList,
): void {
  const origins = targets.map(originOf);
  const plain = origins.findIndex((origin) => origin?.startsWith("http:") === true);
  if (protocol === "h2" && plain >= 0) {
    const message =
      `targets[${plain}] has no TLS: HTTP/2 is spoken to it unasked (h2c), ` +
      "and few servers understand that";
    problems.warn([...path, "protocol"], message);
  }
  if (isMap(tls) && tls["verify"] === "off") {
    const message = "the origin may be anybody, and whoever is in the way reads it all";
    problems.warn([...path, "tls", "verify"], message);
  }
  const isSecure = origins.some((origin) => origin === null || /^https[:+]/.test(origin));
  if (tls !== undefined && !isSecure)
    problems.warn([...path, "tls"], "not used: no target is https");
}

/** Limits of which one ends what another still allows. */
function checkTimes(path: ConfigPath, upstream: Values, problems: ProblemList): void {
  const timeout = mapOf(upstream["timeout"]);
  const pool = mapOf(upstream["pool"]);
  const eject = mapOf(mapOf(upstream["health"])["eject"]);
  const key = "upstreams.<name>";
  const totalMs = millisecondsOf(timeout["total"]);
  for (const part of ["connect", "headers", "idle"] as const) {
    const partMs = millisecondsOf(timeout[part]);
    // Only what was written: the defaults are long, and meant for no total.
    if (totalMs === null || partMs === null || partMs <= totalMs) continue;
    const message = `longer than timeout.total, which ends the exchange before`;
    problems.warn([...path, "timeout", part], message);
  }
  const queueMs = millisecondsOf(pool["queueTimeout"]);
  if (totalMs !== null && queueMs !== null && queueMs > totalMs) {
    const message = "longer than timeout.total, which ends the exchange before";
    problems.warn([...path, "pool", "queueTimeout"], message);
  }
  const keepAliveMs = millisecondsOf(pool["keepAlive"]);
  if (keepAliveMs !== null && keepAliveMs > KEEP_ALIVE_USUAL_MS) {
    const message =
      "above the 60 s after which most servers and balancers close: the origin would be first";
    problems.warn([...path, "pool", "keepAlive"], message);
  }
  const forMs = millisecondsOf(eject["for"] ?? defaultOf(`${key}.health.eject.for`));
  const forMsMax = millisecondsOf(eject["forMax"] ?? defaultOf(`${key}.health.eject.forMax`));
  if (forMs !== null && forMsMax !== null && forMs > forMsMax) {
    const at = eject["forMax"] === undefined ? "for" : "forMax";
    problems.warn([...path, "health", "eject", at], "eject.for is longer than eject.forMax allows");
  }
}

/** Keys that change nothing beside others. */
function checkUseless(path: ConfigPath, upstream: Values, problems: ProblemList): void {
  const balance = upstream["balance"] ?? defaultOf("upstreams.<name>.balance");
  for (const own of ["hash", "adaptive"]) {
    if (upstream[own] === undefined || balance === own || typeof balance !== "string") continue;
    problems.warn([...path, own], `not used: balance is ${balance}`);
  }
  const health = mapOf(upstream["health"]);
  for (const part of ["every", "timeout", "status", "rise", "fall"]) {
    if (health[part] === undefined || health["path"] !== undefined) continue;
    problems.warn([...path, "health", part], "not used: no checks are made without health.path");
  }
  const retry = mapOf(upstream["retry"]);
  if (retry["attempts"] === 1 && retry["when"] !== undefined) {
    problems.warn([...path, "retry", "when"], "not used: attempts is 1, so nothing is retried");
  }
}

/** More second tries than the budget ever allows. */
function checkHedge(
  name: string,
  upstream: Readonly<Record<string, unknown>>,
  problems: ProblemList,
): void {
  const hedge = upstream["hedge"];
  const at = isMap(hedge) ? hedge["at"] : hedge;
  const retry = isMap(upstream["retry"]) ? upstream["retry"] : {};
  const budget = retry["budget"] ?? defaultOf("upstreams.<name>.retry.budget");
  if (typeof at !== "string" || typeof budget !== "string") return;
  const quantile = parsePercentile(at);
  const share = parseShare(budget);
  if (quantile === null || share === null || 1 - quantile <= share + 1e-9) return;
  const percent = `${Math.round((1 - quantile) * 1000) / 10} %`;
  const message = `would try ${percent} of the requests twice; retry.budget is ${budget}`;
  problems.warn(["upstreams", name, "hedge", ...(isMap(hedge) ? ["at"] : [])], message);
}

function checkSticky(path: ConfigPath, sticky: unknown, problems: ProblemList): void {
  if (!isMap(sticky)) return;
  const { secrets, sameSite, secure } = sticky;
  if (Array.isArray(secrets) && secrets.every((secret) => secret === undefined)) {
    problems.error([...path, "secrets"], "at least one secret is required");
  }
  if (sameSite === "none" && secure === "off") {
    problems.error([...path, "secure"], "browsers refuse sameSite: none without it", "on");
  }
}

function originOf(target: unknown): string | null {
  const url = isMap(target) ? target["url"] : target;
  return typeof url === "string" ? parseTarget(url) : null;
}

function mapOf(value: unknown): Values {
  return isMap(value) ? value : NOTHING;
}

/** null for what is not written, `off`, or no duration. */
function millisecondsOf(value: unknown): number | null {
  return typeof value === "string" ? parseDuration(value) : null;
}
