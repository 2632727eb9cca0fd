// Starting and stopping: probes, what a stop does to idle and busy connections, its deadline, and
// that a gateway leaves its process as it found it.

import { spawn } from "node:child_process";
import { connect, createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway, until } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, byPath, pattern } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";
import { within } from "../support/within.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;

async function serve(
  script: OriginScript,
  config: Omit<EdgelaneConfig, "upstreams"> = {},
): Promise<{ port: number; origin: TestOrigin; gateway: TestGateway }> {
  origin = await startOrigin(script);
  gateway = await startGateway({ ...config, upstreams: { app: origin.url } });
  return { port: gateway.port, origin, gateway };
}

beforeEach(() => {
  origin = undefined;
  gateway = undefined;
});
afterEach(async () => {
  await origin?.close();
  await gateway?.close();
});

function refused(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => {
      socket.destroy();
      resolve("accepted");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
  });
}

test("is live and ready once it listens", async () => {
  const { gateway } = await serve(byPath({}));
  expect((await gateway.admin("GET", "/livez")).status).toBe(200);
  expect((await gateway.admin("GET", "/readyz")).status).toBe(200);
  expect((await get(gateway.port, "/health")).status).toBe(200);
});

test("listens on several addresses with one cache", async () => {
  const { gateway, origin } = await serve(
    byPath({ "/": answer("hi", "Cache-Control: max-age=9") }),
    {
      listen: ["127.0.0.1:0", "127.0.0.1:0"],
    },
  );
  const [first = 0, second = 0] = gateway.ports;
  expect(first).not.toBe(second);
  expect((await get(first, "/", "Host: a.test")).text).toBe("hi");
  expect((await get(second, "/", "Host: a.test")).field("cache-status")).toMatch(/^edgelane; hit/);
  expect(origin.heads).toHaveLength(1);
});

test("heads in pieces take slabs, which the metrics show with their high-water mark", async () => {
  const { port, gateway } = await serve(byPath({ "/": answer("hi") }));
  const { engine } = gateway.gateway;
  expect(await gateway.metric("gateway_info", { engine })).toBe(1);
  const before = await gateway.metric("gateway_buffers_in_use");
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)));
  for (const client of clients) await client.send("GET / HTTP/1.1\r\nHo");
  await gateway.metricIs("gateway_buffers_in_use", {}, before + clients.length);
  for (const client of clients) {
    await client.send("st: a.test\r\n\r\n");
    expect((await client.response()).text).toBe("hi");
    await client.close();
  }
  await gateway.metricIs("gateway_buffers_in_use", {}, before);
  const highWater = await gateway.metric("gateway_buffers_high_water");
  expect(highWater).toBeGreaterThanOrEqual(before + clients.length);
});

test("binds all addresses or none", async () => {
  const taken = createServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const free = createServer();
  free.listen(0, "127.0.0.1");
  await once(free, "listening");
  const other = (free.address() as AddressInfo).port;
  await new Promise((resolve) => free.close(resolve));
  const config: EdgelaneConfig = {
    upstreams: { app: "http://127.0.0.1:1" },
    listen: [`127.0.0.1:${other}`, `127.0.0.1:${port}`],
  };
  await expect(startGateway(config)).rejects.toMatchObject({ code: "EADDRINUSE" });
  expect(await refused(other)).toBe("ECONNREFUSED");
  await expect(
    startGateway({
      ...config,
      listen: [`127.0.0.1:${other}`],
      admin: { listen: `127.0.0.1:${port}` },
    }),
  ).rejects.toMatchObject({ code: "EADDRINUSE" });
  expect(await refused(other)).toBe("ECONNREFUSED");
  taken.close();
});

describe("a stop", () => {
  test("turns probes first, takes nothing new, and lets what runs finish", async () => {
    const go = Promise.withResolvers<void>();
    const { port, origin, gateway } = await serve(async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
      await go.promise;
      await connection.send("-last");
    });
    const idle = await RawClient.connect(port);
    void idle.send(requestText("GET", "/health"));
    await idle.response();
    const waiting = await RawClient.connect(port);
    const running = await RawClient.connect(port);
    void running.send(requestText("GET", "/"));
    await running.head();
    const half = await RawClient.connect(port);
    void half.send("GET /health HTTP/1.1\r\n");
    await gateway.metricIs("gateway_connections", {}, 4);
    await gateway.metricIs("gateway_connections", { state: "active" }, 1);
    const closed = gateway.shutDown({ graceMs: 5000 });
    const ready = await gateway.admin("GET", "/readyz");
    expect([ready.status, await ready.json()]).toEqual([503, { status: "draining" }]);
    expect((await gateway.admin("GET", "/livez")).status).toBe(200);
    expect(await refused(port)).toBe("ECONNREFUSED");
    // Nobody waits for anything there.
    for (const client of [idle, waiting]) expect((await client.untilEnd()).how).toBe("end");
    await idle.close();
    await waiting.close();
    // A request that had begun is answered.
    void half.send("Host: a.test\r\n\r\n");
    const health = await half.response();
    expect([health.status, health.field("connection")]).toEqual([503, "close"]);
    expect((await half.untilEnd()).how).toBe("end");
    await half.close();
    go.resolve();
    expect((await running.bytes(10)).toString()).toBe("first-last");
    expect((await running.untilEnd()).how).toBe("end");
    await running.close();
    await within(closed, 2000, "the stop");
    await origin.idle();
  });

  test("answers what still comes on a busy connection with Connection: close", async () => {
    const go = Promise.withResolvers<void>();
    const { port, origin, gateway } = await serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        await go.promise;
        await connection.send(answer("done"));
      }
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/").repeat(2));
    await origin.headsAtLeast(1);
    const closed = gateway.shutDown({ graceMs: 5000 });
    go.resolve();
    const response = await client.response();
    expect([response.text, response.field("connection")]).toEqual(["done", "close"]);
    expect((await client.untilEnd()).bytes.length).toBe(0);
    expect(origin.heads).toHaveLength(1);
    await client.close();
    await within(closed, 2000, "the stop");
  });

  test("closes behind a hit that its reader takes late", async () => {
    const content = pattern(8_000_000);
    const { port, gateway } = await serve(
      byPath({ "/": answer(content, "Cache-Control: max-age=60") }),
      { cache: { objectMax: "16MiB" } },
    );
    await get(port, "/");
    const client = await RawClient.connect(port);
    client.pause();
    void client.send(requestText("GET", "/"));
    await gateway.metricIs("gateway_cache_hits_total", {}, 1);
    const closed = gateway.shutDown({ graceMs: 10_000 });
    client.resume();
    expect((await client.response()).content.equals(content)).toBe(true);
    expect((await client.untilEnd()).how).toBe("end");
    await client.close();
    await within(closed, 2000, "the stop");
  });

  test("resets what has not finished by its deadline", async () => {
    const { port, origin, gateway } = await serve(async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    await client.head();
    await client.bytes(4);
    const startedMs = performance.now();
    await within(gateway.shutDown({ graceMs: 150 }), 5000, "the stop");
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(145);
    expect((await client.untilEnd()).how).toBe("reset");
    await client.close();
    await origin.idle();
  });

  test("lets a running fetch finish", async () => {
    const go = Promise.withResolvers<void>();
    const { origin, gateway } = await serve(async (connection) => {
      await connection.readHead();
      await go.promise;
      await connection.send(answer("late"));
    });
    const response = gateway.gateway.fetch(new Request("http://a.test/"));
    await origin.headsAtLeast(1);
    const closed = gateway.shutDown({ graceMs: 5000 });
    go.resolve();
    expect(await (await response).text()).toBe("late");
    await within(closed, 2000, "the stop");
  });

  test("of a gateway that never listened, and a second one, are nothing", async () => {
    const { gateway } = await serve(byPath({}));
    const first = gateway.shutDown({ graceMs: 100 });
    await within(Promise.all([first, gateway.shutDown()]), 2000, "both stops");
  });
});

test("a process that embeds a gateway goes on printing and ends by itself", async () => {
  const program = `
    import { createGateway } from ${JSON.stringify(moduleUrl("../../src/gateway/gateway.ts"))};
    import { resolveConfig } from ${JSON.stringify(moduleUrl("../../src/gateway/config.ts"))};
    for (const turn of [1, 2]) {
      const gateway = createGateway(resolveConfig({
        listen: ["127.0.0.1:0"],
        admin: { listen: "127.0.0.1:0" },
        upstreams: { app: "http://127.0.0.1:1" },
      }));
      await gateway.listen();
      const response = await gateway.fetch(new Request("http://a.test/"));
      await gateway.close();
      console.log("closed", turn, response.status);
    }
  `;
  // A pipe of spawn is a socket, as the standard output of a service is.
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await within(once(child, "close"), 10_000, "the process")) as [number];
  expect(code).toBe(0);
  const lines = output.split("\n").filter((line) => line.startsWith("closed"));
  expect(lines).toEqual(["closed 1 502", "closed 2 502"]);
  expect(output.split("\n").filter((line) => line.includes('"msg":"access"'))).toHaveLength(2);
});

function moduleUrl(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

test("a client that connects and says nothing costs no exchange", async () => {
  const { port, gateway } = await serve(byPath({}));
  const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(port)));
  await gateway.metricIs("gateway_connections", { state: "idle" }, 50);
  for (const client of clients) await client.close();
  await until(async () => (await gateway.metric("gateway_connections")) === 0, "no connections");
  expect(await gateway.metric("gateway_requests_total")).toBe(0);
});
