// Misses of one response on several workers: one origin request, whoever asks and wherever, with
// the content whole and its age right; purges and unsafe requests reach what travels between
// workers; a worker that dies in the middle costs the others one retry.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../src/gateway/config.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, pattern } from "../support/origin-scripts.ts";
import { RawClient, requestText } from "../support/raw-client.ts";
import {
  clientsOfWorkers,
  startWorkers,
  startWorkersFrom,
  type WorkerGateway,
} from "../support/worker-gateway.ts";

const FRESH = "Cache-Control: max-age=60";
let origin: TestOrigin;
let open: () => void;
let opened: Promise<void>;

beforeEach(() => {
  ({ promise: opened, resolve: open } = Promise.withResolvers<void>());
});
afterEach(() => origin.close());

/** Two workers in front of the script, with connections of both: those of each worker. */
async function serve(
  script: OriginScript,
  count = 2,
): Promise<{ gateway: WorkerGateway; clients: [RawClient[], RawClient[]] }> {
  origin = await startOrigin(script);
  const gateway = await startWorkers(2, { upstreams: { app: origin.url } });
  return { gateway, clients: await clientsOfWorkers(gateway, count) };
}

async function closeAll(clients: readonly RawClient[]): Promise<void> {
  for (const client of clients) await client.close();
}

test("1,000 misses spread over two workers are one origin request", async () => {
  const content = pattern(40_000);
  origin = await startOrigin(async (connection) => {
    await connection.readHead();
    await opened;
    await connection.send(answer(content, FRESH));
  });
  await using gateway = await startWorkers(2, { upstreams: { app: origin.url } });
  const clients: RawClient[] = [];
  while (clients.length < 1000) {
    const batch = Array.from({ length: 100 }, () => RawClient.connect(gateway.port));
    clients.push(...(await Promise.all(batch)));
  }
  await gateway.metricIs("gateway_connections", {}, 1000);
  for (const worker of ["0", "1"]) {
    const connections = await gateway.metric("gateway_worker_connections", { worker });
    expect(connections).toBeGreaterThan(100);
  }
  for (const client of clients) void client.send(requestText("GET", "/"));
  await gateway.metricIs("gateway_connections", { state: "active" }, 1000);
  open();
  for (const client of clients) {
    const response = await client.response();
    expect(response.status).toBe(200);
    expect(response.content.equals(content)).toBe(true);
  }
  expect(origin.heads).toHaveLength(1);
  // Each worker has stored it.
  expect(await gateway.metric("gateway_cache_entries")).toBe(2);
  await closeAll(clients);
});

test("a response larger than the window arrives whole, with Age and Cache-Status", async () => {
  const content = pattern(3_000_000);
  const { gateway, clients } = await serve(async (connection) => {
    await connection.readHead();
    await opened;
    await connection.send(answer(content, FRESH, "Age: 7"));
  });
  await using _ = gateway;
  const [[a], [b]] = clients;
  if (a === undefined || b === undefined) throw new Error("no clients");
  await a.send(requestText("GET", "/large"));
  await gateway.metricIs("gateway_connections", { state: "active" }, 1);
  await b.send(requestText("GET", "/large"));
  await gateway.metricIs("gateway_connections", { state: "active" }, 2);
  open();
  const first = await a.response();
  const second = await b.response();
  expect(first.content.equals(content)).toBe(true);
  expect(second.content.equals(content)).toBe(true);
  expect(second.field("cache-status")).toMatch(/fwd=uri-miss.*; collapsed/);
  expect(Number(second.field("age"))).toBeGreaterThanOrEqual(7);
  expect(origin.heads).toHaveLength(1);
  await closeAll(clients.flat());
});

test("a response that varies by what differs goes to nobody else", async () => {
  const { gateway, clients } = await serve(async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      await opened;
      const who = /x-who: (\S+)/i.exec(head)?.[1] ?? "";
      await connection.send(answer(`for ${who}`, FRESH, "Vary: X-Who"));
    }
  });
  await using _ = gateway;
  const [[a], [b]] = clients;
  await a?.send(requestText("GET", "/vary", ["X-Who: a"]));
  await gateway.metricIs("gateway_connections", { state: "active" }, 1);
  await b?.send(requestText("GET", "/vary", ["X-Who: b"]));
  await gateway.metricIs("gateway_connections", { state: "active" }, 2);
  open();
  expect((await a?.response())?.text).toBe("for a");
  expect((await b?.response())?.text).toBe("for b");
  await closeAll(clients.flat());
});

test("a response for one user alone is shared with nobody", async () => {
  const { gateway, clients } = await serve(async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      await opened;
      const user = /authorization: (\S+)/i.exec(head)?.[1] ?? "nobody";
      await connection.send(answer(`for ${user}`, "Cache-Control: private, max-age=60"));
    }
  });
  await using _ = gateway;
  const [[a], [b]] = clients;
  await a?.send(requestText("GET", "/me", ["Authorization: alice"]));
  await gateway.metricIs("gateway_connections", { state: "active" }, 1);
  await b?.send(requestText("GET", "/me", ["Authorization: bob"]));
  await gateway.metricIs("gateway_connections", { state: "active" }, 2);
  open();
  expect((await a?.response())?.text).toBe("for alice");
  expect((await b?.response())?.text).toBe("for bob");
  await closeAll(clients.flat());
});

test("a purge while a response travels keeps it out of both stores", async () => {
  const { gateway, clients } = await serve(async (connection) => {
    await connection.readHead();
    await opened;
    await connection.send(answer("old", FRESH));
  });
  await using _ = gateway;
  const [[a], [b]] = clients;
  await a?.send(requestText("GET", "/purged"));
  await b?.send(requestText("GET", "/purged"));
  await gateway.metricIs("gateway_connections", { state: "active" }, 2);
  await gateway.admin("POST", "/purge", { url: "http://a.test/purged" });
  open();
  expect((await a?.response())?.text).toBe("old");
  expect((await b?.response())?.text).toBe("old");
  expect(await gateway.metric("gateway_cache_entries")).toBe(0);
  await closeAll(clients.flat());
});

test("an unsafe request on one worker makes what the other has stored invalid", async () => {
  const { gateway, clients } = await serve(async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      await connection.readContent(head);
      await connection.send(answer("x", FRESH));
    }
  });
  await using _ = gateway;
  const [[a], [b]] = clients;
  await b?.send(requestText("GET", "/changed"));
  await b?.response();
  expect(await gateway.metric("gateway_cache_entries")).toBe(1);
  await a?.send(requestText("POST", "/changed", ["Content-Length: 0"]));
  await a?.response();
  await gateway.metricIs("gateway_cache_entries", {}, 0);
  await closeAll(clients.flat());
});

test("a worker that dies while it asks for others costs them one origin request more", async () => {
  let asked = 0;
  origin = await startOrigin(async (connection) => {
    await connection.readHead();
    asked++;
    if (asked === 1) await opened;
    await connection.send(answer("late", FRESH));
  });
  const directory = await mkdtemp(join(tmpdir(), "edgelane-sharing-"));
  const file = join(directory, "edgelane.ts");
  await writeFile(
    file,
    `export default { listen: ["127.0.0.1:0"], admin: { listen: "127.0.0.1:0" },
      upstreams: { app: "${origin.url}" }, log: { level: "silent", access: "off" },
      routes: [{ match: "/*", to: "app" },
        { match: "/exit", to: "app", use: [() => process.exit(1)] }] };`,
  );
  await using gateway = await startWorkersFrom(2, await loadConfig(file, { environment: {} }));
  const clients = await clientsOfWorkers(gateway, 2);
  const [[leader, killer], [follower]] = clients;
  await leader?.send(requestText("GET", "/"));
  await gateway.metricIs("gateway_connections", { state: "active" }, 1);
  await follower?.send(requestText("GET", "/"));
  await gateway.metricIs("gateway_connections", { state: "active" }, 2);
  expect(asked).toBe(1);
  await killer?.send(requestText("GET", "/exit"));
  expect((await follower?.response())?.text).toBe("late");
  expect(asked).toBe(2);
  open();
  await gateway.metricIs("gateway_worker_up", {}, 2);
  await closeAll(clients.flat());
  await rm(directory, { recursive: true });
});
