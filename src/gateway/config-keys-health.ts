// Owns the rows of the key table for the health of upstreams: active checks, ejection, breaker,
// slow start, panic. A default is stated once, here, with its reason.

import type { ConfigKey } from "./config-keys.ts";
import * as form from "./config-forms.ts";

export const HEALTH_KEYS: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.health.path",
    form: form.PATH,
    default: null,
    about: "Asked of each target at intervals.",
    reason: "None: which path answers is the origin's to say.",
  },
  {
    key: "upstreams.<name>.health.every",
    form: form.DURATION,
    default: "5s",
    about: "The interval, up to a tenth more or less by chance.",
    reason: "A dead target is noticed within seconds.",
  },
  {
    key: "upstreams.<name>.health.timeout",
    form: form.DURATION,
    default: "2s",
    about: "For the head of the answer, connecting included.",
    reason: "A check is cheap: slower is broken.",
  },
  {
    key: "upstreams.<name>.health.status[]",
    form: form.integer(100, 599),
    default: null,
    about: "Statuses that are good.",
    reason: "200 to 299.",
  },
  {
    key: "upstreams.<name>.health.rise",
    form: form.integer(1, 100),
    default: 2,
    about: "Good checks in a row that bring a target back.",
    reason: "One may be chance.",
  },
  {
    key: "upstreams.<name>.health.fall",
    form: form.integer(1, 100),
    default: 3,
    about: "Bad checks in a row that take it out; the very first check decides alone.",
    reason: "One lost packet is no outage.",
  },
  {
    key: "upstreams.<name>.health.eject.after",
    form: form.integer(0, 1000),
    default: 5,
    about: "Failures in a row (no answer, 502, 503, 504) that take a target out; 0 for none.",
    reason: "One failure is chance.",
  },
  {
    key: "upstreams.<name>.health.eject.errors",
    form: form.SHARE,
    default: "50%",
    about:
      "Share of failures and 5xx that takes it out, if the others have less than half of it; 0% for none.",
    reason: "Half of all requests failing here and not elsewhere is this target's doing.",
  },
  {
    key: "upstreams.<name>.health.eject.over",
    form: form.integer(1, 1000000),
    default: 100,
    about: "Requests in 10 s that the share is taken over, at least.",
    reason: "Fewer say little about a share.",
  },
  {
    key: "upstreams.<name>.health.eject.for",
    form: form.DURATION,
    default: "30s",
    about: "How long it stays out; the nth time in a row n times as long.",
    reason: "A restart takes less.",
  },
  {
    key: "upstreams.<name>.health.eject.forMax",
    form: form.DURATION,
    default: "5m",
    about: "How long at most.",
    reason: "An outage ends some time.",
  },
  {
    key: "upstreams.<name>.health.eject.max",
    form: form.SHARE,
    default: "50%",
    about: "Share of the targets that may be out by ejection at a time; never the last one.",
    reason: "The others have to carry it.",
  },
  {
    key: "upstreams.<name>.breaker",
    form: form.oneOf("off"),
    default: null,
    about: "`off`: none. Each target has one: it opens when too many requests fail.",
    reason: "On: what fails anyway should fail at once, and give the origin time.",
  },
  {
    key: "upstreams.<name>.breaker.errors",
    form: form.SHARE,
    default: "50%",
    about: "Share of failures and 5xx in 10 s at which it opens.",
    reason: "Half of all requests failing is no accident.",
  },
  {
    key: "upstreams.<name>.breaker.over",
    form: form.integer(1, 1_000_000),
    default: 20,
    about: "Requests that the share is taken over, at least.",
    reason: "Fewer say nothing about a share.",
  },
  {
    key: "upstreams.<name>.breaker.open",
    form: form.DURATION,
    default: "10s",
    about:
      "How long it stays open; up to a quarter more by chance, twice as long each time in a row, up to eight times. Then three trials decide.",
    reason: "Time to recover.",
  },
  {
    key: "upstreams.<name>.breaker.latency",
    form: form.DURATION_OR_OFF,
    default: "off",
    about: "An answer that takes longer counts as a failure.",
    reason: "What is too slow is the application's to say.",
  },
  {
    key: "upstreams.<name>.slowStart",
    form: form.DURATION_OR_OFF,
    default: "10s",
    about: "How long a target that came back takes to get its full share, from a tenth on.",
    reason: "Caches and compilers warm up.",
  },
  {
    key: "upstreams.<name>.panic",
    form: form.SHARE,
    default: "25%",
    about: "Healthy share of the targets below which unhealthy ones are asked too.",
    reason: "So few could not carry the load; a check may be wrong.",
  },
];
