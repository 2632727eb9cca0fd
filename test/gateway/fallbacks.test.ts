// What answers when an upstream does not: a stored response first, then another upstream or a page,
// by reason code or status; and that nothing of it is stored.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EdgelaneFallback, EdgelaneUpstream } from "../../src/gateway/edgelane-config.ts";
import { answering, type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";

let gateway: TestGateway | null = null;
let origins: TestOrigin[] = [];
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-fallback-"));
});

afterEach(async () => {
  await gateway?.close();
  gateway = null;
  for (const origin of origins) await origin.close();
  origins = [];
  rmSync(directory, { recursive: true });
});

const named = (name: string, status = 200, fields = ""): OriginScript =>
  answering(`HTTP/1.1 ${status} X\r\n${fields}Content-Length: ${name.length}\r\n\r\n${name}`);

const resetting: OriginScript = async (connection) => {
  await connection.readHead();
  connection.reset();
};

async function start(script: OriginScript): Promise<TestOrigin> {
  const origin = await startOrigin(script);
  origins.push(origin);
  return origin;
}

async function deadUrl(): Promise<string> {
  const origin = await startOrigin(() => {});
  const { url } = origin;
  await origin.close();
  return url;
}

function page(name = "down.html", content = "<p>back soon</p>"): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

async function serve(
  url: string,
  fallback: readonly EdgelaneFallback[],
  more: Readonly<Record<string, string | EdgelaneUpstream>> = {},
  route = {},
): Promise<TestGateway> {
  const retry = { attempts: 1 };
  gateway = await startGateway({
    upstreams: { app: { targets: [url], fallback, retry, breaker: "off" }, ...more },
    routes: [{ match: "/*", to: "app", cache: "off", ...route }],
  });
  return gateway;
}

const ask = (init: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway?.port ?? 0}/`, {
    ...init,
    headers: { connection: "close" },
  });

test("a page, with its status, type and reason; it is a failure in log and metrics", async () => {
  const started = await serve(await deadUrl(), [{ page: page() }]);
  const response = await ask();
  expect([response.status, await response.text()]).toEqual([503, "<p>back soon</p>"]);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("proxy-status")).toBe(
    'edgelane; error=connection_refused; details="connect_refused: ECONNREFUSED; fallback to page"',
  );
  const [line] = await started.log(1);
  expect(line).toMatchObject({ fallback: "page: connect_refused", reason: "connect_refused" });
  expect(await started.metric("gateway_fallbacks_total", { by: "page" })).toBe(1);
  expect((await ask({ method: "HEAD" })).status).toBe(503);
});

test("another upstream; it is no failure, and says whom it stands in for", async () => {
  const backup = await start(named("b"));
  const started = await serve(await deadUrl(), [{ to: "backup" }], { backup: backup.url });
  const response = await ask();
  expect([response.status, await response.text()]).toEqual([200, "b"]);
  expect(response.headers.get("proxy-status")).toBe(
    'edgelane; error=connection_refused; details="connect_refused: ECONNREFUSED; fallback to backup"',
  );
  const [line] = await started.log(1);
  expect(line).toMatchObject({ fallback: "backup: connect_refused", target: backup.host });
  expect(line?.reason).toBeUndefined();
  expect(await started.metric("gateway_failures_total")).toBe(0);
  expect(await started.metric("gateway_fallbacks_total", { by: "upstream" })).toBe(1);
});

test("the first rule for the reason, then the next when that fails too", async () => {
  const json = page("down.json", "{}");
  await serve(
    await deadUrl(),
    [
      { page: page(), on: ["headers_timeout"] },
      { to: "dead", on: ["connect_refused"] },
      { page: json, status: 200, on: ["connect_refused"] },
    ],
    { dead: { targets: [await deadUrl()], retry: { attempts: 1 } } },
  );
  const response = await ask();
  expect([response.status, await response.text()]).toEqual([200, "{}"]);
  expect(response.headers.get("content-type")).toBe("application/json");
});

test("an upstream's fallbacks follow where it stands in itself", async () => {
  const last = await start(named("c"));
  await serve(await deadUrl(), [{ to: "second" }], {
    second: { targets: [await deadUrl()], retry: { attempts: 1 }, fallback: [{ to: "third" }] },
    third: last.url,
  });
  expect(await (await ask()).text()).toBe("c");
});

test("no rule for the reason: the error", async () => {
  await serve(await deadUrl(), [{ page: page(), on: ["headers_timeout"] }]);
  expect((await ask()).status).toBe(502);
});

test("a route's own rules stand instead of its upstream's", async () => {
  await serve(await deadUrl(), [{ page: page() }], {}, { fallback: [] });
  expect((await ask()).status).toBe(502);
});

const statuses: [string, number, (string | number)[] | undefined, string][] = [
  ["a status that a rule names", 503, [503], "b"],
  ["another one", 500, [503], "a"],
  ["any, without being named: it is an answer", 503, undefined, "a"],
];
test.each(statuses)("an origin's answer with %s", async (_name, status, on, expected) => {
  const app = await start(named("a", status));
  const backup = await start(named("b"));
  const rule = on === undefined ? { to: "backup" } : { to: "backup", on };
  const cached = { cache: "auto" };
  await serve(app.url, [rule], { backup: backup.url }, cached);
  expect(await (await ask()).text()).toBe(expected);
  await gateway?.close();
  await serve(app.url, [rule], { backup: backup.url });
  expect(await (await ask()).text()).toBe(expected);
});

const requests: [string, RequestInit, OriginScript | null, string][] = [
  ["a POST that was not sent goes on", { method: "POST", body: "x" }, null, "b"],
  ["a POST that was sent does not", { method: "POST", body: "x" }, resetting, "page"],
  ["a POST without content that was sent does not", { method: "POST" }, resetting, "page"],
  ["a GET that was sent goes on", {}, resetting, "b"],
  ["a PUT that was not sent goes on with its content", { method: "PUT", body: "x" }, null, "b"],
];
test.each(requests)("RFC 9110 9.2.2 %s", async (_name, init, script, expected) => {
  const url = script === null ? await deadUrl() : (await start(script)).url;
  const backup = await start(async (connection) => {
    const head = await connection.readHead();
    const content = await connection.readContent(head);
    expect(content.toString()).toBe(init.body === undefined ? "" : "x");
    await connection.send("HTTP/1.1 200 X\r\nContent-Length: 1\r\n\r\nb");
  });
  const rules = [{ to: "backup" }, { page: page("p.txt", "page") }];
  await serve(url, rules, { backup: backup.url });
  expect(await (await ask(init)).text()).toBe(expected);
});

test("what a fallback answers is not stored; what the upstream answers then is", async () => {
  let fails = true;
  const app = await start(async (connection) => {
    await connection.readHead();
    if (fails) return connection.reset();
    await connection.send(
      "HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\nContent-Length: 1\r\n\r\na",
    );
  });
  const backup = await start(named("b", 200, "Cache-Control: max-age=60\r\n"));
  const cached = { cache: "auto" };
  await serve(app.url, [{ to: "backup" }], { backup: backup.url }, cached);
  const text = async (): Promise<string> => (await ask()).text();
  expect([await text(), await text(), backup.heads.length]).toEqual(["b", "b", 2]);
  fails = false;
  expect([await text(), await text(), backup.heads.length]).toEqual(["a", "a", 2]);
});

test("a stored response that may be stale comes first", async () => {
  let fails = false;
  const app = await start(async (connection) => {
    await connection.readHead();
    if (fails) return connection.reset();
    const fields = 'Cache-Control: max-age=0, stale-if-error=60\r\nETag: "1"\r\n';
    await connection.send(`HTTP/1.1 200 X\r\n${fields}Content-Length: 1\r\n\r\na`);
    connection.end();
  });
  const backup = await start(named("b"));
  await serve(app.url, [{ to: "backup" }], { backup: backup.url }, { cache: "auto" });
  expect(await (await ask()).text()).toBe("a");
  fails = true;
  expect(await (await ask()).text()).toBe("a");
});

test("a client that leaves while a fallback answers frees its connection", async () => {
  const asked = Promise.withResolvers<void>();
  const backup = await start(async (connection) => {
    await connection.readHead();
    asked.resolve();
    await connection.closed;
  });
  await serve(await deadUrl(), [{ to: "backup" }], { backup: backup.url });
  const controller = new AbortController();
  const request = ask({ signal: controller.signal }).catch(() => undefined);
  await asked.promise;
  controller.abort();
  await request;
  await backup.idle();
});
