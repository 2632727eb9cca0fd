// Identical requests at the same time: one origin request, whose response streams to all who wait,
// each at its own pace; and what cannot be shared holds nobody up (RFC 9111 section 4).

import { afterEach, beforeEach, expect, test } from "vitest";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, pattern } from "../support/origin-scripts.ts";
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

async function clientsOf(port: number, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const batch = Math.min(100, count - clients.length);
    clients.push(
      ...(await Promise.all(Array.from({ length: batch }, () => RawClient.connect(port)))),
    );
  }
  return clients;
}

function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

const FRESH = "Cache-Control: max-age=60";
const COALESCED = "gateway_cache_coalesced_total";

test("1,000 identical misses are one origin request, all see its start early", async () => {
  const halves = [pattern(20_000, 1), pattern(20_000, 2)] as const;
  const half = gate();
  const first = gate();
  const { port, origin, gateway } = await serve(async (connection) => {
    await connection.readHead();
    await first.opened;
    await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 40000\r\n\r\n`);
    await connection.send(halves[0]);
    await half.opened;
    await connection.send(halves[1]);
  });
  const clients = await clientsOf(port, 1000);
  for (const client of clients) void client.send(requestText("GET", "/"));
  await gateway.metricIs("gateway_cache_coalesced_total", {}, 999);
  first.open();
  const ids = new Set<string>();
  let leaders = 0;
  for (const client of clients) {
    const head = await client.head();
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    if (!head.includes("; collapsed")) leaders++;
    ids.add(/x-request-id: (\S+)/i.exec(head)?.[1] ?? "");
    expect((await client.bytes(20_000)).equals(halves[0])).toBe(true);
  }
  half.open();
  for (const client of clients) {
    expect((await client.bytes(20_000)).equals(halves[1])).toBe(true);
    await client.close();
  }
  expect([origin.heads.length, origin.accepted, leaders, ids.size]).toEqual([1, 1, 1, 1000]);
  const lines = await gateway.log(1000);
  const caches = lines.map((line) => line.cache);
  expect(caches.filter((cache) => cache === "miss")).toHaveLength(1);
  expect(caches.filter((cache) => cache === "collapsed")).toHaveLength(999);
  expect(await gateway.metric("gateway_upstream_requests_total")).toBe(1);
  expect((await get(port, "/")).field("cache-status")).toMatch(/^edgelane; hit/);
});

test("one who comes later gets what has arrived, and follows", async () => {
  const half = gate();
  const { port, origin } = await serve(async (connection) => {
    await connection.readHead();
    await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    await connection.send("5\r\nfirst\r\n");
    await half.opened;
    await connection.send("6\r\nsecond\r\n0\r\n\r\n");
  });
  const early = await RawClient.connect(port);
  void early.send(requestText("GET", "/"));
  await early.head();
  await early.bytes("5\r\nfirst\r\n".length);
  const late = await RawClient.connect(port);
  void late.send(requestText("GET", "/"));
  expect(await late.head()).toContain("; collapsed");
  expect((await late.bytes("5\r\nfirst\r\n".length)).toString()).toBe("5\r\nfirst\r\n");
  half.open();
  for (const client of [early, late]) {
    expect((await client.bytes("6\r\nsecond\r\n0\r\n\r\n".length)).toString()).toContain("second");
    await client.close();
  }
  expect(origin.heads).toHaveLength(1);
});

test("a slow follower, or a slow first one, delays nobody", async () => {
  const content = pattern(6_000_000);
  for (const slowIndex of [0, 1]) {
    const { port, origin, gateway } = await serve(async (connection) => {
      await connection.readHead();
      await gateway.metricIs("gateway_cache_coalesced_total", {}, 2);
      await connection.send(answer(content, FRESH));
    });
    const clients: RawClient[] = [];
    for (let index = 0; index < 3; index++) {
      const client = await RawClient.connect(port);
      if (index === slowIndex) client.pause();
      void client.send(requestText("GET", "/"));
      if (index === 0) await origin.headsAtLeast(1);
      clients.push(client);
    }
    for (const [index, client] of clients.entries()) {
      if (index === slowIndex) continue;
      expect((await client.response()).content.equals(content)).toBe(true);
    }
    clients[slowIndex]?.resume();
    expect((await clients[slowIndex]?.response())?.content.equals(content)).toBe(true);
    expect(origin.heads).toHaveLength(1);
    for (const client of clients) await client.close();
    await origin.close();
    await gateway.close();
  }
});

test.each(["Cache-Control: no-store", "Cache-Control: private", "Vary: *"])(
  "waiting for a response with %s ends at its head: everybody asks for their own",
  async (line) => {
    const head = gate();
    let count = 0;
    const { port, origin, gateway } = await serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        const own = ++count;
        if (own === 1) await head.opened;
        // The first one's content never ends: nobody else may wait for it.
        const length = own === 1 ? 100 : String(own).length;
        await connection.send(
          `HTTP/1.1 200 OK\r\n${line}\r\nX-Own: ${own}\r\nContent-Length: ${length}\r\n\r\n${own}`,
        );
      }
    });
    const clients = await clientsOf(port, 20);
    for (const client of clients) void client.send(requestText("GET", "/"));
    await gateway.metricIs("gateway_cache_coalesced_total", {}, 19);
    expect(origin.heads).toHaveLength(1);
    head.open();
    const owns = new Set<string>();
    const responses = clients.map(async (client) => {
      const text = await client.head();
      owns.add(/x-own: (\d+)/i.exec(text)?.[1] ?? "");
    });
    await within(Promise.all(responses), 5000, "20 heads");
    expect(owns.size).toBe(20);
    for (const client of clients) await client.close();
    // Known now as one not to wait for: no request waits in vain a second time.
    await gateway.idle();
    const before = await gateway.metric("gateway_cache_coalesced_total");
    await Promise.all(Array.from({ length: 5 }, () => get(port, "/")));
    expect(await gateway.metric("gateway_cache_coalesced_total")).toBe(before);
    expect(await gateway.metric("gateway_cache_released_total")).toBe(19);
    expect(await gateway.metric("gateway_cache_hit_for_miss_total")).toBeGreaterThanOrEqual(5);
  },
);

test("an origin that fails fails the one that asked, and the others ask again", async () => {
  const head = gate();
  const { port, origin, gateway } = await serve(async (connection) => {
    for (;;) {
      await connection.readHead();
      if (origin.heads.length === 1) {
        await head.opened;
        connection.reset();
        return;
      }
      await connection.send(answer("fine", FRESH));
    }
  });
  const clients = await clientsOf(port, 5);
  for (const client of clients) void client.send(requestText("GET", "/"));
  await gateway.metricIs("gateway_cache_coalesced_total", {}, 4);
  head.open();
  const statuses: number[] = [];
  for (const client of clients) {
    statuses.push((await client.response()).status);
    await client.close();
  }
  expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 502]);
  // The four have collapsed into one again.
  expect(origin.heads).toHaveLength(2);
});

test("1,000 who wait for a dying origin ask it three times, and all are told", async () => {
  const { port, origin, gateway } = await serve(async (connection) => {
    await connection.readHead();
    if (origin.heads.length === 1) await gateway.metricIs(COALESCED, {}, 999);
    connection.reset();
  });
  const clients = await clientsOf(port, 1000);
  for (const client of clients) void client.send(requestText("GET", "/"));
  const reasons = new Set<string>();
  for (const client of clients) {
    const { status, field } = await client.response();
    reasons.add(`${status} ${field("proxy-status")?.split('"')[1]?.split(":")[0]}`);
    await client.close();
  }
  expect([...reasons]).toEqual(["502 upstream_reset"]);
  expect(origin.heads).toHaveLength(3);
});

test("a leader that leaves hands over: one origin request, whole for the others", async () => {
  const rest = gate();
  const { port, origin, gateway } = await serve(async (connection) => {
    await connection.readHead();
    await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 11\r\n\r\nfirst`);
    await rest.opened;
    await connection.send("second");
  });
  const [leader, ...others] = await clientsOf(port, 4);
  void leader?.send(requestText("GET", "/"));
  await origin.headsAtLeast(1);
  for (const client of others) void client.send(requestText("GET", "/"));
  await gateway.metricIs(COALESCED, {}, 3);
  leader?.reset();
  await gateway.metricIs("gateway_connections", {}, 3);
  rest.open();
  for (const client of others) {
    expect((await client.response()).text).toBe("firstsecond");
    await client.close();
  }
  expect(origin.heads).toHaveLength(1);
  await gateway.metricIs("gateway_cache_entries", {}, 1);
});

test("a slow one delays nobody either where the response outgrows what is stored", async () => {
  const content = pattern(6_000_000);
  const { port, origin, gateway } = await serve(
    async (connection) => {
      await connection.readHead();
      await gateway.metricIs(COALESCED, {}, 1);
      // Of unknown length: that it is too large shows only when it is.
      await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nConnection: close\r\n\r\n`);
      await connection.send(content);
      connection.end();
    },
    { cache: { objectMax: "1MB" } },
  );
  const [slow, fast] = await clientsOf(port, 2);
  if (slow === undefined || fast === undefined) throw new Error("no clients");
  slow.pause();
  void slow.send(requestText("GET", "/"));
  await origin.headsAtLeast(1);
  void fast.send(requestText("GET", "/"));
  expect((await fast.response()).content.equals(content)).toBe(true);
  slow.resume();
  expect((await slow.response()).content.equals(content)).toBe(true);
  expect(origin.heads).toHaveLength(1);
  expect(await gateway.metric("gateway_cache_entries")).toBe(0);
  for (const client of [slow, fast]) await client.close();
});

test.each(["Authorization: Basic YTpi", "Cookie: session=1"])(
  "what is private to requests with %s keeps the others sharing",
  async (line) => {
    const all = gate();
    const { port, origin, gateway } = await serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const isOne = head.includes(line);
        if (!isOne) await all.opened;
        await connection.send(
          isOne ? answer("mine", "Cache-Control: private") : answer("all", FRESH),
        );
      }
    });
    expect((await get(port, "/", line)).text).toBe("mine");
    const clients = await clientsOf(port, 5);
    for (const client of clients) void client.send(requestText("GET", "/"));
    await gateway.metricIs(COALESCED, {}, 4);
    all.open();
    for (const client of clients) {
      expect((await client.response()).text).toBe("all");
      await client.close();
    }
    expect(origin.heads).toHaveLength(2);
    expect(await gateway.metric("gateway_cache_hit_for_miss_total")).toBe(0);
  },
);

test("a response that breaks off is broken for all, and not stored", async () => {
  const half = gate();
  const { port, gateway } = await serve(async (connection) => {
    await connection.readHead();
    await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 10\r\n\r\nhalf!`);
    await half.opened;
    connection.end();
  });
  const clients = await clientsOf(port, 3);
  for (const client of clients) {
    void client.send(requestText("GET", "/"));
    await client.head();
    await client.bytes(5);
  }
  half.open();
  for (const client of clients) {
    expect((await client.untilEnd()).bytes.length).toBe(0);
    await client.close();
  }
  const lines = await gateway.log(3);
  expect(lines.map((line) => line.reason)).toEqual(Array(3).fill("body_truncated"));
  expect(await gateway.metric("gateway_cache_entries")).toBe(0);
});

test("cookies, credentials and variants are not shared with others", async () => {
  const heads = gate();
  const { port, origin, gateway } = await serve(async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      if (origin.heads.length === 1) await heads.opened;
      const who = /^authorization: (\S+)/im.exec(head)?.[1] ?? "nobody";
      await connection.send(answer(`for ${who}`, FRESH));
    }
  });
  const users = ["Authorization: ann", "Authorization: bob", "X: nobody", "Authorization: eve"];
  const clients = await clientsOf(port, users.length);
  for (const [index, client] of clients.entries()) {
    void client.send(requestText("GET", "/", [users[index] ?? ""]));
    if (index === 0) await origin.headsAtLeast(1);
  }
  await origin.headsAtLeast(2);
  heads.open();
  const texts: string[] = [];
  for (const client of clients) {
    texts.push((await client.response()).text);
    await client.close();
  }
  expect(texts).toEqual(["for ann", "for bob", "for nobody", "for eve"]);
  expect(await gateway.metric("gateway_cache_entries")).toBe(1);
});

test("with coalesce off each request is its own", async () => {
  const head = gate();
  const { port, origin } = await serve(
    async (connection) => {
      await connection.readHead();
      await head.opened;
      await connection.send(answer("hi", FRESH));
    },
    { cache: { coalesce: false } },
  );
  const clients = await clientsOf(port, 5);
  for (const client of clients) void client.send(requestText("GET", "/"));
  await origin.headsAtLeast(5);
  head.open();
  for (const client of clients) {
    expect((await client.response()).text).toBe("hi");
    await client.close();
  }
});
