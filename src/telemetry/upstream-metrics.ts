// Owns the rows of the metric table for upstreams and their targets: state, breaker, ejections,
// connections, retries, balancing. Knows no HTTP and no prom-client.

import type { MetricRow } from "./metric-table.ts";
import type { GatewayReadings } from "./readings.ts";

const target = rowsOf(
  (from) => from.targets,
  ["upstream", "target"],
  (of) => [of.upstream, of.target],
);
const upstream = rowsOf(
  (from) => from.upstreams,
  ["upstream"],
  (of) => [of.upstream],
);

export const UPSTREAM_METRICS: readonly MetricRow[] = [
  target("healthy", "gauge", "1 while the target may be chosen, else 0.", (of) =>
    of.ejected ? 0 : 1,
  ),
  target("in_flight", "gauge", "Requests under way at the target now.", (of) => of.inFlight),
  target(
    "queued",
    "gauge",
    "Requests waiting for a connection to the target now.",
    (of) => of.queued,
  ),
  {
    name: "gateway_upstream_connections",
    type: "gauge",
    help: "Connections to the target now: active ones have a request under way.",
    labels: ["upstream", "target", "state"],
    read: (from) =>
      from.targets.flatMap(({ upstream: name, target: of, connectionsOpen, connectionsIdle }) => [
        [[name, of, "active"], Math.max(0, connectionsOpen - connectionsIdle)],
        [[name, of, "idle"], connectionsIdle],
      ]),
  },
  target(
    "connections_opened_total",
    "counter",
    "Connections opened to the target.",
    (of) => of.connectionsOpened,
  ),
  target(
    "connections_reused_total",
    "counter",
    "Attempts on a connection to the target that had served before.",
    (of) => of.reused,
  ),
  target("h2_streams", "gauge", "HTTP/2 streams to the target now.", (of) => of.h2Streams),
  target(
    "h2_goaways_total",
    "counter",
    "GOAWAY frames received from the target.",
    (of) => of.h2Goaways,
  ),
  target(
    "tls_handshakes_total",
    "counter",
    "TLS handshakes with the target that were completed.",
    (of) => of.tlsHandshakes,
  ),
  target(
    "tls_resumptions_total",
    "counter",
    "TLS handshakes with the target that resumed a session.",
    (of) => of.tlsResumptions,
  ),
  target(
    "tls_reload_failures_total",
    "counter",
    "Changed certificate files for the target that could not be used; those before them go on.",
    (of) => of.tlsReloadFailures,
  ),
  target(
    "retries_total",
    "counter",
    "Attempts at the target beyond a request's first.",
    (of) => of.retries,
  ),
  target(
    "ejections_total",
    "counter",
    "Times that the target was taken out for failing.",
    (of) => of.ejections,
  ),
  target(
    "breaker_opened_total",
    "counter",
    "Times that the target's breaker opened.",
    (of) => of.breakerOpened,
  ),
  {
    name: "gateway_upstream_target_state",
    type: "gauge",
    help: "1 for the state that the target is in.",
    labels: ["upstream", "target", "state"],
    read: (from) => from.targets.map((of) => [[of.upstream, of.target, of.condition], 1]),
  },
  {
    name: "gateway_breaker_state",
    type: "gauge",
    help: "Breaker of the target: 0 closed, 1 half-open, 2 open.",
    labels: ["upstream", "target"],
    read: (from) =>
      from.targets.map((of) => [[of.upstream, of.target], BREAKER_STATES.get(of.condition) ?? 0]),
  },
  upstream("active", "gauge", "Requests under way or waiting now.", (of) => of.active),
  upstream("panic", "gauge", "1 while unhealthy targets are asked too.", (of) => Number(of.panic)),
  upstream(
    "retries_running",
    "gauge",
    "Requests that hold a place of the retry budget now.",
    (of) => of.retriesRunning,
  ),
  upstream(
    "retry_budget_exhausted_total",
    "counter",
    "Retries that the budget refused.",
    (of) => of.budgetExhausted,
  ),
  {
    name: "gateway_upstream_retries_by_cause_total",
    type: "counter",
    help: "Attempts beyond a request's first, by what made them necessary: a reason, a status, hedge.",
    labels: ["upstream", "cause"],
    read: (from) =>
      from.upstreams.flatMap((of) =>
        Object.entries(of.retried).map(([cause, count]) => [[of.upstream, cause], count] as const),
      ),
  },
  upstream(
    "hedges_won_total",
    "counter",
    "Second attempts beside slow ones that were the faster.",
    (of) => of.hedgesWon,
  ),
  {
    name: "gateway_upstream_concurrency_limit",
    type: "gauge",
    help: "Requests at a time that the upstream gets, as learnt from its latency.",
    labels: ["upstream"],
    read: (from) =>
      from.upstreams.flatMap((of) =>
        of.limit === null ? [] : [[[of.upstream], of.limit] as const],
      ),
  },
  upstream(
    "over_limit_total",
    "counter",
    "Requests that the learnt limit refused.",
    (of) => of.overLimit,
  ),
  upstream(
    "least_latency_seconds",
    "gauge",
    "Time to the response head at the least load that was seen, where it is learnt.",
    (of) => of.leastLatencyMs / 1000,
  ),
  upstream(
    "policy_switches_total",
    "counter",
    "Times that adaptive balancing changed its policy.",
    (of) => of.policySwitches,
  ),
  {
    name: "gateway_upstream_policy",
    type: "gauge",
    help: "1 for the policy that chooses now.",
    labels: ["upstream", "policy"],
    read: (from) => from.upstreams.map((of) => [[of.upstream, of.policy], 1]),
  },
];

/** One prober and one resolver for all threads report these. */
export const NAME_METRICS: readonly MetricRow[] = [
  {
    name: "gateway_dns_lookups_total",
    type: "counter",
    help: "Look-ups of names of targets, by what came of them.",
    labels: ["result"],
    read: (from) => from.names.lookups.map(([result, count]) => [[result], count]),
  },
  {
    name: "gateway_dns_failing",
    type: "gauge",
    help: "1 while the last look-up of the name failed and older addresses are used.",
    labels: ["name"],
    read: (from) => from.names.names.map(({ name, failing }) => [[name], Number(failing)]),
  },
  {
    name: "gateway_dns_addresses",
    type: "gauge",
    help: "Addresses of the name now, each a target.",
    labels: ["name"],
    read: (from) => from.names.names.map(({ name, addresses }) => [[name], addresses]),
  },
];

const BREAKER_STATES: ReadonlyMap<string, number> = new Map([
  ["half_open", 1],
  ["breaker_open", 2],
]);

/** Makes rows of one kind of reading: one value for each, by the labels that tell them apart. */
function rowsOf<T>(
  readings: (from: GatewayReadings) => readonly T[],
  labels: readonly string[],
  labelsOf: (reading: T) => readonly string[],
) {
  return (
    name: string,
    type: MetricRow["type"],
    help: string,
    read: (reading: T) => number,
  ): MetricRow => ({
    name: `gateway_upstream_${name}`,
    type,
    help,
    labels,
    read: (from) => readings(from).map((reading) => [labelsOf(reading), read(reading)]),
  });
}
