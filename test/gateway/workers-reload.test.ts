// Another config for several workers: all of them serve it, or none does, whatever happens to one
// of them meanwhile.

import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig, resolveConfig } from "../../src/gateway/config.ts";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { until } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";
import { startWorkersFrom, type WorkerGateway } from "../support/worker-gateway.ts";

let one: TestOrigin;
let other: TestOrigin;
/** What the next reload reads. */
let written: EdgelaneConfig;

function saying(text: string): Promise<TestOrigin> {
  return startOrigin(async (connection) => {
    for (;;) {
      await connection.readHead();
      await connection.send(answer(text, "Cache-Control: max-age=60"));
    }
  });
}

beforeEach(async () => {
  one = await saying("one");
  other = await saying("other");
  written = { upstreams: { app: one.url } };
});
afterEach(async () => {
  await one.close();
  await other.close();
});

function start(): Promise<WorkerGateway> {
  const read = (): ReturnType<typeof resolveConfig> =>
    resolveConfig({
      listen: ["127.0.0.1:0"],
      admin: { listen: "127.0.0.1:0" },
      log: { level: "silent", access: "off" },
      ...written,
    });
  return startWorkersFrom(2, read(), { load: async () => read() });
}

/** A connection to each worker. */
async function clientsOf(gateway: WorkerGateway): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (;;) {
    clients.push(await RawClient.connect(gateway.port));
    await gateway.metricIs("gateway_connections", {}, clients.length);
    const workers = ["0", "1"].map((worker) =>
      gateway.metric("gateway_worker_connections", { worker }),
    );
    if ((await Promise.all(workers)).every((count) => count > 0)) return clients;
  }
}

async function answersOf(clients: readonly RawClient[], path = "/page"): Promise<Set<string>> {
  const answers = new Set<string>();
  for (const client of clients) {
    await client.send(requestText("GET", path));
    answers.add(String((await client.response()).content));
  }
  return answers;
}

test("all workers serve it, on the connections that are open", async () => {
  await using gateway = await start();
  const clients = await clientsOf(gateway);
  expect(await answersOf(clients)).toEqual(new Set(["one"]));
  written = { upstreams: { replaced: other.url } };
  const response = await gateway.admin("POST", "/reload", {});
  expect(response.status).toBe(200);
  const { changes } = (await response.json()) as { changes: { key: string }[] };
  expect(changes.map(({ key }) => key)).toContain("upstreams.app");
  expect(await answersOf(clients)).toEqual(new Set(["other"]));
  const config = (await (await gateway.admin("GET", "/config")).json()) as EdgelaneConfig;
  expect(Object.keys(config.upstreams)).toEqual(["replaced"]);
  for (const client of clients) await client.close();
});

test("no worker serves it where one cannot", async () => {
  await using gateway = await start();
  const clients = await clientsOf(gateway);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  written = { upstreams: { app: other.url }, listen: ["127.0.0.1:0", `127.0.0.1:${port}`] };
  const response = await gateway.admin("POST", "/reload", {});
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({
    error: "invalid_config",
    problems: [expect.stringContaining("EADDRINUSE")],
  });
  expect(await answersOf(clients)).toEqual(new Set(["one"]));
  expect(await gateway.metric("gateway_config_last_reload_success")).toBe(0);
  taken.close();
  // And nothing is left of the attempt.
  written = { upstreams: { app: other.url }, cache: { memory: "1MiB" } };
  expect((await gateway.admin("POST", "/reload", {})).status).toBe(200);
  expect(await gateway.metric("gateway_config_last_reload_success")).toBe(1);
  for (const client of clients) await client.close();
});

test("a program is read again, and a worker that takes a place has what serves", async () => {
  const directory = await mkdtemp(join(tmpdir(), "edgelane-reload-"));
  const file = join(directory, "edgelane.ts");
  const program = (url: string, text: string): string => `export default {
    listen: ["127.0.0.1:0"], admin: { listen: "127.0.0.1:0" },
    log: { level: "silent", access: "off" }, upstreams: { app: "${url}" },
    routes: [
      { match: "/*", to: "app" },
      { match: "/text", to: "app", use: [(context) => context.text("${text}")] },
      { match: "/exit", to: "app", use: [() => process.exit(3)] },
    ],
  };`;
  await writeFile(file, program(one.url, "before"));
  const load = (): ReturnType<typeof loadConfig> => loadConfig(file, { environment: {} });
  {
    await using gateway = await startWorkersFrom(2, await load(), { load });
    expect(String((await get(gateway.port, "/text")).content)).toBe("before");
    await writeFile(file, program(other.url, "after"));
    expect((await gateway.admin("POST", "/reload", {})).status).toBe(200);
    const killer = await RawClient.connect(gateway.port);
    await killer.send(requestText("GET", "/exit"));
    await killer.untilEnd();
    await gateway.metricIs("gateway_worker_restarts_total", {}, 1);
    await gateway.metricIs("gateway_worker_up", {}, 2);
    const clients = await clientsOf(gateway);
    expect(await answersOf(clients)).toEqual(new Set(["other"]));
    expect(await answersOf(clients, "/text")).toEqual(new Set(["after"]));
    for (const client of clients) await client.close();
  }
  await rm(directory, { recursive: true });
});

test("a hundred reloads under load lose no request on any worker", async () => {
  await using gateway = await start();
  let isOver = false;
  let answered = 0;
  const load = Array.from({ length: 6 }, async (_, index) => {
    const client = await RawClient.connect(gateway.port);
    while (!isOver) {
      await client.send(requestText("GET", `/page-${index}`));
      expect((await client.response()).status).toBe(200);
      answered++;
    }
    await client.close();
  });
  for (let count = 0; count < 100; count++) {
    const routes = [{ match: "/*", name: `all-${count % 5}`, to: "app" }];
    written = { upstreams: { app: one.url, spare: other.url }, routes };
    expect((await gateway.admin("POST", "/reload", {})).status).toBe(200);
  }
  isOver = true;
  await Promise.all(load);
  expect(answered).toBeGreaterThan(500);
  expect(await gateway.metric("gateway_config_reloads_total", { result: "applied" })).toBe(100);
  expect(await gateway.metric("gateway_failures_total")).toBe(0);
  await until(async () => (await get(gateway.port, "/page-1")).status === 200, "an answer");
}, 60_000);
