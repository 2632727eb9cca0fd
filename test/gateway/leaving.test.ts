// Clients that leave, at every stage: the origin request is aborted within 100 ms and both sockets
// are free; and clients that only ended their side, who still get what they asked for.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";
import { within } from "../support/within.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;

/** The bound. Probing whether a client that sent FIN is still there is part of it. */
const ABORT_MS = 100;

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

/** How a client leaves. */
const LEAVINGS: Record<string, (client: RawClient) => void> = {
  "closes its socket": (client) => client.socket.destroy(),
  "resets the connection": (client) => client.reset(),
};

const silent: OriginScript = async (connection) => void (await connection.readHead());

const endless: OriginScript = async (connection) => {
  await connection.readHead();
  await connection.send(
    "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 900000000\r\n\r\n",
  );
  while (await connection.send(Buffer.alloc(65_536)));
};

const endlessChunks: OriginScript = async (connection) => {
  await connection.readHead();
  await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  while (await connection.send(`10000\r\n${"x".repeat(65_536)}\r\n`));
};

const oneEvent: OriginScript = async (connection) => {
  await connection.readHead();
  await connection.send(
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  await connection.send("9\r\ndata: 1\n\n\r\n");
};

describe.each(Object.entries(LEAVINGS))("a client that %s", (_name, leave) => {
  async function leaves(
    script: OriginScript,
    before: (client: RawClient, at: { origin: TestOrigin }) => Promise<unknown>,
    request = requestText("GET", "/"),
  ): Promise<void> {
    const { port, origin, gateway } = await serve(script);
    const client = await RawClient.connect(port);
    void client.send(request);
    await before(client, { origin });
    // A machine that is busy with something else delays this process as a whole.
    const lag = monitorEventLoopDelay({ resolution: 1 });
    lag.enable();
    const startedMs = performance.now();
    leave(client);
    await origin.idle(ABORT_MS * 10);
    const tookMs = performance.now() - startedMs;
    lag.disable();
    expect(tookMs).toBeLessThan(ABORT_MS + lag.max / 1e6);
    await within(client.closed, 1000, "the client's socket");
    await gateway.idle();
    const [line] = await gateway.log(1);
    expect(line).toMatchObject({ reason: "client_closed", target: origin.host });
    expect(await gateway.metric("gateway_failures_total", { reason: "client_closed" })).toBe(1);
  }

  test("while the origin is silent", () =>
    leaves(silent, (_client, at) => at.origin.headsAtLeast(1)));

  test("in content of known length", () => leaves(endless, (client) => client.bytes(300_000)));

  test("in chunked content", () => leaves(endlessChunks, (client) => client.bytes(300_000)));

  test("in an event stream that is quiet", () => leaves(oneEvent, (client) => client.bytes(150)));

  test("while it takes nothing and the origin is held back", async () => {
    let before = -1;
    await leaves(endless, async (client, { origin }) => {
      await client.head();
      client.pause();
      const [connection] = origin.connections;
      while (connection !== undefined && before !== connection.socket.bytesWritten) {
        before = connection.socket.bytesWritten;
        for (let turn = 0; turn < 200; turn++)
          await new Promise((resolve) => setImmediate(resolve));
      }
    });
  });

  test("in the middle of its content", () =>
    leaves(
      async (connection) => {
        await connection.readHead();
        await connection.discard();
      },
      async (client, { origin }) => {
        await client.send(Buffer.alloc(300_000));
        await origin.headsAtLeast(1);
      },
      requestText("POST", "/", ["Content-Length: 1000000"]),
    ));

  test("in the middle of its chunked content, which the origin does not take", () =>
    leaves(
      async (connection) => {
        await connection.readHead();
        connection.pause();
      },
      async (client, { origin }) => {
        void client.send(Buffer.from(`100000\r\n${"x".repeat(300_000)}`));
        await origin.headsAtLeast(1);
        origin.connections[0]?.resume();
      },
      requestText("PUT", "/", ["Transfer-Encoding: chunked"]),
    ));

  test("while the origin was asked for a 100", () =>
    leaves(
      silent,
      (_client, at) => at.origin.headsAtLeast(1),
      requestText("POST", "/", ["Content-Length: 5", "Expect: 100-continue"]),
    ));

  test("with requests waiting behind the first", () =>
    leaves(silent, (_client, at) => at.origin.headsAtLeast(1), requestText("GET", "/").repeat(3)));
});

describe("a client that ended only its side (RFC 9112 9.6)", () => {
  test("still gets the response that was on its way", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const { port, origin } = await serve(async (connection) => {
      await connection.readHead();
      await go;
      await connection.send(answer("late"));
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    await origin.headsAtLeast(1);
    client.finish();
    // What asks a half-closed client whether it is there changes nothing of the response.
    expect(await client.head()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    resolve();
    const response = await client.response();
    expect(response.text).toBe("late");
    expect((await client.untilEnd()).how).toBe("end");
    await client.close();
  });

  test("still gets all of a long response", async () => {
    const content = Buffer.alloc(3_000_000, "x");
    const { port } = await serve(async (connection) => {
      await connection.readHead();
      await connection.send(answer(content));
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    client.finish();
    expect((await client.response()).content.equals(content)).toBe(true);
    expect((await client.untilEnd()).how).toBe("end");
    await client.close();
  });

  test("still gets chunks, whole", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const { port } = await serve(async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
      await go;
      await connection.send("3\r\ntwo\r\n0\r\n\r\n");
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    const head = await client.head();
    expect(head).toMatch(/transfer-encoding: chunked/i);
    await client.bytes("3\r\none\r\n".length);
    client.finish();
    // The first digit of the next chunk size is what it is asked with.
    const digit = await client.bytes(1);
    expect(digit.toString()).toBe("0");
    resolve();
    const { bytes } = await client.untilEnd();
    expect(bytes.toString()).toMatch(/^0*3\r\ntwo\r\n0\r\n\r\n$/);
    await client.close();
  });
});

describe("one of several who wait for the same response", () => {
  const text = "shared content";
  const shared =
    (go: Promise<void>): OriginScript =>
    async (connection) => {
      await connection.readHead();
      await connection.send(
        `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: ${text.length}\r\n\r\nshared `,
      );
      await go;
      await connection.send("content");
    };

  test("may leave, even the first: the others get it, and it is stored", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const { port, origin } = await serve(shared(go));
    const first = await RawClient.connect(port);
    void first.send(requestText("GET", "/"));
    await first.head();
    const second = await RawClient.connect(port);
    void second.send(requestText("GET", "/"));
    const head = await second.head();
    expect(head).toContain("; collapsed");
    first.reset();
    await first.closed;
    resolve();
    expect((await second.bytes(text.length)).toString()).toBe(text);
    await second.close();
    const hit = await get(port, "/");
    expect([hit.text, hit.field("cache-status")?.split(";")[1]]).toEqual([text, " hit"]);
    expect(origin.heads).toHaveLength(1);
  });

  test("may be the last to leave: the origin request is aborted, nothing is stored", async () => {
    const { promise: go } = Promise.withResolvers<void>();
    const { port, origin, gateway } = await serve(shared(go));
    const clients = [await RawClient.connect(port), await RawClient.connect(port)];
    for (const client of clients) {
      void client.send(requestText("GET", "/"));
      await client.head();
    }
    clients[0]?.reset();
    await clients[0]?.closed;
    expect(origin.open).toBe(1);
    clients[1]?.reset();
    await origin.idle(ABORT_MS);
    expect(await gateway.metric("gateway_cache_entries")).toBe(0);
  });
});
