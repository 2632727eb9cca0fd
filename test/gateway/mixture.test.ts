// Many clients at once that read at their own pace, leave in the middle and reuse connections, for
// responses of all sizes by all ways that content takes through the gateway: nobody gets a byte of
// another's response. Randomised: the seed in the title replays it.

import type { MiddlewareHandler } from "hono";
import { afterEach, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { pattern } from "../support/origin-scripts.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { RawClient, requestText } from "../support/raw-client.ts";

const CLIENTS = 16;
const REQUESTS = 8;
/** More than the kernel's buffers of both sides hold. */
const LARGE = 12_000_000;

let origin: TestOrigin;
let gateway: TestGateway;

afterEach(async () => {
  await origin.close();
  await gateway.close();
});

/** Park and Miller's; the same numbers for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** The path says how long the content is, what it is made from, and how it is framed. */
const script: OriginScript = async (connection) => {
  for (;;) {
    const head = await connection.readHead();
    const [, way = "", framing = "", bytes = "0", seed = "1"] =
      /^GET \/(\w+)\/(\w+)\/(\d+)\/(\d+)/.exec(head) ?? [];
    const content = pattern(Number(bytes), Number(seed));
    const control = way === "stored" ? "max-age=60" : "no-store";
    const start = `HTTP/1.1 200 OK\r\nCache-Control: ${control}\r\n`;
    if (framing === "length") {
      await connection.send(`${start}Content-Length: ${bytes}\r\n\r\n`);
      await connection.send(content);
    } else if (framing === "chunked") {
      await connection.send(`${start}Transfer-Encoding: chunked\r\n\r\n`);
      for (let at = 0; at < content.length; at += 50_000) {
        const piece = content.subarray(at, at + 50_000);
        await connection.send(`${piece.length.toString(16)}\r\n`);
        await connection.send(piece);
        await connection.send("\r\n");
      }
      await connection.send("0\r\n\r\n");
    } else {
      await connection.send(`${start}Connection: close\r\n\r\n`);
      await connection.send(content);
      connection.end();
      return;
    }
  }
};

/** Takes what is there and is away for some turns, as often as it likes. */
function readSlowly(client: RawClient, random: (below: number) => number): void {
  client.socket.on("data", () => {
    let turns = random(4);
    if (turns === 0) return;
    client.pause();
    const wait = (): void => {
      turns -= 1;
      if (turns > 0) setImmediate(wait);
      else client.resume();
    };
    setImmediate(wait);
  });
}

async function visit(random: (below: number) => number): Promise<void> {
  let client = await RawClient.connect(gateway.port);
  readSlowly(client, random);
  for (let turn = 0; turn < REQUESTS; turn++) {
    const way = ["direct", "direct", "passed", "stored", "middleware"][random(5)] ?? "";
    const framing = ["length", "chunked", "close"][random(3)] ?? "";
    const bytes = random([40_000, 40_000, 400_000, LARGE][random(4)] ?? 0);
    const seed = 1 + random(way === "stored" ? 5 : 1_000_000);
    void client.send(requestText("GET", `/${way}/${framing}/${bytes}/${seed}`));
    if (random(8) === 0) {
      await client.head();
      client.reset();
      client = await RawClient.connect(gateway.port);
      readSlowly(client, random);
      continue;
    }
    const response = await client.response();
    const what = `/${way}/${framing}/${bytes}/${seed}`;
    expect([what, response.status, response.content.length]).toEqual([what, 200, bytes]);
    expect(response.content.equals(pattern(bytes, seed)), what).toBe(true);
  }
  await client.close();
}

const seed = Number(process.env["EDGELANE_SEED"] ?? 1 + (Date.now() % 1_000_000));

test(`with EDGELANE_SEED=${seed}`, async () => {
  const nothing: MiddlewareHandler = async (_context, next) => next();
  origin = await startOrigin(script);
  gateway = await startGateway({
    upstreams: { app: { targets: [origin.url], pool: { connections: 8, queueTimeout: "60s" } } },
    routes: [
      { match: "/direct/*", to: "app", cache: "off" },
      { match: "/passed/*", to: "app", cache: "auto" },
      { match: "/stored/*", to: "app", cache: "auto" },
      { match: "/middleware/*", to: "app", cache: "off", use: [nothing] },
    ],
  });
  const random = randomFrom(seed);
  await Promise.all(
    Array.from({ length: CLIENTS }, () => visit(randomFrom(1 + random(2_000_000_000)))),
  );
}, 60_000);
