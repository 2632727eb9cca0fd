// A config that changes while the gateway serves: from the next request on or not at all, with no
// request lost, and with everything kept that is as it was.

import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createGateway } from "../../src/index.ts";
import { resolveConfig } from "../../src/gateway/config.ts";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import type { ReloadOutcome } from "../../src/gateway/reloader.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, byPath, pattern } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";

const FRESH = "Cache-Control: max-age=60";
const STORED = /^edgelane; hit; ttl=\d+$/;
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});

async function origin(answers: Parameters<typeof byPath>[0]): Promise<TestOrigin> {
  const started = await startOrigin(byPath(answers));
  opened.push(started);
  return started;
}

async function gateway(config: EdgelaneConfig): Promise<TestGateway> {
  const started = await startGateway(config);
  opened.unshift(started);
  return started;
}

function replace(
  { gateway: running }: TestGateway,
  config: EdgelaneConfig,
): Promise<ReloadOutcome> {
  return running.reloadFrom(async () =>
    resolveConfig({
      listen: ["127.0.0.1:0"],
      admin: { listen: "127.0.0.1:0" },
      log: { level: "silent" },
      ...config,
    }),
  );
}

async function replaced(running: TestGateway, config: EdgelaneConfig): Promise<string[]> {
  const outcome = await replace(running, config);
  if (outcome.kind !== "applied") throw new Error(JSON.stringify(outcome));
  return outcome.changes.map(({ key }) => key);
}

describe("requests", () => {
  test("have the new routes from the next one on, on the connection that is open", async () => {
    const [one, other] = [
      await origin({ "/": answer("one") }),
      await origin({ "/": answer("two") }),
    ];
    const upstreams = { one: one.url, other: other.url };
    const running = await gateway({ upstreams, routes: [{ match: "/*", to: "one" }] });
    const client = await RawClient.connect(running.port);
    await client.send(requestText("GET", "/"));
    expect(String((await client.response()).content)).toBe("one");
    await replaced(running, { upstreams, routes: [{ match: "/*", to: "other" }] });
    await client.send(requestText("GET", "/"));
    expect(String((await client.response()).content)).toBe("two");
    await client.close();
  });

  test("go on over the same origin connection where the upstream is as it was", async () => {
    const app = await origin({ "/": answer("app") });
    const running = await gateway({ upstreams: { app: app.url } });
    await get(running.port, "/");
    const routes = [{ match: "/*", to: "app" }];
    const another = "http://127.0.0.1:1";
    await replaced(running, { upstreams: { app: app.url, another }, routes });
    await get(running.port, "/");
    expect(app.accepted).toBe(1);
    const patient = { targets: [app.url], timeout: { idle: "7s" } } as const;
    await replaced(running, { upstreams: { app: patient, another }, routes });
    await get(running.port, "/");
    expect(app.accepted).toBe(2);
  });

  test("that are under way finish under the settings of before, and take their time", async () => {
    const parts = [pattern(3000, 1), pattern(3000, 2)];
    let finish = (): void => {};
    const app = await origin({
      "/stream": async (connection) => {
        const head = "HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n";
        await connection.send(Buffer.concat([Buffer.from(head), parts[0] ?? Buffer.alloc(0)]));
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        await connection.send(parts[1] ?? "");
      },
      "/": answer("app"),
    });
    const config: EdgelaneConfig = { upstreams: { app: app.url }, shutdown: { grace: "50ms" } };
    const running = await gateway(config);
    const client = await RawClient.connect(running.port);
    await client.send(requestText("GET", "/stream"));
    await app.headsAtLeast(1);
    const other = await origin({ "/": answer("other") });
    await replaced(running, {
      ...config,
      upstreams: { app: { targets: [other.url], timeout: { connect: "3s" } } },
    });
    expect(String((await get(running.port, "/")).content)).toBe("other");
    // Past the grace of a stop, which is not what this is.
    await new Promise((resolve) => {
      setTimeout(resolve, 80);
    });
    finish();
    const response = await client.response();
    expect(response.content.equals(Buffer.concat(parts))).toBe(true);
    await client.close();
    await app.idle();
  });
});

describe("stored responses", () => {
  const match = "/*";

  async function twoOrigins(): Promise<EdgelaneConfig["upstreams"]> {
    const one = await origin({ "/a": answer("one", FRESH), "/b": answer("one", FRESH) });
    const other = await origin({ "/a": answer("other", FRESH), "/b": answer("other", FRESH) });
    return { one: one.url, other: other.url };
  }

  test("stay where the route has another name, and are counted under that", async () => {
    const upstreams = await twoOrigins();
    const running = await gateway({ upstreams, routes: [{ match, name: "before", to: "one" }] });
    await get(running.port, "/a");
    await replaced(running, { upstreams, routes: [{ match, name: "after", to: "one" }] });
    for (let turn = 0; turn < 3; turn++) {
      expect((await get(running.port, "/a")).field("cache-status")).toMatch(STORED);
    }
    const lines = await running.log(4);
    expect(lines.map(({ endpoint }) => endpoint)).toEqual(["before", "after", "after", "after"]);
    expect(await running.metric("gateway_requests_total", { endpoint: "after" })).toBe(3);
  });

  test("stay where only the targets of the upstream are others", async () => {
    const upstreams = await twoOrigins();
    const running = await gateway({ upstreams, routes: [{ match, to: "one" }] });
    await get(running.port, "/a");
    const another = { ...upstreams, one: { targets: ["http://127.0.0.1:1"] } };
    await replaced(running, { upstreams: another, routes: [{ match, to: "one" }] });
    expect((await get(running.port, "/a")).field("cache-status")).toMatch(STORED);
  });

  test.each<[string, NonNullable<EdgelaneConfig["routes"]>]>([
    ["another upstream", [{ match, to: "other" }]],
    [
      "a more specific route to another upstream",
      [
        { match, to: "one" },
        { match: "/a", to: "other" },
      ],
    ],
  ])("are not given to %s", async (_name, routes) => {
    const upstreams = await twoOrigins();
    const running = await gateway({ upstreams, routes: [{ match, to: "one" }] });
    await get(running.port, "/a");
    await get(running.port, "/a");
    await replaced(running, { upstreams, routes });
    const response = await get(running.port, "/a");
    expect(String(response.content)).toBe("other");
    expect(response.field("cache-status")).toContain("fwd=uri-miss");
    expect((await get(running.port, "/a")).field("cache-status")).toMatch(STORED);
  });

  test("are not used where the route stores no more", async () => {
    const upstreams = await twoOrigins();
    const running = await gateway({ upstreams, routes: [{ match, to: "one" }] });
    await get(running.port, "/a");
    await replaced(running, { upstreams, routes: [{ match, to: "one", cache: "off" }] });
    expect((await get(running.port, "/a")).field("cache-status")).toContain("fwd=bypass");
  });

  test("are not made of a response that was asked for before", async () => {
    let finish = (): void => {};
    const slow = await origin({
      "/a": async (connection) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        await connection.send(answer("slow", FRESH));
      },
    });
    const fast = await origin({ "/a": answer("fast", FRESH) });
    const upstreams = { slow: slow.url, fast: fast.url };
    const running = await gateway({ upstreams, routes: [{ match, to: "slow" }] });
    const early = get(running.port, "/a");
    await slow.headsAtLeast(1);
    await replaced(running, { upstreams, routes: [{ match, to: "fast" }] });
    expect(String((await get(running.port, "/a")).content)).toBe("fast");
    finish();
    expect(String((await early).content)).toBe("slow");
    expect(String((await get(running.port, "/a")).content)).toBe("fast");
  });

  test("go until what is left fits into less memory", async () => {
    const page = answer(pattern(20_000), FRESH);
    const answers = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`/${n}`, page]));
    const app = await origin(answers);
    const config = { upstreams: { app: app.url } };
    const running = await gateway({ ...config, cache: { memory: "16MiB" } });
    for (const path of Object.keys(answers)) await get(running.port, path);
    expect(await running.metric("gateway_cache_entries", { tier: "l1" })).toBe(200);
    await replaced(running, { ...config, cache: { memory: "1MiB" } });
    await turn();
    const bytes = await running.metric("gateway_cache_bytes", { tier: "l1" });
    expect(bytes).toBeLessThanOrEqual(1 << 20);
    expect(bytes).toBeGreaterThan(1 << 19);
    await get(running.port, "/new");
  });
});

describe("listeners", () => {
  test("that are new answer before those that are gone close, whose exchanges finish", async () => {
    let finish = (): void => {};
    const app = await origin({
      "/slow": async (connection) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        await connection.send(answer("slow"));
      },
      "/": answer("app"),
    });
    const running = await gateway({ upstreams: { app: app.url } });
    const slow = get(running.port, "/slow");
    const idle = await RawClient.connect(running.port);
    await app.headsAtLeast(1);
    const free = await freePort();
    const changes = await replaced(running, {
      listen: [`127.0.0.1:${free}`],
      upstreams: { app: app.url },
    });
    expect(changes).toContain("listen");
    expect(String((await get(free, "/")).content)).toBe("app");
    expect(await idle.ended).toBe("end");
    await idle.close();
    await expect(get(running.port, "/")).rejects.toThrow();
    finish();
    expect(String((await slow).content)).toBe("slow");
  });

  test("that cannot be bound leave everything as it was", async () => {
    const app = await origin({ "/": answer("app") });
    const running = await gateway({ upstreams: { app: app.url } });
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const outcome = await replace(running, {
      listen: ["127.0.0.1:0", `127.0.0.1:${port}`],
      upstreams: { app: "http://127.0.0.1:1" },
    });
    expect(outcome).toMatchObject({ kind: "refused", problems: [/EADDRINUSE/] });
    expect(String((await get(running.port, "/")).content)).toBe("app");
    expect(await running.metric("gateway_config_reloads_total", { result: "failed" })).toBe(1);
    expect(await running.metric("gateway_config_last_reload_success")).toBe(0);
    taken.close();
  });

  test("have other limits for connections that are open", async () => {
    const app = await origin({ "/": answer("app") });
    const running = await gateway({ upstreams: { app: app.url } });
    const client = await RawClient.connect(running.port);
    await client.send(requestText("GET", "/"));
    await client.response();
    await replaced(running, { upstreams: { app: app.url }, limits: { body: "10B" } });
    await client.send(`${requestText("POST", "/", ["Content-Length: 11"])}elevenbytes`);
    expect((await client.response()).status).toBe(413);
    await client.close();
  });
});

test("a thousand reloads under load lose no request, and keep a stream", async () => {
  let end = (): void => {};
  const app = await origin({
    "/stored": answer("stored", FRESH),
    "/passed": answer("passed"),
    "/stream": async (connection) => {
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      await connection.send("cd");
    },
  });
  const spare = await origin({ "/": answer("spare") });
  const upstreams = { app: app.url };
  const running = await gateway({ upstreams });
  const stream = await RawClient.connect(running.port);
  await stream.send(requestText("GET", "/stream"));
  await app.headsAtLeast(1);
  let isOver = false;
  const ask100 = async (path: string): Promise<number> => {
    const client = await RawClient.connect(running.port);
    let answered = 0;
    while (!isOver) {
      await client.send(requestText("GET", path));
      const { status, content } = await client.response();
      expect([status, String(content)]).toEqual([200, path.slice(1)]);
      answered++;
    }
    await client.close();
    return answered;
  };
  const load = Promise.all(["/stored", "/passed", "/stored", "/passed"].map(ask100));
  for (let count = 0; count < 1000; count++) {
    const others = [
      { match: `/other-${count % 7}/*`, to: "spare" },
      { match: "/*", to: "app" },
    ];
    await replaced(running, { upstreams: { ...upstreams, spare: spare.url }, routes: others });
    // Several turns of the loop, so that requests come between any two.
    for (let turns = 0; turns < 4; turns++) await turn();
  }
  isOver = true;
  for (const answered of await load) expect(answered).toBeGreaterThan(100);
  end();
  expect(String((await stream.response()).content)).toBe("abcd");
  await stream.close();
  expect(app.accepted).toBeLessThanOrEqual(6);
  expect(await running.metric("gateway_failures_total")).toBe(0);
  expect(await running.metric("gateway_config_reloads_total", { result: "applied" })).toBe(1000);
}, 60_000);

test("a config without a file is not read again; the admin API says so", async () => {
  const app = await origin({});
  const running = await gateway({ upstreams: { app: app.url } });
  const response = await running.admin("POST", "/reload", {});
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({ error: "no_config_file" });
});

test("a program hands over another config, and is told what is wrong with it", async () => {
  const [one, other] = [await origin({ "/": answer("one") }), await origin({ "/": answer("two") })];
  const configOf = (app: string): EdgelaneConfig => {
    return { admin: "off", log: { level: "silent", access: "off" }, upstreams: { app } };
  };
  const running = createGateway({ ...configOf(one.url), listen: ["127.0.0.1:0"] });
  await running.listen();
  const ask = async (): Promise<string> =>
    (await running.fetch(new Request("http://a.test/"))).text();
  expect(await ask()).toBe("one");
  const wrong = await running.reload(configOf("nonsense"));
  expect(wrong).toMatchObject({ kind: "refused", problems: [/upstreams\.app/] });
  expect(await ask()).toBe("one");
  const right = await running.reload({ ...configOf(other.url), listen: ["127.0.0.1:0"] });
  expect(right).toMatchObject({ kind: "applied" });
  expect(await ask()).toBe("two");
  await running.close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
