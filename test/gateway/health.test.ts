// Health of targets through the whole gateway, with real origins: active checks take a dead one out
// and bring it back, the breaker answers for an origin that fails, metrics and status tell.

import { afterEach, expect, test } from "vitest";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { startWorkers } from "../support/worker-gateway.ts";
import { startGateway, type TestGateway, until } from "../support/gateway.ts";

let gateway: TestGateway | null = null;
let origins: TestOrigin[] = [];

afterEach(async () => {
  await gateway?.close();
  gateway = null;
  for (const origin of origins) await origin.close();
  origins = [];
});

/** Answers a health check with `health()`, anything else with `answer()`. */
function origin(health: () => number, answer: () => number): OriginScript {
  return async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      const status = head.startsWith("GET /healthz ") ? health() : answer();
      await connection.send(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`);
    }
  };
}

async function start(...scripts: OriginScript[]): Promise<string[]> {
  for (const script of scripts) origins.push(await startOrigin(script));
  return origins.map(({ url }) => url);
}

const get = (path = "/", port = gateway?.port ?? 0): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });

const requestsAt = (index: number): number =>
  origins[index]?.heads.filter((head) => !head.startsWith("GET /healthz ")).length ?? 0;

test("active checks take a target out, bring it back, and are no traffic", async () => {
  let sick = false;
  const targets = await start(
    origin(
      () => (sick ? 500 : 204),
      () => 200,
    ),
    origin(
      () => 204,
      () => 200,
    ),
  );
  const host = origins[0]?.host ?? "";
  const started = await startGateway({
    upstreams: {
      app: {
        targets,
        balance: "round-robin",
        slowStart: "off",
        health: { path: "/healthz", every: "20ms", rise: 2, fall: 3 },
      },
    },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  gateway = started;
  const state = (name: string): Promise<void> =>
    started.metricIs("gateway_upstream_target_state", { target: host, state: name }, 1);
  await state("up");
  for (let count = 0; count < 4; count += 1) await (await get()).arrayBuffer();
  expect([requestsAt(0), requestsAt(1)]).toEqual([2, 2]);
  sick = true;
  await state("probe_failed");
  expect(await started.metric("gateway_upstream_healthy", { target: host })).toBe(0);
  for (let count = 0; count < 4; count += 1) await (await get()).arrayBuffer();
  expect([requestsAt(0), requestsAt(1)]).toEqual([2, 6]);
  sick = false;
  await state("up");
  for (let count = 0; count < 4; count += 1) await (await get()).arrayBuffer();
  expect(requestsAt(0)).toBe(4);
  // Checks go on connections of their own, and count nowhere.
  expect(await started.metric("gateway_upstream_requests_total")).toBe(12);
});

test("the breaker answers for a failing origin, then lets it prove itself", async () => {
  let status = 500;
  const targets = await start(
    origin(
      () => 200,
      () => status,
    ),
  );
  const started = await startGateway({
    upstreams: { app: { targets, breaker: { over: 10, errors: "50%", open: "300ms" } } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  gateway = started;
  for (let count = 0; count < 10; count += 1) expect((await get()).status).toBe(500);
  const refused = await get();
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(refused.headers.get("proxy-status")).toContain("breaker_open");
  expect(requestsAt(0)).toBe(10);
  expect(await started.metric("gateway_breaker_state")).toBe(2);
  expect(await started.metric("gateway_failures_total", { reason: "breaker_open" })).toBe(1);
  status = 200;
  await until(async () => (await get()).status === 200, "the breaker to let a trial in");
  await until(async () => {
    await get();
    return (await started.metric("gateway_breaker_state")) === 0;
  }, "the breaker to close");
  expect(await started.metric("gateway_upstream_breaker_opened_total")).toBe(1);
});

test("an origin that answers 503 to everything sees at most 1.2 times the requests", async () => {
  const busy = origin(
    () => 200,
    () => 503,
  );
  const targets = await start(busy, busy, busy);
  const started = await startGateway({
    upstreams: {
      app: {
        targets,
        breaker: "off",
        retry: { attempts: 3, when: [503], budget: "20%" },
        health: { eject: { after: 0, errors: "0%" } },
      },
    },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  gateway = started;
  const clients = Array.from({ length: 20 }, async () => {
    for (let count = 0; count < 20; count += 1) expect((await get()).status).toBe(503);
  });
  await Promise.all(clients);
  const seen = requestsAt(0) + requestsAt(1) + requestsAt(2);
  expect(seen).toBeGreaterThan(400);
  expect(seen).toBeLessThanOrEqual(480);
  expect(await started.metric("gateway_upstream_retry_budget_exhausted_total")).toBeGreaterThan(0);
});

test("killing one of three targets under load loses no idempotent request", async () => {
  const slow: OriginScript = async (connection) => {
    for (;;) {
      await connection.readHead();
      await new Promise((resolve) => setImmediate(resolve));
      await connection.send("HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n");
    }
  };
  const targets = await start(slow, slow, slow);
  const started = await startGateway({
    upstreams: { app: { targets, balance: "round-robin" } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  gateway = started;
  const statuses: number[] = [];
  const clients = Array.from({ length: 30 }, async () => {
    for (let count = 0; count < 30; count += 1) {
      statuses.push((await get()).status);
      // Many are under way at the target that dies.
      if (statuses.length === 300) {
        const [victim] = origins.splice(0, 1);
        void victim?.stopListening();
        for (const connection of victim?.connections ?? []) connection.reset();
      }
    }
  });
  await Promise.all(clients);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect(statuses).toHaveLength(900);
  expect(await started.metric("gateway_upstream_target_state", { state: "ejected" })).toBe(1);
});

test("one prober serves every worker", async () => {
  let sick = false;
  const targets = await start(
    origin(
      () => (sick ? 500 : 204),
      () => 200,
    ),
    origin(
      () => 204,
      () => 200,
    ),
  );
  await using workers = await startWorkers(2, {
    upstreams: { app: { targets, health: { path: "/healthz", every: "50ms" } } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  sick = true;
  const host = origins[0]?.host ?? "";
  // A target is out for the gateway when it is out for all of its workers.
  await workers.metricIs("gateway_upstream_healthy", { target: host }, 0);
  const before = requestsAt(0);
  for (let count = 0; count < 10; count += 1)
    expect((await get("/", workers.port)).status).toBe(200);
  expect(requestsAt(0)).toBe(before);
});

test("a drained target gets nothing until it is put back, in every worker", async () => {
  const fine = origin(
    () => 200,
    () => 200,
  );
  const targets = await start(fine, fine);
  await using workers = await startWorkers(2, {
    upstreams: { app: { targets, balance: "round-robin", slowStart: "off" } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  const host = origins[0]?.host ?? "";
  const ask = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn += 1) {
      expect((await get("/", workers.port)).status).toBe(200);
    }
  };
  await ask(4);
  const drained = await workers.admin("POST", `/targets/${host}/drain`, {});
  expect(await drained.json()).toEqual({ target: host, duty: "draining", upstreams: ["app"] });
  await workers.metricIs("gateway_upstream_healthy", { target: host }, 0);
  const before = requestsAt(0);
  await ask(8);
  expect(requestsAt(0)).toBe(before);
  expect((await workers.admin("POST", "/targets/10.0.0.1:1/drain", {})).status).toBe(404);
  expect((await workers.admin("POST", `/targets/${host}/undrain`, {})).status).toBe(200);
  await workers.metricIs("gateway_upstream_healthy", { target: host }, 1);
  await ask(8);
  expect(requestsAt(0)).toBeGreaterThan(before);
});
