// Several workers as one gateway: they share a port, counts add up, purges reach all, one that ends
// is replaced and takes nothing with it but its connections, and all end together.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/gateway/config.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { until } from "../support/gateway.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";
import { startWorkers, startWorkersFrom, type WorkerGateway } from "../support/worker-gateway.ts";

const FRESH = "Cache-Control: max-age=60";
let origin: TestOrigin;
let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edgelane-workers-"));
  const stored = answer("stored", FRESH);
  origin = await startOrigin(async (connection) => {
    for (;;) {
      await connection.readHead();
      await connection.send(stored);
    }
  });
});
afterEach(async () => {
  await origin.close();
  await rm(directory, { recursive: true });
});

/** Open connections, until every worker has at least `each` of them. */
async function spread(gateway: WorkerGateway, workers: number, each: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (;;) {
    clients.push(await RawClient.connect(gateway.port));
    await gateway.metricIs("gateway_connections", {}, clients.length);
    const perWorker: number[] = [];
    for (let worker = 0; worker < workers; worker++) {
      perWorker.push(await gateway.metric("gateway_worker_connections", { worker: `${worker}` }));
    }
    if (perWorker.every((count) => count >= each)) return clients;
  }
}

async function closeAll(clients: readonly RawClient[]): Promise<void> {
  for (const client of clients) await client.close();
}

test("all workers listen on one port, and their counts add up", async () => {
  await using gateway = await startWorkers(2, { upstreams: { app: origin.url } });
  const clients = await spread(gateway, 2, 2);
  for (const client of clients) {
    await client.send(requestText("GET", "/counted"));
    expect((await client.response()).status).toBe(200);
  }
  await closeAll(clients);
  await gateway.metricIs("gateway_requests_total", {}, clients.length);
  const status = (await (await gateway.admin("GET", "/status")).json()) as {
    requests: number;
    workers: { worker: number; up: boolean; restarts: number }[];
  };
  expect(status.requests).toBe(clients.length);
  expect(status.workers).toMatchObject([
    { worker: 0, up: true, restarts: 0 },
    { worker: 1, up: true, restarts: 0 },
  ]);
});

test("a purge empties every worker, and its answer is the sum", async () => {
  await using gateway = await startWorkers(2, { upstreams: { app: origin.url } });
  const clients = await spread(gateway, 2, 1);
  for (const client of clients) {
    await client.send(requestText("GET", "/purged"));
    await client.response();
  }
  const url = "http://a.test/purged";
  expect(await gateway.metric("gateway_cache_entries")).toBe(2);
  const purged = await gateway.admin("POST", "/purge", { url });
  expect(await purged.json()).toEqual({ purged: 2 });
  expect(await gateway.metric("gateway_cache_entries")).toBe(0);
  await closeAll(clients);
});

test("one that has it stored explains", async () => {
  await using gateway = await startWorkers(2, { upstreams: { app: origin.url } });
  await get(gateway.port, "/stored");
  const query = new URLSearchParams({ url: "http://a.test/stored" });
  const explained = await gateway.admin("GET", `/explain?${query.toString()}`);
  expect(await explained.json()).toMatchObject({
    route: { to: "app" },
    cache: { rule: "fresh", tier: "l1" },
  });
});

test("an address that is taken ends the start with the system's error", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const config = { upstreams: { app: origin.url }, listen: [`127.0.0.1:${port}`] };
  await expect(startWorkers(2, config)).rejects.toMatchObject({ code: "EADDRINUSE", port });
  taken.close();
});

test("a second gateway does not take half of the first one's connections", async () => {
  await using gateway = await startWorkers(2, { upstreams: { app: origin.url } });
  const config = { upstreams: { app: origin.url }, listen: [`127.0.0.1:${gateway.port}`] };
  await expect(startWorkers(2, config)).rejects.toMatchObject({ code: "EADDRINUSE" });
});

describe("middleware", () => {
  const PROGRAM = (url: string): string => `
    import { threadId } from "node:worker_threads";
    export default {
      listen: ["127.0.0.1:0"],
      admin: { listen: "127.0.0.1:0" },
      upstreams: { app: "${url}" },
      log: { level: "silent", access: "off" },
      routes: [
        { match: "/*", to: "app" },
        { match: "/exit", to: "app", use: [() => process.exit(3)] },
        { match: "/throw", to: "app", use: [() => {
          setImmediate(() => { throw new Error("x"); });
          return new Promise(() => {});
        }] },
        { match: "/thread", to: "app", use: [(c) => c.text(String(threadId))] },
      ],
    };`;

  async function startProgram(): Promise<WorkerGateway> {
    const file = join(directory, "edgelane.ts");
    await writeFile(file, PROGRAM(origin.url));
    return startWorkersFrom(2, await loadConfig(file, { environment: {} }));
  }

  test("runs in the workers, from the program that the config came from", async () => {
    await using gateway = await startProgram();
    const { content } = await get(gateway.port, "/thread");
    expect(Number(content.toString())).toBeGreaterThan(0);
  });

  for (const path of ["/exit", "/throw"]) {
    test(`that ends its worker (${path}) costs that worker's connections alone`, async () => {
      await using gateway = await startProgram();
      const clients = await spread(gateway, 2, 2);
      await get(gateway.port, "/before");
      const before = await gateway.metric("gateway_requests_total");
      const [killer] = clients;
      if (killer === undefined) throw new Error("no client");
      await killer.send(requestText("GET", path));
      await killer.untilEnd();
      await gateway.metricIs("gateway_worker_restarts_total", {}, 1);
      await gateway.metricIs("gateway_worker_up", {}, 2);
      expect(await gateway.metric("gateway_requests_total")).toBeGreaterThanOrEqual(before);
      let lost = 0;
      for (const client of clients) {
        if (!client.open) lost++;
        else {
          await client.send(requestText("GET", "/after"));
          expect((await client.response()).status).toBe(200);
        }
      }
      expect(lost).toBeGreaterThanOrEqual(2);
      expect(lost).toBeLessThan(clients.length - 1);
      await closeAll(clients);
    });
  }
});

test("a worker that cannot start ends the start with its error", async () => {
  const file = join(directory, "edgelane.ts");
  await writeFile(
    file,
    `import { isMainThread } from "node:worker_threads";
     if (!isMainThread) throw new Error("not in a thread");
     export default { listen: ["127.0.0.1:0"], admin: "off", upstreams: { a: "${origin.url}" },
       routes: [{ match: "/*", to: "a", use: [(c, next) => next()] }] };`,
  );
  const config = await loadConfig(file, { environment: {} });
  await expect(startWorkersFrom(2, config)).rejects.toThrow("not in a thread");
});

test("lines of the access log come whole, from all workers, into one file", async () => {
  const access = join(directory, "access.log");
  const lines = async (): Promise<string[]> =>
    (await readFile(access, "utf8")).split("\n").filter((line) => line !== "");
  {
    await using gateway = await startWorkers(2, {
      upstreams: { app: origin.url },
      log: { access },
    });
    await Promise.all(Array.from({ length: 300 }, (_, index) => get(gateway.port, `/l${index}`)));
  }
  await until(async () => (await lines()).length === 300, "300 lines");
  const paths = (await lines()).map((line) => (JSON.parse(line) as { path: string }).path);
  expect(new Set(paths).size).toBe(300);
});

test("starting and stopping leaves nothing behind", async () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === "Worker").length;
  for (let round = 0; round < 3; round++) {
    await using gateway = await startWorkers(2, { upstreams: { app: origin.url } });
    await get(gateway.port, "/");
  }
  const after = process.getActiveResourcesInfo().filter((kind) => kind === "Worker").length;
  expect(after).toBe(before);
});
