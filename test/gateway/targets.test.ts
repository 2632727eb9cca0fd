// Targets that are added, weighed, drained and removed while a gateway serves: over the admin API
// and the command line, in one thread and in several, under load, without a failed request.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/gateway/config.ts";
import { edgelane } from "../support/command.ts";
import { startGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";
import { startWorkers, startWorkersFrom } from "../support/worker-gateway.ts";

let origins: TestOrigin[] = [];

beforeEach(async () => {
  origins = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      startOrigin(async (connection) => {
        for (;;) {
          const head = await connection.readHead();
          await connection.readContent(head);
          await connection.send(answer(String(index)));
        }
      }),
    ),
  );
});
afterEach(async () => {
  for (const origin of origins) await origin.close();
});

interface Running {
  readonly port: number;
  admin(method: string, path: string, body?: unknown): Promise<Response>;
  stop(): Promise<void>;
}

const THREADS: [string, (config: Parameters<typeof startGateway>[0]) => Promise<Running>][] = [
  [
    "one thread",
    async (config) => {
      const gateway = await startGateway(config);
      const admin = gateway.admin.bind(gateway);
      return { port: gateway.port, admin, stop: () => gateway.close() };
    },
  ],
  [
    "two workers",
    async (config) => {
      const gateway = await startWorkers(2, config);
      const admin = gateway.admin.bind(gateway);
      return { port: gateway.port, admin, stop: () => gateway[Symbol.asyncDispose]() };
    },
  ],
];

const host = (index: number): string => origins[index]?.host ?? "";
const url = (index: number): string => origins[index]?.url ?? "";

/** Asks for as long as `on` says, with POST now and then; how many asked, and what went wrong. */
async function load(port: number, clients: number, on: () => boolean): Promise<[number, string[]]> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const wrong: string[] = [];
  let count = 0;
  const ask = (method: string): Promise<void> =>
    new Promise((resolve) => {
      const fail = (what: string): void => {
        wrong.push(what);
        resolve();
      };
      const sent = request({ agent, port, method, path: "/", host: "127.0.0.1" }, (response) => {
        if (response.statusCode !== 200) wrong.push(`${method} ${response.statusCode}`);
        response.resume().on("end", resolve);
        response.on("error", (error) => fail(error.message));
      });
      sent.on("error", (error) => fail(error.message));
      sent.end(method === "POST" ? "content" : undefined);
    });
  const client = async (): Promise<void> => {
    while (on()) {
      count += 1;
      await ask(count % 5 === 0 ? "POST" : "GET");
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return [count, wrong];
}

describe.each(THREADS)("with %s", (_name, start) => {
  test("300 changes under load fail no request", async () => {
    const gateway = await start({
      upstreams: { app: { targets: [url(0), url(1)], slowStart: "off" } },
    });
    let changing = true;
    const loading = load(gateway.port, 16, () => changing);
    const change = async (path: string, body: object): Promise<void> => {
      const response = await gateway.admin("POST", path, body);
      expect([path, response.status, await response.text()]).toEqual([
        path,
        200,
        expect.stringContaining("app"),
      ]);
    };
    for (let turn = 0; turn < 60; turn += 1) {
      const joins = 2 + (turn % 8);
      await change("/targets", { upstream: "app", url: url(joins), weight: 3 });
      await change(`/targets/${host(joins)}/weight`, { weight: 1 + (turn % 4) });
      await change(`/targets/${host(turn % 2)}/drain`, {});
      await change(`/targets/${host(turn % 2)}/undrain`, {});
      await change(`/targets/${host(joins)}/remove`, {});
    }
    changing = false;
    const [count, wrong] = await loading;
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(300);
    for (const origin of origins) expect(origin.heads.length).toBeGreaterThan(0);
    const { targets } = (await (await gateway.admin("GET", "/targets")).json()) as {
      targets: { target: string; source?: string }[];
    };
    const present = targets.filter(({ source }) => source !== undefined);
    expect(present.map(({ target }) => target)).toEqual([host(0), host(1)]);
    await gateway.stop();
  });

  test("one of ten leaves: its keys move, a tenth of all, and no others", async () => {
    const gateway = await start({
      upstreams: {
        app: {
          targets: origins.map((origin) => origin.url),
          balance: "hash",
          hash: { by: "header:X-Key" },
        },
      },
      routes: [{ match: "/*", to: "app", cache: "off" }],
    });
    const placed = async (): Promise<string[]> => {
      const found: string[] = [];
      for (let key = 0; key < 300; key += 1) {
        found.push((await get(gateway.port, "/", `X-Key: client ${key}`)).text);
      }
      return found;
    };
    const before = await placed();
    const left = await gateway.admin("POST", `/targets/${encodeURIComponent(url(3))}/remove`, {});
    expect(left.status).toBe(200);
    const after = await placed();
    const moved = before.filter((target, key) => target !== after[key]);
    expect(new Set(moved)).toEqual(new Set(["3"]));
    // 10 %, and three times the deviation of so few keys; selection.test.ts has many.
    expect(moved.length / before.length).toBeLessThanOrEqual(0.152);
    expect(before.filter((target) => target === "3")).toHaveLength(moved.length);
    await gateway.stop();
  });
});

test("a worker that takes a dead one's place has the targets of now", async () => {
  const directory = await mkdtemp(join(tmpdir(), "edgelane-targets-"));
  const file = join(directory, "edgelane.ts");
  const program = `export default {
    listen: ["127.0.0.1:0"],
    admin: { listen: "127.0.0.1:0" },
    upstreams: { app: "${url(0)}" },
    log: { level: "silent", access: "off" },
    routes: [
      { match: "/*", to: "app" },
      { match: "/exit", to: "app", use: [() => process.exit(3)] },
    ],
  };`;
  await writeFile(file, program);
  await using gateway = await startWorkersFrom(2, await loadConfig(file, { environment: {} }));
  const add = { upstream: "app", url: url(1) };
  expect((await gateway.admin("POST", "/targets", add)).status).toBe(200);
  const removed = await gateway.admin("POST", `/targets/${host(0)}/remove`, {});
  expect(removed.status).toBe(200);
  const killed = await RawClient.connect(gateway.port);
  await killed.send(requestText("GET", "/exit"));
  await killed.untilEnd();
  await gateway.metricIs("gateway_worker_restarts_total", {}, 1);
  await gateway.metricIs("gateway_worker_up", {}, 2);
  for (let turn = 0; turn < 20; turn += 1) expect((await get(gateway.port, "/")).text).toBe("1");
  const { targets } = (await (await gateway.admin("GET", "/targets?upstream=app")).json()) as {
    targets: object[];
  };
  expect(targets).toEqual([
    expect.objectContaining({ upstream: "app", target: host(1), source: "admin", weight: 1 }),
  ]);
  await killed.close();
  await rm(directory, { recursive: true });
});

test("a target that is added where checks are made is asked after a good one", async () => {
  const gateway = await startGateway({
    upstreams: { app: { targets: [url(0)], health: { path: "/up", every: "1h" } } },
  });
  const body = { upstream: "app", url: url(1), backup: true };
  expect((await gateway.admin("POST", "/targets", body)).status).toBe(200);
  await gateway.metricIs(
    "gateway_upstream_target_state",
    { target: host(1), state: "slow_start" },
    1,
  );
  expect(origins[1]?.heads[0]).toContain("GET /up ");
  const status = await gateway.admin("POST", `/targets/${host(1)}/remove`, {});
  expect(status.status).toBe(200);
  await gateway.close();
});

test("what the admin API refuses, and why", async () => {
  const gateway = await startGateway({ upstreams: { app: url(0) } });
  const asked = async (path: string, body: unknown): Promise<[number, string]> => {
    const response = await gateway.admin("POST", path, body);
    return [response.status, ((await response.json()) as { detail: string }).detail];
  };
  expect(await asked("/targets", { upstream: "app", url: "10.0.0.1" })).toEqual([
    400,
    expect.stringContaining('"url" is scheme, host and port'),
  ]);
  expect(await asked("/targets", { upstream: "ap", url: url(1) })).toEqual([
    404,
    'no upstream "ap"; there are app',
  ]);
  expect(await asked(`/targets/${host(0)}/remove`, {})).toEqual([
    409,
    `${host(0)} is the last target of app; it can be drained`,
  ]);
  expect(await asked(`/targets/${host(0)}/explode`, {})).toEqual([
    404,
    "what can be done to a target: drain, undrain, weight, remove",
  ]);
  expect((await gateway.admin("GET", "/targets?upstream=ap")).status).toBe(404);
  const foreign = await fetch(`http://127.0.0.1:${gateway.adminPort}/targets`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: "https://evil.test" },
    body: JSON.stringify({ upstream: "app", url: url(1) }),
  });
  expect(foreign.status).toBe(403);
  await foreign.text();
  await gateway.close();
});

test("edgelane targets", async () => {
  const gateway = await startGateway({ upstreams: { app: url(0) } });
  const run = async (...args: string[]): Promise<[number | null, string]> => {
    const admin = ["--admin", `127.0.0.1:${gateway.adminPort}`];
    const { code, stdout, stderr } = await edgelane(["targets", ...args, ...admin]);
    return [code, code === 0 ? stdout : stderr];
  };
  expect(await run("add", "app", url(1), "--weight", "2", "--backup")).toEqual([
    0,
    `${url(1)} joins app\n`,
  ]);
  expect(await run("weight", host(1), "5")).toEqual([0, `${host(1)} (app) has weight 5\n`]);
  const [, list] = await run("app");
  const [head, ...rows] = list.trimEnd().split("\n");
  expect(head).toMatch(/^UPSTREAM {2}TARGET +WEIGHT +STATE +RUNNING {2}FROM$/);
  expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
    ["app", host(0), "1", "up", "0", "config"],
    ["app", host(1), "5 (backup)", "slow_start", "0", "admin"],
  ]);
  expect(await run("remove", url(1), "--json")).toEqual([
    0,
    `${JSON.stringify({ target: url(1), upstreams: ["app"] })}\n`,
  ]);
  const [code, text] = await run("remove", host(0));
  expect([code, text]).toEqual([1, expect.stringContaining("is the last target of app")]);
  expect(await run("weight", host(0), "many")).toEqual([
    2,
    expect.stringContaining('"many" is not a whole number'),
  ]);
  expect(await run("add", "app", url(1), "--upstream", "app")).toEqual([
    2,
    expect.stringContaining("has no option --upstream"),
  ]);
  await gateway.close();
});
