// HTTP/2 to origins, in cleartext and over TLS alike: what is sent and passed on, how streams share
// sessions, what each way of ending is called, and what may be sent again (RFC 9113).

import { constants, type ServerHttp2Stream } from "node:http2";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { AUTHORITY_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from "../support/certificates.ts";
import { FakeClock } from "../support/clock.ts";
import {
  data,
  END_STREAM,
  type FrameOrigin,
  goaway,
  ok,
  reset,
  startFrameOrigin,
} from "../support/h2-frames.ts";
import { type H2Origin, type H2Script, startH2Origin } from "../support/h2-origin.ts";
import { answering, startOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, exchange, Recorder, requestOf, settled } from "./recorder.ts";

type Options = Parameters<typeof startH2Origin>[1];

let origin: H2Origin;
let cluster: Cluster;

const WAYS: [way: string, options: Options][] = [
  ["h2c", {}],
  ["TLS", { tls: { cert: SERVER_CERTIFICATE, key: SERVER_KEY } }],
];

async function start(
  script: H2Script,
  options: Options = {},
  overrides: Parameters<typeof clusterOf>[1] = {},
  clock?: FakeClock,
): Promise<void> {
  origin = await startH2Origin(script, options);
  const tls = { ca: AUTHORITY_CERTIFICATE };
  cluster = clusterOf(origin.url, { protocol: "h2", tls, ...overrides }, clock);
}

function lines(count: number, value: string): [string, string][] {
  return Array.from({ length: count }, (_, index) => [`x-${index}`, value]);
}

function answer(stream: ServerHttp2Stream, content = "hi"): void {
  stream.respond({ ":status": 200 });
  stream.end(content);
}

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  await origin.close();
});

describe.each(WAYS)("%s", (_way, options) => {
  test("RFC 9113 8.3 a request and its answer, fields and trailers both ways", async () => {
    await start((stream) => {
      stream.additionalHeaders({ ":status": 103, link: "</a>" });
      stream.respond([":status", "200", "x-a", "1", "set-cookie", "a=1", "set-cookie", "b=\xe9"], {
        waitForTrailers: true,
      });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "7" }));
      stream.end("hello");
    }, options);
    const fields = ["Host", "Example.com", "X-A", "1", "TE", "trailers", "Connection", "TE"];
    const got = await exchange(cluster, requestOf("GET", "/a?b", { fields }));
    expect([got.error, got.head?.status, got.content, got.endings]).toEqual([
      null,
      200,
      "hello",
      1,
    ]);
    expect(got.interims.map((head) => [head.status, ...head.fields])).toEqual([
      [103, "link", "</a>"],
    ]);
    expect(got.head?.fields.slice(0, 6)).toEqual([
      "x-a",
      "1",
      "set-cookie",
      "a=1",
      "set-cookie",
      "b=\xe9",
    ]);
    expect(got.trailers).toEqual(["x-sum", "7"]);
    const scheme = options?.tls === undefined ? "http" : "https";
    expect(origin.requests[0]).toEqual([
      ":method",
      "GET",
      ":scheme",
      scheme,
      ":authority",
      "Example.com",
      ":path",
      "/a?b",
      "x-a",
      "1",
      "te",
      "trailers",
    ]);
  });

  test.each([4, -1])("content of length %i", async (bodyLength) => {
    let content = "";
    await start((stream) => {
      stream.on("data", (chunk: Buffer) => {
        content += chunk.toString();
      });
      stream.on("end", () => answer(stream));
    }, options);
    const body = Readable.from([Buffer.from("ab"), Buffer.from("cd")]);
    const got = await exchange(cluster, requestOf("POST", "/", { body, bodyLength }));
    expect([got.error, got.content, content]).toEqual([null, "hi", "abcd"]);
    expect(origin.requests[0]?.includes("content-length")).toBe(bodyLength >= 0);
  });

  test.each([
    ["some", ["X-Sum", "7", "x-b", "\xe9", "x-sum", "8"], "x-sum: 7|x-sum: 8|x-b: \xe9"],
    ["none", [], ""],
  ])("RFC 9113 8.1 trailers of the request: %s", async (_name, sent, expected) => {
    let trailers: string[] = [];
    await start((stream) => {
      stream.on("trailers", (_fields, _flags, raw: string[]) => {
        for (let index = 0; index < raw.length; index += 2) {
          trailers = [...trailers, `${raw[index]}: ${raw[index + 1]}`];
        }
      });
      stream.resume().on("end", () => answer(stream));
    }, options);
    const body = Readable.from([Buffer.from("ab")]);
    const parts = { body, bodyLength: -1, trailers: () => sent };
    const got = await exchange(cluster, requestOf("POST", "/", parts));
    expect([got.error, got.content, trailers.join("|")]).toEqual([null, "hi", expected]);
  });

  test("RFC 9110 10.1.1 content waits for the 100", async () => {
    let before = 0;
    await start((stream) => {
      stream.on("data", (chunk: Buffer) => {
        before += chunk.length;
      });
      setImmediate(() => {
        expect(before).toBe(0);
        stream.additionalHeaders({ ":status": 100 });
      });
      stream.on("end", () => answer(stream));
    }, options);
    const body = Readable.from([Buffer.from("abcd")]);
    const parts = { body, bodyLength: 4, expectsContinue: true };
    const got = await exchange(cluster, requestOf("POST", "/", parts));
    expect([got.error, got.content, before]).toEqual([null, "hi", 4]);
  });

  test("fifty requests at a time share one connection", async () => {
    const streams: ServerHttp2Stream[] = [];
    await start((stream) => {
      streams.push(stream);
      if (streams.length === 50) for (const each of streams) answer(each);
    }, options);
    const all = Array.from({ length: 50 }, () => exchange(cluster, requestOf("GET", "/")));
    for (const got of await Promise.all(all))
      expect([got.error, got.content]).toEqual([null, "hi"]);
    expect(origin.accepted()).toBe(1);
    expect(cluster.targets()[0]).toMatchObject({ connectionsOpen: 1, reused: 49 });
  });

  test("RFC 9113 5.1.2 no more streams than the origin's SETTINGS allow", async () => {
    let most = 0;
    let open = 0;
    await start(
      (stream) => {
        open += 1;
        most = Math.max(most, open);
        stream.on("close", () => {
          open -= 1;
        });
        setImmediate(() => answer(stream));
      },
      { ...options, settings: { maxConcurrentStreams: 2 } },
      { pool: { connections: 1, queue: 100 } },
    );
    const all = Array.from({ length: 9 }, () => exchange(cluster, requestOf("GET", "/")));
    for (const got of await Promise.all(all)) expect(got.error).toBeNull();
    expect(most).toBeLessThanOrEqual(2);
    expect(origin.accepted()).toBe(1);
  });

  test("a client that reads nothing holds up neither the origin's memory nor others", async () => {
    let taken = 0;
    await start((stream, fields) => {
      if (fields.includes("/small")) return answer(stream);
      stream.respond({ ":status": 200 });
      const write = (): void => {
        while (!stream.destroyed && stream.write(Buffer.alloc(65_536))) taken += 65_536;
      };
      stream.on("drain", write);
      write();
    }, options);
    const slow = new Recorder();
    slow.pauseAfter = 1;
    slow.keep = false;
    const call = cluster.forward(requestOf("GET", "/large"), slow);
    await slow.until(() => slow.bytes > 0, "the first bytes");
    for (let turn = 0; turn < 20; turn += 1) {
      expect((await exchange(cluster, requestOf("GET", "/small"))).content).toBe("hi");
    }
    expect(taken).toBeLessThan(2 << 20);
    expect(origin.accepted()).toBe(1);
    call.abort();
  });

  test("a client that leaves resets its stream, not the session", async () => {
    const closed = Promise.withResolvers<number>();
    await start((stream, fields) => {
      if (fields.includes("/b")) return answer(stream);
      stream.on("close", () => closed.resolve(stream.rstCode));
      stream.respond({ ":status": 200 });
      stream.write("x");
    }, options);
    const got = new Recorder();
    const call = cluster.forward(requestOf("GET", "/a"), got);
    await got.until(() => got.bytes === 1, "the first byte");
    call.abort();
    expect(await within(closed.promise, 2000, "the reset")).toBe(constants.NGHTTP2_CANCEL);
    expect((await exchange(cluster, requestOf("GET", "/b"))).content).toBe("hi");
    expect(origin.accepted()).toBe(1);
  });

  const failures: [name: string, script: H2Script, code: string, detail: string][] = [
    [
      "reset before the head",
      (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
      "upstream_reset",
      "INTERNAL_ERROR",
    ],
    ["the connection breaks", (stream) => stream.session?.destroy(), "upstream_reset", "CANCEL"],
    [
      "the connection breaks in the content",
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.write("he", () => stream.session?.destroy());
      },
      "body_truncated",
      "CANCEL",
    ],
    [
      "RFC 9110 15.2 interim responses without end",
      (stream) => {
        for (let turn = 0; turn < 200; turn += 1) stream.additionalHeaders({ ":status": 102 });
      },
      "upstream_invalid",
      "too many interim responses",
    ],
    [
      "a head of too many lines",
      (stream) => stream.respond(Object.fromEntries(lines(300, "v"))),
      "upstream_invalid",
      "ENHANCE_YOUR_CALM",
    ],
  ];
  test.each(failures)("%s", async (_name, script, code, detail) => {
    await start(script, options);
    const got = await exchange(cluster, requestOf("POST", "/"));
    expect([got.error?.code, got.error?.detail, got.endings]).toEqual([code, detail, 1]);
    expect(cluster.targets()[0]?.inFlight).toBe(0);
  });

  test("RFC 9113 8.7 REFUSED_STREAM: even a POST goes again", async () => {
    await start((stream, _fields, turn) => {
      if (turn === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answer(stream);
    }, options);
    const got = await exchange(cluster, requestOf("POST", "/"));
    expect([got.error, got.content, origin.requests.length]).toEqual([null, "hi", 2]);
  });

  test("REFUSED_STREAM for good is upstream_reset", async () => {
    await start((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), options);
    const got = await exchange(cluster, requestOf("POST", "/"));
    expect([got.error?.code, got.error?.detail]).toEqual(["upstream_reset", "REFUSED_STREAM"]);
    expect(origin.requests.length).toBe(2);
  });

  test("an origin that refuses every stream gets 1.2 times the requests at most", async () => {
    await start((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), options, {
      retry: { attempts: 5, backoffMs: 1 },
      breaker: { errorShare: 0 },
    });
    for (let turn = 0; turn < 100; turn += 1) await exchange(cluster, requestOf("GET", "/"));
    expect(origin.requests.length).toBeGreaterThan(100);
    expect(origin.requests.length).toBeLessThanOrEqual(120);
  });

  test("RFC 9113 6.8 after GOAWAY streams finish and new ones go elsewhere", async () => {
    const first = Promise.withResolvers<ServerHttp2Stream>();
    await start((stream, fields) => {
      if (!fields.includes("/slow")) return answer(stream);
      stream.respond({ ":status": 200 });
      stream.write("a");
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id ?? 0);
      first.resolve(stream);
    }, options);
    const slow = new Recorder();
    cluster.forward(requestOf("GET", "/slow"), slow);
    await slow.until(() => slow.bytes === 1, "the first byte");
    expect((await exchange(cluster, requestOf("GET", "/b"))).content).toBe("hi");
    expect(origin.accepted()).toBe(2);
    (await first.promise).end("b");
    await within(slow.ended, 2000, "the end");
    expect([slow.error, slow.content]).toEqual([null, "ab"]);
  });

  test("a session serves requestsMax requests", async () => {
    await start((stream) => answer(stream), options, { pool: { requestsMax: 2 } });
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await exchange(cluster, requestOf("GET", "/"))).error).toBeNull();
    }
    expect(origin.accepted()).toBe(3);
  });
});

test("a session that dies unused is no failure: the next GET goes over a new one", async () => {
  await start((stream, _fields, turn) => {
    if (turn === 2) stream.session?.destroy();
    else answer(stream);
  });
  expect((await exchange(cluster, requestOf("GET", "/"))).error).toBeNull();
  expect((await exchange(cluster, requestOf("GET", "/"))).content).toBe("hi");
  expect(origin.accepted()).toBe(2);
});

test("an origin without ALPN h2: tls_error", async () => {
  await start((stream) => answer(stream));
  const h1 = await startOrigin(answering("HTTP/1.1 200 OK\r\n\r\n"), {
    tls: { cert: SERVER_CERTIFICATE, key: SERVER_KEY },
  });
  const other = clusterOf(h1.url, { protocol: "h2", tls: { ca: AUTHORITY_CERTIFICATE } });
  const got = await exchange(other, requestOf("POST", "/"));
  expect([got.error?.code, got.error?.detail, got.error?.beforeSend]).toEqual([
    "tls_error",
    "no h2 by ALPN",
    true,
  ]);
  await other.close();
  await h1.close();
});

test("an origin that speaks HTTP/1.1 in cleartext: upstream_invalid, nothing lost", async () => {
  await start((stream) => answer(stream));
  const h1 = await startOrigin(answering("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  const other = clusterOf(h1.url, { protocol: "h2" });
  const got = await exchange(other, requestOf("POST", "/"));
  expect([got.error?.code, got.error?.beforeSend]).toEqual(["upstream_invalid", true]);
  await other.close();
  await h1.close();
});

test("nobody listens: connect_refused for all that wait", async () => {
  await start((stream) => answer(stream));
  const other = clusterOf("http://127.0.0.1:1", { protocol: "h2" });
  const all = [1, 2, 3].map(() => exchange(other, requestOf("POST", "/")));
  for (const got of await Promise.all(all)) expect(got.error?.code).toBe("connect_refused");
  await other.close();
});

test("no SETTINGS: connect_timeout", async () => {
  await start((stream) => answer(stream));
  const silent = await startOrigin(() => {});
  const other = clusterOf(silent.url, { protocol: "h2", timeouts: { connectMs: 100 } });
  expect((await exchange(other, requestOf("GET", "/"))).error?.code).toBe("connect_timeout");
  await silent.idle();
  await other.close();
  await silent.close();
});

describe("frame by frame", () => {
  let frames: FrameOrigin;
  let other: Cluster;

  async function begin(
    script: Parameters<typeof startFrameOrigin>[0],
    overrides: Parameters<typeof clusterOf>[1] = {},
    clock?: FakeClock,
  ): Promise<void> {
    frames = await startFrameOrigin(script);
    other = clusterOf(frames.url, { protocol: "h2", ...overrides }, clock);
  }

  beforeEach(() => start((stream) => answer(stream)));

  afterEach(async () => {
    await other.close();
    await settled(other);
    await frames.close();
  });

  const broken: [name: string, frames: (id: number) => Buffer[], code: string, detail: string][] = [
    [
      "5.4.2 reset in the content",
      (id) => [ok(id), data(id, "he"), reset(id, 2)],
      "body_truncated",
      "INTERNAL_ERROR",
    ],
    [
      "8.1 reset in the content with NO_ERROR is no end",
      (id) => [ok(id), data(id, "he"), reset(id, 0)],
      "body_truncated",
      "reset with NO_ERROR",
    ],
    [
      "8.1.1 more content than Content-Length",
      (id) => [ok(id, [["content-length", "1"]]), data(id, "he", END_STREAM)],
      // nghttp2 calls it so.
      "body_truncated",
      "INTERNAL_ERROR",
    ],
    [
      "8.1.1 less content than Content-Length",
      (id) => [ok(id, [["content-length", "3"]]), data(id, "he", END_STREAM)],
      "upstream_invalid",
      "PROTOCOL_ERROR",
    ],
    [
      "8.2.2 a connection-specific field",
      (id) => [ok(id, [["connection", "close"]], END_STREAM)],
      "upstream_invalid",
      "PROTOCOL_ERROR",
    ],
    [
      "8.2.1 a name in upper case",
      (id) => [ok(id, [["X-A", "1"]], END_STREAM)],
      "upstream_invalid",
      "PROTOCOL_ERROR",
    ],
    ["8.1 content before the head", (id) => [data(id, "he")], "upstream_reset", "INTERNAL_ERROR"],
    ["8.7 refused again and again", (id) => [reset(id, 7)], "upstream_reset", "REFUSED_STREAM"],
    [
      "6.8 GOAWAY with an error that names it",
      (id) => [goaway(id, 11)],
      "upstream_reset",
      "ENHANCE_YOUR_CALM",
    ],
  ];
  test.each(broken)("RFC 9113 %s", async (_name, script, code, detail) => {
    await begin(script);
    const got = await exchange(other, requestOf("POST", "/"));
    expect([got.error?.code, got.error?.detail, got.endings]).toEqual([code, detail, 1]);
    expect(other.targets()[0]?.inFlight).toBe(0);
  });

  test("RFC 9113 8.1 NO_ERROR behind a whole answer is an answer", async () => {
    await begin((id) => [ok(id), data(id, "hi", END_STREAM), reset(id, 0)]);
    const body = new Readable({ read() {} });
    body.push("never all of it");
    const got = await exchange(other, requestOf("POST", "/", { body, bodyLength: -1 }));
    expect([got.error, got.content]).toEqual([null, "hi"]);
    expect(body.destroyed).toBe(true);
  });

  const goaways: [name: string, code: number][] = [
    ["NO_ERROR", 0],
    ["ENHANCE_YOUR_CALM", 11],
  ];
  test.each(goaways)("RFC 9113 6.8 GOAWAY %s: a POST above it goes again", async (_name, code) => {
    await begin((id, turn) =>
      turn === 1 ? [goaway(0, code)] : [ok(id), data(id, "hi", END_STREAM)],
    );
    const got = await exchange(other, requestOf("POST", "/"));
    expect([got.error, got.content, frames.accepted()]).toEqual([null, "hi", 2]);
    expect(other.targets()[0]?.h2Goaways).toBe(1);
  });

  test("a session that a timeout found dead is closed; the next request gets another", async () => {
    const clock = new FakeClock();
    const timeouts = { connectMs: 1000, headersMs: 2000, idleMs: 4000, continueMs: 1000 };
    await begin(
      (id, turn) => (turn === 2 ? [] : [ok(id), data(id, "hi", END_STREAM)]),
      { timeouts, pool: { keepAliveMs: 3_600_000 } },
      clock,
    );
    await exchange(other, requestOf("GET", "/"));
    const lost = new Recorder();
    other.forward(requestOf("GET", "/"), lost);
    while (frames.requests() < 2) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(2300);
    await within(lost.ended, 2000, "the timeout");
    expect(lost.error?.code).toBe("headers_timeout");
    clock.advance(5100);
    await settled(other);
    expect((await exchange(other, requestOf("GET", "/"))).content).toBe("hi");
    expect(frames.accepted()).toBe(2);
  });
});

test("an idle session is closed", async () => {
  const clock = new FakeClock();
  await start((stream) => answer(stream), {}, { pool: { keepAliveMs: 30_000 } }, clock);
  await exchange(cluster, requestOf("GET", "/"));
  expect(cluster.targets()[0]?.connectionsOpen).toBe(1);
  while (cluster.targets()[0]?.h2Streams !== 0) await new Promise((go) => setImmediate(go));
  clock.advance(31_000);
  await settled(cluster);
});
