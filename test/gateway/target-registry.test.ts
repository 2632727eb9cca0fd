// The registry without a gateway: what a change makes of the table, all threads or none, one change
// at a time, and a queue that is full.

import { pino } from "pino";
import { expect, test } from "vitest";
import { resolveConfig } from "../../src/gateway/config.ts";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import {
  type ChangeResult,
  TargetRegistry,
  type TargetThreads,
  type ThreadUpdate,
} from "../../src/gateway/target-registry.ts";
import { readAction, readAddition } from "../../src/gateway/target-request.ts";
import { tableOf, type TargetChange } from "../../src/gateway/target-table.ts";

const CONFIG: EdgelaneConfig = {
  upstreams: {
    api: { targets: ["http://10.0.0.1:8000", { url: "http://10.0.0.2:8000", weight: 2 }] },
    web: { targets: ["http://10.0.0.1:8000"], health: { path: "/up" } },
    names: { targets: ["http://api.test:8080"], health: { path: "/up" } },
  },
  routes: [{ match: "/*", to: "api" }],
};

class Threads implements TargetThreads {
  readonly log: string[] = [];
  readonly sets: ThreadUpdate["sets"][] = [];
  refusal: string | null = null;
  gate: Promise<void> = Promise.resolve();

  async prepare({ id }: ThreadUpdate): Promise<string | null> {
    this.log.push(`prepare ${id}`);
    await this.gate;
    return this.refusal;
  }

  commit({ id, sets }: ThreadUpdate): void {
    this.log.push(`commit ${id}`);
    this.sets.push(sets);
  }

  abandon({ id }: ThreadUpdate): void {
    this.log.push(`abandon ${id}`);
  }
}

function registry(): { threads: Threads; registry: TargetRegistry } {
  const threads = new Threads();
  const options = { logger: pino({ level: "silent" }), onChange: () => {} };
  const table = tableOf(resolveConfig(CONFIG));
  return { threads, registry: new TargetRegistry(table, threads, options) };
}

const add = (origin: string, upstream = "api"): TargetChange => {
  return { kind: "add", upstream, origin, weight: 3, priority: 1, isLocal: true };
};
const named = (target: string, upstream: string | null = null) => ({ target, upstream });
const endpoint = (address: string) => {
  return { url: "http://api.test:8080", addresses: [address], weight: 1, priority: 0 };
};
const resolved = (...addresses: string[]): TargetChange => {
  const endpoints = addresses.map(endpoint);
  return { kind: "resolved", origin: "http://api.test:8080", endpoints };
};

/** "url weight" with d for draining and ? for one that waits for its first check. */
function shown(subject: TargetRegistry, upstream: string): string[] {
  return (subject.sets.get(upstream) ?? []).map((target) => {
    const { url, addresses = [], weight, draining, awaitsProbe } = target;
    const where = addresses[0] ?? url.slice("http://".length);
    return `${where} ${weight}${draining ? "d" : ""}${awaitsProbe ? "?" : ""}`;
  });
}

const AS_CONFIGURED = ["10.0.0.1:8000 1", "10.0.0.2:8000 2"];

const CHANGES: [string, TargetChange, Partial<Record<string, string[]>>, object][] = [
  [
    "add",
    add("http://10.0.0.3:8000"),
    { api: [...AS_CONFIGURED, "10.0.0.3:8000 3"] },
    { upstreams: ["api"] },
  ],
  [
    "add where checks are made: it waits for its first good one",
    add("http://10.0.0.3:8000", "web"),
    { web: ["10.0.0.1:8000 1", "10.0.0.3:8000 3?"] },
    { upstreams: ["web"] },
  ],
  ["add twice", add("http://10.0.0.1:8000"), { api: AS_CONFIGURED }, { error: "conflict" }],
  ["add to nothing", add("http://10.0.0.3:8000", "nothing"), {}, { error: "not_found" }],
  [
    "weight wherever it is",
    { kind: "weight", weight: 0, ...named("10.0.0.1:8000") },
    { api: ["10.0.0.1:8000 0", "10.0.0.2:8000 2"], web: ["10.0.0.1:8000 0"] },
    { upstreams: ["api", "web"] },
  ],
  [
    "weight in one upstream",
    { kind: "weight", weight: 9, ...named("10.0.0.1:8000", "api") },
    { api: ["10.0.0.1:8000 9", "10.0.0.2:8000 2"], web: ["10.0.0.1:8000 1"] },
    { upstreams: ["api"] },
  ],
  [
    "drain",
    { kind: "duty", duty: "draining", ...named("10.0.0.1:8000") },
    { api: ["10.0.0.1:8000 1d", "10.0.0.2:8000 2"], web: ["10.0.0.1:8000 1d"] },
    { upstreams: ["api", "web"] },
  ],
  [
    "remove",
    { kind: "remove", ...named("10.0.0.2:8000") },
    { api: ["10.0.0.1:8000 1"] },
    { upstreams: ["api"] },
  ],
  [
    "remove the last one: nowhere",
    { kind: "remove", ...named("10.0.0.1:8000") },
    { api: AS_CONFIGURED, web: ["10.0.0.1:8000 1"] },
    { error: "conflict", detail: "10.0.0.1:8000 is the last target of web; it can be drained" },
  ],
  [
    "remove what is not there",
    { kind: "remove", ...named("10.0.0.9:8000", "api") },
    { api: AS_CONFIGURED },
    { error: "not_found", detail: "api does not have this target; /targets lists them" },
  ],
];

test.each(CHANGES)("%s", async (_name, change, sets, result) => {
  const { registry: subject } = registry();
  expect(await subject.submit(change)).toMatchObject(result);
  for (const [upstream, expected] of Object.entries(sets)) {
    expect(shown(subject, upstream)).toEqual(expected);
  }
});

test("a name has the addresses that it has; those that join later wait for a check", async () => {
  const { registry: subject } = registry();
  expect(shown(subject, "names")).toEqual(["api.test:8080 1"]);
  await subject.submit(resolved("10.1.0.1", "10.1.0.2"));
  expect(shown(subject, "names")).toEqual(["10.1.0.1 1", "10.1.0.2 1"]);
  await subject.submit({ kind: "duty", duty: "draining", ...named("10.1.0.2:8080") });
  await subject.submit({ kind: "weight", weight: 4, ...named("api.test:8080") });
  await subject.submit(resolved("10.1.0.2", "10.1.0.3"));
  expect(shown(subject, "names")).toEqual(["10.1.0.2 4d", "10.1.0.3 4?"]);
  expect(await subject.submit({ kind: "remove", ...named("10.1.0.3:8080") })).toEqual({
    error: "conflict",
    detail: "10.1.0.3:8080 is an address of api.test:8080; change that",
  });
  await subject.submit({ kind: "duty", duty: "draining", ...named("api.test:8080") });
  await subject.submit(resolved("10.1.0.3"));
  expect(shown(subject, "names")).toEqual(["10.1.0.3 4d?"]);
  // What is gone is forgotten: its name may be another's next time.
  await subject.submit({ kind: "duty", duty: "serving", ...named("api.test:8080") });
  await subject.submit(resolved("10.1.0.2"));
  expect(shown(subject, "names")).toEqual(["10.1.0.2 4?"]);
});

test("one after the other, and in all threads or in none", async () => {
  const { threads, registry: subject } = registry();
  const { promise, resolve: open } = Promise.withResolvers<void>();
  threads.gate = promise;
  const first = subject.submit(add("http://10.0.0.3:8000"));
  const second = subject.submit({ kind: "remove", ...named("10.0.0.3:8000") });
  expect(threads.log).toEqual(["prepare 1"]);
  expect(shown(subject, "api")).toEqual(AS_CONFIGURED);
  open();
  await first;
  threads.refusal = "worker 1 did not answer in time";
  expect(await second).toEqual({
    error: "not_applied",
    detail: "nothing has changed: worker 1 did not answer in time",
  });
  expect(threads.log).toEqual(["prepare 1", "commit 1", "prepare 2", "abandon 2"]);
  expect(shown(subject, "api")).toHaveLength(3);
  expect(threads.sets.map((sets) => [...sets.keys()])).toEqual([["api"]]);
});

test("a full queue refuses at once, and what waits is done", async () => {
  const { threads, registry: subject } = registry();
  const { promise, resolve: open } = Promise.withResolvers<void>();
  threads.gate = promise;
  const results: Promise<ChangeResult>[] = [];
  for (let turn = 0; turn < 65; turn += 1) {
    const weight = turn + 1;
    results.push(subject.submit({ kind: "weight", weight, ...named("10.0.0.2:8000") }));
  }
  expect(await subject.submit(add("http://10.0.0.3:8000"))).toEqual({
    error: "queue_full",
    detail: "64 changes are waiting already; send it again later",
  });
  open();
  expect(await Promise.all(results)).toEqual(results.map(() => ({ upstreams: ["api"] })));
  expect(shown(subject, "api")).toEqual(["10.0.0.1:8000 1", "10.0.0.2:8000 65"]);
});

const REQUESTS: [string, unknown, object][] = [
  ["no content", undefined, { problem: '"upstream" is the name of an upstream' }],
  ["no JSON", "{", { problem: "expected a JSON object" }],
  ["a list", [], { problem: "expected a JSON object" }],
  [
    "a slip",
    { upstream: "api", ulr: "http://a:1" },
    { problem: 'unknown member "ulr"; did you mean "url"?' },
  ],
  [
    "a path",
    { upstream: "api", url: "http://a:1/x" },
    { problem: '"url" is scheme, host and port, such as http://10.0.0.11:3000' },
  ],
  [
    "a weight in quotes",
    { upstream: "api", url: "http://a:1", weight: "2" },
    { problem: '"weight" is a whole number from 0 to 1000' },
  ],
  [
    "backup and priority",
    { upstream: "api", url: "http://a:1", backup: true, priority: 2 },
    { problem: '"backup" is priority 1: not both' },
  ],
  [
    "a backup elsewhere",
    { upstream: "api", url: "http://a:1", backup: true, zone: "eu-2" },
    {
      change: {
        kind: "add",
        upstream: "api",
        origin: "http://a:1",
        weight: 1,
        priority: 1,
        isLocal: false,
      },
    },
  ],
];

test.each(REQUESTS)("an addition in JSON: %s", (_name, value, expected) => {
  expect(readAddition(value, "eu-1")).toEqual(expected);
});

test("an action in JSON", () => {
  expect(readAction("a:1", "weight", { weight: 5, upstream: "api" })).toEqual({
    change: { kind: "weight", target: "a:1", upstream: "api", weight: 5 },
  });
  expect(readAction("http://a", "drain", undefined)).toEqual({
    change: { kind: "duty", duty: "draining", target: "a:80", upstream: null },
  });
  expect(readAction("a:1", "weight", {})).toEqual({
    problem: '"weight" is a whole number from 0 to 1000',
  });
  expect(readAction("a:1", "remove", { weight: 5 })).toEqual({
    problem: 'unknown member "weight"; expected upstream',
  });
});
