// Hits on the wire: the same bytes for everybody whatever their size and however slow their reader,
// each with an X-Request-Id of its own, metered and logged like any other exchange.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { shiftedClock, startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, byPath, pattern, type PathAnswer } from "../support/origin-scripts.ts";
import { ask, get, RawClient, requestText } from "../support/raw-client.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;

async function serve(
  answers: Record<string, PathAnswer>,
  config: Omit<EdgelaneConfig, "upstreams"> = {},
): Promise<number> {
  origin = await startOrigin(byPath(answers));
  gateway = await startGateway({
    cache: { memory: "64MiB", objectMax: "16MiB" },
    ...config,
    upstreams: { app: origin.url },
  });
  return gateway.port;
}

function started(): { origin: TestOrigin; gateway: TestGateway } {
  if (origin === undefined || gateway === undefined) throw new Error("nothing was started");
  return { origin, gateway };
}

beforeEach(() => {
  origin = undefined;
  gateway = undefined;
});
afterEach(async () => {
  await origin?.close();
  await gateway?.close();
});

const LINES = ["Cache-Control: max-age=600", "Content-Type: application/octet-stream"];
const SIZES = [0, 1, 1000, 16_384, 16_385, 1 << 20, 8 << 20];
const HIT = /^edgelane; hit; ttl=\d+$/;

test.each(SIZES)("%i bytes come back as they were stored", async (size) => {
  const content = pattern(size);
  const port = await serve({ "/": answer(content, ...LINES) });
  expect((await get(port, "/")).content.equals(content)).toBe(true);
  const client = await RawClient.connect(port);
  const ids = new Set<string>();
  for (let turn = 0; turn < 4; turn++) {
    void client.send(requestText("GET", "/"));
    const hit = await client.response();
    expect(hit.field("cache-status")).toMatch(HIT);
    expect(hit.field("content-length")).toBe(String(size));
    expect(hit.content.equals(content)).toBe(true);
    ids.add(hit.field("x-request-id") ?? "");
  }
  // The way of a decision: the same bytes again.
  const head = await ask(port, requestText("HEAD", "/"));
  expect(head.field("content-length")).toBe(String(size));
  const decided = await get(port, "/", "Cache-Control: max-age=500");
  expect(decided.content.equals(content)).toBe(true);
  await client.close();
  expect(ids.size).toBe(4);
  expect(started().origin.heads).toHaveLength(1);
});

test.each([8192, 300_000, 8 << 20])(
  "slow readers of %i bytes get what they asked for while others hit the same entry",
  async (size) => {
    const clock = shiftedClock();
    const content = pattern(size);
    const port = await serve({ "/": answer(content, ...LINES) });
    await get(port, "/");
    // Enough of each to fill the kernel's buffers, so that the gateway's writes stay pending.
    const perClient = Math.max(1, Math.ceil(6_000_000 / size));
    const slow = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(port)));
    for (const client of slow) client.pause();
    const ids = new Set<string>();
    for (let turn = 0; turn < perClient; turn++) {
      // The request id, the age and the lifetime are patched into bytes that others still wait for.
      clock.advance(turn % 7 === 0 ? 1000 : 0);
      for (const client of slow) void client.send(requestText("GET", "/", [`X-Turn: ${turn}`]));
      const quick = await get(port, "/");
      expect(quick.content.equals(content)).toBe(true);
      ids.add(quick.field("x-request-id") ?? "");
    }
    let ages = 0;
    for (const client of slow) {
      client.resume();
      let age = 0;
      for (let turn = 0; turn < perClient; turn++) {
        const hit = await client.response();
        expect(hit.field("cache-status")).toMatch(HIT);
        const ttl = Number(/ttl=(\d+)/.exec(hit.field("cache-status") ?? "")?.[1]);
        const ageNow = Number(hit.field("age"));
        expect(ttl + ageNow).toBe(600);
        expect(ageNow).toBeGreaterThanOrEqual(age);
        age = ageNow;
        if (!hit.content.equals(content)) throw new Error(`turn ${turn} has other bytes`);
        ids.add(hit.field("x-request-id") ?? "");
      }
      ages = Math.max(ages, age);
      await client.close();
    }
    clock.restore();
    expect(ids.size).toBe(perClient * 5);
    expect(ages).toBeGreaterThan(0);
    expect(started().origin.heads).toHaveLength(1);
  },
);

test("a slow reader's bytes survive the entry: purge, replacement and eviction", async () => {
  const first = pattern(4 << 20, 1);
  const second = pattern(4 << 20, 2);
  let turn = 0;
  const port = await serve({
    "/": async (connection) => {
      turn++;
      await connection.send(answer(turn === 1 ? first : second, ...LINES));
    },
  });
  await get(port, "/");
  const slow = await RawClient.connect(port);
  slow.pause();
  void slow.send(requestText("GET", "/").repeat(2));
  const { gateway } = started();
  await gateway.metricIs("gateway_cache_hits_total", {}, 1);
  await gateway.admin("POST", "/purge", { url: "http://a.test/" });
  expect((await get(port, "/")).content.equals(second)).toBe(true);
  slow.resume();
  expect((await slow.response()).content.equals(first)).toBe(true);
  expect((await slow.response()).content.equals(second)).toBe(true);
  await slow.close();
});

test("pipelined hits, HEAD among them, are answered in order", async () => {
  const answers: Record<string, PathAnswer> = {};
  for (let index = 0; index < 10; index++) {
    answers[`/${index}`] = answer(`content of ${index}`, ...LINES);
  }
  const port = await serve(answers);
  for (const path of Object.keys(answers)) await get(port, path);
  const client = await RawClient.connect(port);
  const order = Array.from({ length: 500 }, (_item, index) => ({
    method: index % 7 === 0 ? "HEAD" : "GET",
    path: `/${(index * 3) % 10}`,
  }));
  // A miss in the middle: what comes behind it waits its turn.
  order[250] = { method: "GET", path: "/missing" };
  void client.send(order.map(({ method, path }) => requestText(method, path)).join(""));
  for (const { method, path } of order) {
    const response = await client.response(method);
    const text = path === "/missing" ? "" : `content of ${path.slice(1)}`;
    expect(response.status).toBe(path === "/missing" ? 404 : 200);
    expect(response.text).toBe(method === "HEAD" ? "" : text);
  }
  await client.close();
});

test("a client that pipelines and does not read is held back, not buffered for", async () => {
  const port = await serve({ "/": answer(pattern(100_000), ...LINES) });
  await get(port, "/");
  const rows: [string, string[]][] = [
    ["plain hits", []],
    ["hits that the policy decides", ["Cache-Control: max-age=500"]],
    ["ranges", ["Range: bytes=1-99999"]],
  ];
  for (const [name, lines] of rows) {
    const client = await RawClient.connect(port);
    client.pause();
    const before = process.memoryUsage();
    void client.send(requestText("GET", "/", lines).repeat(20_000));
    let served = -1;
    const { gateway } = started();
    const hits = (): Promise<number> => gateway.metric("gateway_cache_hits_total");
    const start = await hits();
    for (let now = await hits(); now !== served; now = await hits()) {
      served = now;
      for (let turn = 0; turn < 20; turn++) await gateway.metrics();
    }
    // The kernels' buffers take a few MB: some dozens of responses, of 20,000 that were asked for.
    expect(served - start, name).toBeLessThan(200);
    const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
    expect(grown, name).toBeLessThan(30_000_000);
    client.reset();
    await client.closed;
    await gateway.idle();
  }
});

test("10,000 hits have 10,000 request ids", async () => {
  const port = await serve({ "/": answer("hi", ...LINES) });
  await get(port, "/");
  const ids = new Set<string>();
  const client = await RawClient.connect(port);
  for (let batch = 0; batch < 10; batch++) {
    void client.send(requestText("GET", "/").repeat(1000));
    for (let turn = 0; turn < 1000; turn++) {
      const id = (await client.response()).field("x-request-id") ?? "";
      expect(id).toMatch(/^[0-9a-f]{24}$/);
      ids.add(id);
    }
  }
  await client.close();
  expect(ids.size).toBe(10_000);
});

describe("the books", () => {
  const PATH = "/page?token=secret-query";
  const SECRETS = ["Cookie: session=secret-cookie", "User-Agent: secret-agent"];

  test.each(["GET", "HEAD"])("a %s hit is logged like a miss", async (method) => {
    const lines = [...LINES, "Set-Cookie: secret-set-cookie"];
    const port = await serve({ "/page": answer("secret-content", ...lines) });
    await ask(port, requestText("GET", PATH, SECRETS));
    const hit = await ask(port, requestText(method, PATH, SECRETS));
    const { gateway, origin } = started();
    const [first, second] = await gateway.log(2);
    if (first === undefined || second === undefined) throw new Error("no lines");
    const bytes = method === "HEAD" ? 0 : 14;
    expect(second).toMatchObject({
      level: "info",
      msg: "access",
      request_id: hit.field("x-request-id"),
      method,
      host: "a.test",
      path: "/page",
      endpoint: "/*",
      cache: "hit",
      status: 200,
      bytes,
      client: "127.0.0.1",
      version: "1.1",
    });
    expect(second.duration_ms).toBeGreaterThanOrEqual(0);
    expect(Object.keys(second)).toEqual(Object.keys(first).filter((key) => key !== "target"));
    expect(first).toMatchObject({ cache: "miss", bytes: 14, target: origin.host });
    expect(gateway.logText()).not.toContain("secret");
  });

  test("a hit is counted like a miss", async () => {
    const port = await serve({ "/page": answer("x".repeat(1000), ...LINES) });
    const sizes: number[] = [];
    const { gateway } = started();
    let before = await gateway.metric("gateway_bytes_total", { direction: "sent" });
    for (let turn = 0; turn < 3; turn++) {
      const client = await RawClient.connect(port);
      void client.send(requestText("GET", PATH));
      await client.response();
      await client.close();
      await gateway.idle();
      const now = await gateway.metric("gateway_bytes_total", { direction: "sent" });
      expect(now - before).toBe(client.receivedBytes);
      sizes.push(now - before);
      before = now;
    }
    const labels = { method: "GET", endpoint: "/*", status: "200" };
    expect(await gateway.metric("gateway_requests_total", labels)).toBe(3);
    const count = { method: "GET", endpoint: "/*" };
    expect(await gateway.metric("gateway_request_duration_seconds_count", count)).toBe(3);
    expect(await gateway.metric("gateway_cache_hits_total")).toBe(2);
    expect(await gateway.metric("gateway_cache_misses_total")).toBe(1);
    expect(await gateway.metric("gateway_upstream_requests_total", { upstream: "app" })).toBe(1);
    expect(sizes[1]).toBeGreaterThan(1000);
  });

  test("hits and misses of HTTP/1.0 say so", async () => {
    const port = await serve({ "/page": answer("hi", ...LINES) });
    await get(port, "/page");
    await ask(port, "GET /page HTTP/1.0\r\nHost: a.test\r\n\r\n");
    const lines = await started().gateway.log(2);
    expect(lines).toMatchObject([{ version: "1.1" }, { version: "1.0", cache: "hit" }]);
  });

  test("an access log that is off costs nothing and breaks nothing", async () => {
    const port = await serve(
      { "/page": answer("hi", ...LINES) },
      { log: { access: "off", level: "silent" } },
    );
    for (let turn = 0; turn < 3; turn++) expect((await get(port, "/page")).text).toBe("hi");
  });
});
