// createGateway().fetch: the same routes, cache and clusters for a Request without a socket, with
// streams both ways, errors as responses, and an origin request that ends with its reader.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, byPath, echo, pattern } from "../support/origin-scripts.ts";
import { get } from "../support/raw-client.ts";
import { within } from "../support/within.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;

async function serve(
  script: OriginScript = echo,
  config: Omit<EdgelaneConfig, "upstreams"> = {},
): Promise<(input: string, init?: RequestInit) => Promise<Response>> {
  origin = await startOrigin(script);
  const started = await startGateway({ ...config, upstreams: { app: origin.url } });
  gateway = started;
  return (input, init) => {
    const request = new Request(`http://a.test${input}`, init);
    return within(started.gateway.fetch(request), 5000, `fetch ${input}`);
  };
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

const FRESH = "Cache-Control: max-age=60";

test("forwards, with the Host and the fields of the request", async () => {
  const fetch = await serve();
  const response = await fetch("/a/b?c=d", { headers: { "x-one": "1", cookie: "a=1" } });
  const head = await response.text();
  expect(head).toMatch(/^GET \/a\/b\?c=d HTTP\/1\.1\r\nhost: a\.test\r\n/i);
  expect(head).toContain("\r\nx-one: 1\r\n");
  expect(head).toContain("\r\ncookie: a=1\r\n");
  expect(head).toMatch(/\r\nvia: 1\.1 edgelane-/i);
  expect(head).toMatch(/\r\nx-request-id: [0-9a-f]{24}\r\n/i);
  expect(response.status).toBe(200);
  expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
  const [line] = await started().gateway.log(1);
  expect(line).toMatchObject({ method: "GET", host: "a.test", path: "/a/b", status: 200 });
  expect(line?.bytes).toBe(head.length);
});

test("shares the cache with the sockets", async () => {
  const content = pattern(300_000);
  const fetch = await serve(byPath({ "/": answer(content, FRESH) }));
  const first = await get(started().gateway.port, "/");
  expect(first.field("cache-status")).toContain("; stored");
  for (let turn = 0; turn < 2; turn++) {
    const response = await fetch("/");
    expect(response.headers.get("cache-status")).toMatch(/^edgelane; hit/);
    expect(response.headers.get("content-length")).toBe("300000");
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(Buffer.from(bytes).equals(content)).toBe(true);
    // What a caller does with its bytes is its own business.
    bytes.fill(0);
  }
  expect((await get(started().gateway.port, "/")).content.equals(content)).toBe(true);
  expect(started().origin.heads).toHaveLength(1);
});

test.each<[string, () => RequestInit]>([
  ["text", () => ({ method: "POST", body: "hello" })],
  ["a stream", () => ({ method: "PUT", body: streamOf("he", "llo"), duplex: "half" })],
  [
    "a length that is wrong",
    () => ({ method: "POST", body: "hello", headers: { "content-length": "3" } }),
  ],
])("sends content: %s", async (_name, init) => {
  const fetch = await serve();
  const text = await (await fetch("/", init())).text();
  expect(text).toMatch(/\r\n\r\nhello$/);
});

function streamOf(...pieces: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(Buffer.from(piece));
      controller.close();
    },
  });
}

test("streams the response as it comes", async () => {
  let next = Promise.withResolvers<void>();
  const fetch = await serve(async (connection) => {
    await connection.readHead();
    await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const letter of "ab") {
      await next.promise;
      next = Promise.withResolvers<void>();
      await connection.send(`1\r\n${letter}\r\n`);
    }
    await connection.send("0\r\n\r\n");
  });
  const response = await fetch("/");
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error("no body");
  for (const letter of "ab") {
    next.resolve();
    const { value } = await within(reader.read(), 1000, letter);
    expect(Buffer.from(value ?? []).toString()).toBe(letter);
  }
  expect((await reader.read()).done).toBe(true);
});

describe("errors are responses", () => {
  test("no route", async () => {
    const fetch = await serve(echo, { routes: [{ match: "/only", to: "app" }] });
    const response = await fetch("/other");
    expect(response.status).toBe(404);
    expect(response.headers.get("proxy-status")).toContain("no_route");
  });

  test("a refused connection", async () => {
    const fetch = await serve();
    await started().origin.close();
    const response = await fetch("/");
    expect(response.status).toBe(502);
    expect(await response.text()).toContain("connect_refused");
  });

  test("content that breaks off rejects the reader", async () => {
    const fetch = await serve(async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      connection.end();
    });
    const response = await fetch("/");
    await expect(response.text()).rejects.toThrow("body_truncated");
    expect(await started().gateway.log(1)).toMatchObject([{ reason: "body_truncated" }]);
  });

  test("a status that no Response can have", async () => {
    const fetch = await serve(byPath({ "/": "HTTP/1.1 600 X\r\nContent-Length: 2\r\n\r\nhi" }));
    expect((await fetch("/")).status).toBe(502);
  });

  test("content of the caller that fails", async () => {
    const fetch = await serve();
    const body = new ReadableStream({
      pull: (controller) => controller.error(new Error("of the caller")),
    });
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    const response = await fetch("/", init);
    expect(response.status).toBeGreaterThanOrEqual(400);
    await started().origin.idle();
  });
});

const endless: OriginScript = async (connection) => {
  await connection.readHead();
  await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n");
  while (await connection.send(Buffer.alloc(65_536)));
};

describe("a caller that leaves", () => {
  test("by cancelling the body", async () => {
    const fetch = await serve(endless);
    const response = await fetch("/");
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await started().origin.idle(1000);
    expect(await started().gateway.log(1)).toMatchObject([{ reason: "client_closed" }]);
  });

  test("by aborting in the content", async () => {
    const fetch = await serve(async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    const controller = new AbortController();
    const response = await fetch("/", { signal: controller.signal });
    const text = response.text();
    controller.abort();
    await expect(text).rejects.toThrow();
    await started().origin.idle(1000);
  });

  test("by aborting before the head", async () => {
    const fetch = await serve(async (connection) => void (await connection.readHead()));
    const controller = new AbortController();
    const response = fetch("/", { signal: controller.signal });
    await started().origin.headsAtLeast(1);
    controller.abort();
    expect((await response).status).toBe(499);
    await started().origin.idle(1000);
    expect(await started().gateway.log(1)).toMatchObject([{ reason: "client_closed" }]);
  });

  test("before it began", async () => {
    const fetch = await serve();
    expect((await fetch("/", { signal: AbortSignal.abort() })).status).toBe(499);
    expect(started().origin.accepted).toBe(0);
  });

  test("by not reading holds the origin back", async () => {
    const fetch = await serve(endless);
    const response = await fetch("/");
    const [connection] = started().origin.connections;
    let before = -1;
    while (connection !== undefined && connection.socket.bytesWritten !== before) {
      before = connection.socket.bytesWritten;
      for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(before).toBeLessThan(24_000_000);
    await response.body?.cancel();
    await started().origin.idle(1000);
  });
});

test("HEAD, 204 and 304 have no body", async () => {
  const fetch = await serve(
    byPath({
      "/head": "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
      "/204": "HTTP/1.1 204 No Content\r\n\r\n",
      "/304": 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    }),
  );
  const head = await fetch("/head", { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), head.body]).toEqual([200, "7", null]);
  expect([(await fetch("/204")).status, (await fetch("/204")).body]).toEqual([204, null]);
  const unchanged = await fetch("/304", { headers: { "if-none-match": '"a"' } });
  expect([unchanged.status, unchanged.body]).toEqual([304, null]);
});

test("after close it is 503", async () => {
  const fetch = await serve();
  await started().gateway.shutDown();
  const response = await fetch("/");
  expect(response.status).toBe(503);
  expect(response.headers.get("proxy-status")).toContain("draining");
});
