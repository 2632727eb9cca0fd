// What holds over every wire to an origin alike: each timeout ends an exchange with its reason code
// and frees what it held, none ends one that moves, a client that leaves is told to the origin, and
// content passes at the pace of the slower side.

import { rmSync } from "node:fs";
import { mkdtempSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { AUTHORITY_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from "../support/certificates.ts";
import { FakeClock } from "../support/clock.ts";
import { startH2Origin } from "../support/h2-origin.ts";
import { startOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, Recorder, requestOf, settled } from "./recorder.ts";

/** One request as any of the origins sees it. */
interface Served {
  head(length: number): unknown;
  send(bytes: Uint8Array | string): unknown;
  /** Resolves when the gateway has broken the exchange off. */
  readonly gone: Promise<void>;
}
type Script = (served: Served) => Promise<void> | void;

interface Running {
  readonly url: string;
  close(): Promise<void>;
}

interface Wire {
  readonly name: string;
  readonly overrides: NonNullable<Parameters<typeof clusterOf>[1]>;
  /** Under TLS there is a handshake, under HTTP/2 are SETTINGS to wait for. */
  readonly greets: boolean;
  start(script: Script): Promise<Running>;
}

const TLS = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };
const CA = { tls: { ca: AUTHORITY_CERTIFICATE } };
type OriginOptions = Parameters<typeof startOrigin>[1];

const overH1 =
  (options: () => OriginOptions) =>
  async (script: Script): Promise<Running> =>
    startOrigin(async (connection) => {
      await connection.readHead();
      const head = (length: number): unknown =>
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
      const gone = connection.closed.then(() => {});
      await script({ head, send: (bytes) => connection.send(bytes), gone });
    }, options());

const overH2 =
  (options: Parameters<typeof startH2Origin>[1]) =>
  async (script: Script): Promise<Running> =>
    startH2Origin((stream) => {
      const gone = new Promise<void>((resolve) => stream.once("close", resolve));
      let left = 0;
      void script({
        head: (length) => {
          left = length;
          stream.respond({ ":status": 200, "content-length": length });
        },
        send: (bytes) => {
          left -= bytes.length;
          stream.write(bytes);
          if (left === 0) stream.end();
        },
        gone,
      });
    }, options);

let directory = "";
const unixPath = (): string => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-wires-"));
  return join(directory, "origin.sock");
};

const WIRES: readonly Wire[] = [
  { name: "HTTP/1.1", overrides: {}, greets: false, start: overH1(() => ({})) },
  { name: "HTTP/1.1 over TLS", overrides: CA, greets: true, start: overH1(() => ({ tls: TLS })) },
  {
    name: "HTTP/1.1 over a Unix socket",
    overrides: {},
    greets: false,
    start: overH1(() => ({ path: unixPath() })),
  },
  { name: "h2c", overrides: { protocol: "h2" }, greets: true, start: overH2({}) },
  {
    name: "h2 over TLS",
    overrides: { ...CA, protocol: "h2" },
    greets: true,
    start: overH2({ tls: TLS }),
  },
];

const TIMEOUTS = { connectMs: 1000, headersMs: 2000, idleMs: 4000, totalMs: 0, continueMs: 1000 };

describe.each(WIRES)("$name", (wire) => {
  let origin: Running | null = null;
  let cluster: Cluster;
  let clock: FakeClock;

  async function start(script: Script, part: Partial<typeof TIMEOUTS> = {}): Promise<void> {
    clock = new FakeClock();
    origin = await wire.start(script);
    const timeouts = { ...TIMEOUTS, ...part };
    cluster = clusterOf(origin.url, { ...wire.overrides, timeouts }, clock);
  }

  afterEach(async () => {
    await cluster.close();
    await settled(cluster);
    await origin?.close();
    origin = null;
    if (directory !== "") rmSync(directory, { recursive: true });
    directory = "";
  });

  function ask(got = new Recorder()): [Recorder, ReturnType<Cluster["forward"]>] {
    return [got, cluster.forward(requestOf("GET", "/"), got)];
  }

  /** Several ticks of the deadlines: what has not ended by then would not have. */
  const ticks = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 250));
  const targets = (): number[] =>
    cluster.targets().map(({ inFlight, queued }) => inFlight + queued);

  test("silence: headers_timeout, not earlier, and the origin hears of it", async () => {
    const asked = Promise.withResolvers<void>();
    const broken = Promise.withResolvers<void>();
    await start(async (served) => {
      asked.resolve();
      await served.gone;
      broken.resolve();
    });
    const [got] = ask();
    await within(asked.promise, 5000, "the request");
    clock.advance(2000);
    await ticks();
    expect(got.endings).toBe(0);
    clock.advance(300);
    await within(got.ended, 2000, "the timeout");
    expect([got.error?.code, got.error?.status, got.error?.beforeSend]).toEqual([
      "headers_timeout",
      504,
      false,
    ]);
    await within(broken.promise, 2000, "the origin to hear of it");
    expect(targets()).toEqual([0]);
  });

  test("a stall in the content: body_stalled, whether the client reads or not", async () => {
    await start(async (served) => {
      await served.head(9);
      await served.send("hello");
    });
    const [reading] = ask();
    const paused = new Recorder();
    paused.pauseAfter = 1;
    ask(paused);
    for (const got of [reading, paused]) await got.until(() => got.bytes === 5, "the first bytes");
    await ticks();
    clock.advance(4500);
    for (const got of [reading, paused]) {
      await within(got.ended, 2000, "the timeout");
      expect([got.error?.code, got.content]).toEqual(["body_stalled", "hello"]);
    }
    expect(targets()).toEqual([0]);
  });

  test("an origin that would send more is not stalled while the client does not read", async () => {
    const bytes = 4 << 20;
    await start(async (served) => {
      await served.head(bytes);
      await served.send(Buffer.alloc(bytes));
    });
    const got = new Recorder();
    got.keep = false;
    got.pauseAfter = 1;
    const [, call] = ask(got);
    await got.until(() => got.bytes > 0, "the first bytes");
    await ticks();
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(4500);
      await ticks();
    }
    expect([got.endings, got.bytes < bytes]).toEqual([0, true]);
    got.pauseAfter = Number.POSITIVE_INFINITY;
    call.resume();
    await within(got.ended, 5000, "the rest");
    expect([got.error, got.bytes]).toEqual([null, bytes]);
  });

  test("total time ends an exchange that moves", async () => {
    await start(
      async (served) => {
        await served.head(100);
        await served.send("a");
      },
      { totalMs: 3000 },
    );
    const [got] = ask();
    await got.until(() => got.bytes === 1, "the first byte");
    clock.advance(3500);
    await within(got.ended, 2000, "the timeout");
    expect(got.error?.code).toBe("body_stalled");
  });

  test("a client that leaves before the head or in the content is told to the origin", async () => {
    let turn = 0;
    const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const gone = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await start(async (served) => {
      const own = turn;
      turn += 1;
      if (own === 1) {
        await served.head(9);
        await served.send("hello");
      }
      asked[own]?.resolve();
      await served.gone;
      gone[own]?.resolve();
    });
    const [, before] = ask();
    await within(asked[0]?.promise ?? Promise.resolve(), 5000, "the first request");
    before.abort();
    await within(gone[0]?.promise ?? Promise.resolve(), 1000, "the origin to hear of the first");
    const [during, call] = ask();
    await during.until(() => during.bytes === 5, "the first bytes");
    call.abort();
    await within(gone[1]?.promise ?? Promise.resolve(), 1000, "the origin to hear of the second");
    expect([during.endings, targets()]).toEqual([0, [0]]);
  });

  test("32 MiB pass whole to a client that pauses all the time", async () => {
    const piece = Buffer.alloc(1 << 20, "edgelane");
    await start(async (served) => {
      await served.head(32 << 20);
      for (let count = 0; count < 32; count += 1) await served.send(piece);
    });
    const got = new Recorder();
    got.keep = false;
    let wrong = 0;
    const onData = got.onData.bind(got);
    got.onData = (chunk) => {
      if (
        chunk[0] !== piece[got.bytes % 8] ||
        chunk.at(-1) !== piece[(got.bytes + chunk.length - 1) % 8]
      ) {
        wrong += 1;
      }
      onData(chunk);
      setImmediate(() => call.resume());
      return false;
    };
    const [, call] = ask(got);
    await within(got.ended, 20_000, "all of it");
    expect([got.error, got.bytes, wrong]).toEqual([null, 32 << 20, 0]);
  });

  test.runIf(wire.greets)("an origin that accepts and is silent: connect_timeout", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    clock = new FakeClock();
    const scheme = "tls" in wire.overrides ? "https" : "http";
    const overrides = { ...wire.overrides, timeouts: TIMEOUTS, retry: { attempts: 1 } };
    cluster = clusterOf(`${scheme}://127.0.0.1:${port}`, overrides, clock);
    const [got] = ask();
    await ticks();
    expect(got.endings).toBe(0);
    clock.advance(1500);
    await within(got.ended, 2000, "the timeout");
    expect([got.error?.code, got.error?.beforeSend]).toEqual(["connect_timeout", true]);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
