// Owns the live page: asks /status every two seconds and shows it, with rates from one answer to
// the next. Loads nothing from anywhere else, and keeps the token for this tab only.

import { Chart } from "./dashboard-chart.js";
import { age, bytes, count, duration, percent, table, tile } from "./dashboard-view.js";

/** @typedef {import("../src/telemetry/status-report.ts").Status} Status */
/** @typedef {import("../src/telemetry/status-report.ts").TrafficStatus} TrafficStatus */

const POLL_MS = 2000;
const POINTS_MAX = 150;
const TOKEN_KEY = "edgelane-admin-token";

/** @param {string} id */
const byId = (id) => {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
};

const charts = {
  requests: new Chart({ title: "Requests a second", series: ["all"], format: count }, POINTS_MAX),
  hits: new Chart(
    { title: "Cache hit ratio", series: ["all"], format: wholePercent, max: 1 },
    POINTS_MAX,
  ),
  latency: new Chart(
    { title: "Latency, last minute", series: ["P50", "P99"], format: duration },
    POINTS_MAX,
  ),
};
byId("charts").append(...Object.values(charts).map((chart) => chart.element));

/** Of a scale, which needs no decimals. @param {number} ratio */
function wholePercent(ratio) {
  return `${Math.round(ratio * 100)} %`;
}

/** @type {Status | null} */
let last = null;
let isPolling = false;
/** The token was refused; asking again before there is another would only fill the console. */
let isSignedOut = false;

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = /** @type {HTMLInputElement} */ (byId("token"));
  sessionStorage.setItem(TOKEN_KEY, input.value);
  input.value = "";
  isSignedOut = false;
  void poll();
});
document.addEventListener("visibilitychange", () => void poll());
setInterval(() => void poll(), POLL_MS);
void poll();

async function poll() {
  if (document.hidden || isPolling || isSignedOut) return;
  isPolling = true;
  const token = sessionStorage.getItem(TOKEN_KEY);
  try {
    const response = await fetch("/status", {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(POLL_MS * 2),
    });
    isSignedOut = response.status === 401;
    byId("sign-in").hidden = !isSignedOut;
    if (isSignedOut) return say(token === null ? "signed out" : "that token is not the one", "bad");
    if (!response.ok) return say(`/status answered ${response.status}`, "bad");
    /** @type {Status} */
    const status = await response.json();
    show(status);
    const ready = await fetch("/readyz");
    if (ready.ok) say("ready", "good");
    else say((await ready.json()).status, "bad");
  } catch {
    // The gateway is gone or restarting; the next poll says whether it is back.
    say("no answer from the gateway", "bad");
    last = null;
  } finally {
    isPolling = false;
  }
}

/** @param {string} text @param {"good" | "bad"} kind */
function say(text, kind) {
  const state = byId("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = kind;
}

/** @param {Status} status */
function show(status) {
  // A gateway that restarted counts from zero again: there is no rate from before to after.
  const before = last !== null && last.uptimeSeconds < status.uptimeSeconds ? last : null;
  const seconds = before === null ? 0 : (status.timeMs - before.timeMs) / 1000;
  /** @type {(read: (from: Status) => number) => number | null} */
  const rate = (read) =>
    before === null || seconds <= 0 ? null : (read(status) - read(before)) / seconds;
  byId("main").hidden = false;
  byId("build").textContent =
    `${status.version}, ${status.engine}, up ${age(status.uptimeSeconds)}`;
  const requests = rate((from) => from.requests);
  const hits = rate((from) => from.cache.hits + from.cache.stale + from.cache.coalesced) ?? 0;
  const others = rate((from) => from.cache.misses + from.cache.revalidated) ?? 0;
  const hitRatio = hits + others > 0 ? hits / (hits + others) : null;
  charts.requests.add([requests]);
  charts.hits.add([hitRatio]);
  charts.latency.add([status.latencyMs.recent.p50, status.latencyMs.recent.p99]);
  showTiles(status, rate, { requests, hitRatio });
  byId("endpoints").replaceChildren(
    trafficTable("endpoint", status.endpoints, before?.endpoints, seconds),
  );
  byId("upstreams").replaceChildren(
    trafficTable("upstream", status.upstreams, before?.upstreams, seconds),
  );
  byId("targets").replaceChildren(targetTable(status));
  byId("failures").replaceChildren(failureTable(status, before, seconds));
  byId("cache").replaceChildren(cacheTable(status));
  last = status;
}

/**
 * @param {Status} status @param {(read: (from: Status) => number) => number | null} rate
 * @param {{requests: number | null, hitRatio: number | null}} now
 */
function showTiles(status, rate, now) {
  const { connections, cache, process, buffers, eventLoopLagSeconds } = status;
  const cpu = rate((from) => from.process.cpuSeconds);
  const failed = Object.values(status.failures).reduce((sum, value) => sum + value, 0);
  /** @type {(value: number | null, format: (value: number) => string) => string} */
  const orDash = (value, format) => (value === null ? "–" : format(value));
  byId("tiles").replaceChildren(
    tile(
      "Requests a second",
      orDash(now.requests, count),
      `${count(status.requests)} since the start`,
    ),
    tile("Hit ratio", percent(now.hitRatio), `${percent(cache.hitRatio)} since the start`),
    tile(
      "P99, last minute",
      duration(status.latencyMs.recent.p99),
      `P50 ${duration(status.latencyMs.recent.p50)}`,
    ),
    tile(
      "Sent a second",
      orDash(
        rate((from) => from.bytes.sent),
        bytes,
      ),
      `${bytes(status.bytes.sent)} since the start`,
    ),
    tile(
      "Connections",
      count(connections.active + connections.idle),
      `${count(connections.active)} active`,
    ),
    tile(
      "Failures",
      count(failed),
      `${percent(status.requests === 0 ? null : failed / status.requests)} of requests`,
    ),
    tile("Memory", bytes(process.residentBytes), `buffers ${buffers.inUse} of ${buffers.max}`),
    tile(
      "CPU",
      orDash(cpu, percent),
      `loop late by ${duration((eventLoopLagSeconds["p99"] ?? 0) * 1000)} (P99)`,
    ),
  );
}

/**
 * @param {string} heading @param {readonly TrafficStatus[]} rows
 * @param {readonly TrafficStatus[] | undefined} before @param {number} seconds
 */
function trafficTable(heading, rows, before, seconds) {
  const earlier = new Map(before?.map((row) => [row.name, row.requests]));
  const used = rows.filter((row) => row.requests > 0).toSorted((a, b) => b.requests - a.requests);
  return table(
    [
      heading,
      "requests",
      "a second",
      "2xx",
      "3xx",
      "4xx",
      "5xx",
      "P50",
      "P75",
      "P90",
      "P95",
      "P99",
      "P99.9",
    ],
    used.map((row) => {
      const { p50, p75, p90, p95, p99, p99_9 } = row.latencyMs.recent;
      const change = row.requests - (earlier.get(row.name) ?? row.requests);
      const failed = row.statuses["5xx"] ?? 0;
      return [
        row.name,
        count(row.requests),
        seconds > 0 ? count(change / seconds) : "–",
        ...["2xx", "3xx", "4xx"].map((statusClass) => count(row.statuses[statusClass] ?? 0)),
        failed > 0 ? { text: count(failed), kind: /** @type {const} */ ("bad") } : 0,
        ...[p50, p75, p90, p95, p99, p99_9].map(duration),
      ];
    }),
    "No requests yet.",
  );
}

/** @param {Status} status */
function targetTable(status) {
  const targets = status.upstreams.flatMap((upstream) => upstream.targets);
  return table(
    [
      "target",
      "upstream",
      "state",
      "in flight",
      "queued",
      "connections",
      "reuse",
      "retries",
      "latency",
    ],
    targets.map((of) => [
      of.target,
      of.upstream,
      of.ejected
        ? { text: "ejected", kind: /** @type {const} */ ("bad") }
        : { text: of.backup ? "backup" : "up", kind: /** @type {const} */ ("good") },
      count(of.inFlight),
      count(of.queued),
      count(of.connectionsOpen),
      percent(
        of.reused + of.connectionsOpened === 0
          ? null
          : of.reused / (of.reused + of.connectionsOpened),
      ),
      count(of.retries),
      duration(of.requests === 0 ? null : of.latencyMs),
    ]),
    "No targets.",
  );
}

/** @param {Status} status @param {Status | null} before @param {number} seconds */
function failureTable(status, before, seconds) {
  const rows = Object.entries(status.failures).toSorted(([, a], [, b]) => b - a);
  return table(
    ["reason", "since the start", "a second"],
    rows.map(([reason, failed]) => [
      reason,
      count(failed),
      before === null ? "–" : count((failed - (before.failures[reason] ?? 0)) / seconds),
    ]),
    "No request has failed.",
  );
}

/** @param {Status} status */
function cacheTable(status) {
  const { cache } = status;
  return table(
    ["tier", "entries", "bytes", "limit", "evictions"],
    cache.tiers.map((tier) => [
      tier.tier,
      count(tier.entries),
      bytes(tier.bytes),
      bytes(tier.bytesMax),
      count(tier.evictions),
    ]),
    "No cache is configured.",
  );
}
