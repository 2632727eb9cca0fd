// One exchange with an origin, in literal bytes: what is sent, what is passed on, how each way of
// failing is named.

import { Readable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import type { OriginRequest } from "../../src/upstream/attempt.ts";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { answering, type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { INTERIM_RESPONSES_MAX } from "../../src/upstream/watched-attempt.ts";
import { clusterOf, exchange, Recorder, requestOf } from "./recorder.ts";

/** Both ways to ask an origin have the same outcomes. */
const WAYS: [way: string, parts: Partial<OriginRequest>][] = [
  ["pooled", {}],
  ["connection of its own", { expectsContinue: true }],
];

let origin: TestOrigin;
let cluster: Cluster;

async function start(
  script: OriginScript,
  overrides: Parameters<typeof clusterOf>[1] = {},
): Promise<void> {
  origin = await startOrigin(script);
  cluster = clusterOf(origin.url, overrides);
}

afterEach(async () => {
  await cluster.close();
  await origin.idle();
  await origin.close();
});

describe.each(WAYS)("%s: responses", (_way, parts) => {
  const rows: [name: string, method: string, response: string, status: number, content: string][] =
    [
      ["Content-Length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"],
      [
        "chunked",
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
        200,
        "hello",
      ],
      ["HEAD with Content-Length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, ""],
      ["204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""],
      [
        "304 with Content-Length",
        "GET",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        304,
        "",
      ],
      ["HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"],
      ["empty reason", "GET", "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n", 599, ""],
    ];
  test.each(rows)("RFC 9112 6.3 %s", async (_name, method, response, status, content) => {
    await start(answering(response));
    const got = await exchange(cluster, requestOf(method, "/", parts));
    expect(got.error).toBeNull();
    expect([got.head?.status, got.content, got.endings]).toEqual([status, content, 1]);
  });

  test("RFC 9112 6.3 delimited by close", async () => {
    await start(async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\n\r\nto the end");
      connection.end();
    });
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect([got.error, got.content]).toEqual([null, "to the end"]);
  });

  test("keeps field order, case, repetition and latin1", async () => {
    await start(
      answering(
        "HTTP/1.1 200 Fine so\r\nX-b: 1\r\nSet-Cookie: a=1\r\nset-COOKIE: b=2\r\nX-Caf\x65: \xe9\r\nContent-Length: 0\r\n\r\n",
      ),
    );
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect(got.head).toEqual({
      status: 200,
      reason: "Fine so",
      fields: [
        "X-b",
        "1",
        "Set-Cookie",
        "a=1",
        "set-COOKIE",
        "b=2",
        "X-Cafe",
        "\xe9",
        "Content-Length",
        "0",
      ],
    });
  });

  test("RFC 9110 6.5 passes trailers on", async () => {
    await start(
      answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n",
      ),
    );
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect([got.content, got.trailers]).toEqual(["a", ["X-Sum", "1", "x-sum", "2"]]);
  });

  test("RFC 9110 15.2 passes interim responses on", async () => {
    await start(
      answering(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
      ),
    );
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect(got.interims.map((head) => head.status)).toEqual([103, 102]);
    expect(got.interims[0]?.fields).toEqual(["Link", "</a>"]);
    expect([got.head?.status, got.content]).toEqual([200, "x"]);
  });

  test.each([
    [INTERIM_RESPONSES_MAX, "200", undefined],
    [INTERIM_RESPONSES_MAX + 1, "undefined", "upstream_invalid"],
  ])("of %i interim responses", async (count, status, code) => {
    const interims = "HTTP/1.1 102 Processing\r\n\r\n".repeat(count);
    await start(answering(`${interims}HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx`));
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect(got.interims).toHaveLength(INTERIM_RESPONSES_MAX);
    expect([String(got.head?.status), got.error?.code]).toEqual([status, code]);
  });
});

describe("requests", () => {
  const empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

  test("sends the target as it is and the fields in order", async () => {
    await start(answering(empty));
    await exchange(
      cluster,
      requestOf("GET", "/a/../b?x=%2F&y", {
        fields: ["Host", "Example.com:80", "X-A", "1", "x-a", "2"],
      }),
    );
    expect(origin.heads).toEqual([
      "GET /a/../b?x=%2F&y HTTP/1.1\r\nHost: Example.com:80\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
    ]);
  });

  test("content of known length is sent with Content-Length", async () => {
    let content = "";
    await start(async (connection) => {
      content = (await connection.readContent(await connection.readHead())).toString("latin1");
      await connection.send(empty);
    });
    const body = Readable.from([Buffer.from("ab"), Buffer.from("cd")]);
    const got = await exchange(cluster, requestOf("POST", "/", { body, bodyLength: 4 }));
    expect(got.error).toBeNull();
    expect(content).toBe("abcd");
    expect(origin.heads[0]).toMatch(/\r\ncontent-length: 4\r\n/i);
    expect(origin.heads[0]).not.toMatch(/transfer-encoding/i);
  });

  test("content of unknown length is sent chunked", async () => {
    let content = "";
    await start(async (connection) => {
      content = (await connection.readContent(await connection.readHead())).toString("latin1");
      await connection.send(empty);
    });
    const body = Readable.from([Buffer.from("ab"), Buffer.from("cd")]);
    const got = await exchange(cluster, requestOf("POST", "/", { body, bodyLength: -1 }));
    expect(got.error).toBeNull();
    expect(content).toBe("abcd");
    expect(origin.heads[0]).toMatch(/\r\ntransfer-encoding: chunked\r\n/i);
  });

  test("RFC 9112 7.1.2 trailers follow the last chunk, asked for when it is due", async () => {
    const messages: { content: Buffer; trailers: string }[] = [];
    await start(async (connection) => {
      await connection.readHead();
      messages.push(await connection.readChunked());
      await connection.send(empty);
    });
    let isRead = false;
    const body = Readable.from(
      (function* read() {
        yield Buffer.from("ab");
        isRead = true;
      })(),
    );
    const trailers = () => (isRead ? ["X-Sum", "1\xe9", "x-sum", "2"] : ["X-Early", "1"]);
    const request = requestOf("POST", "/", { body, bodyLength: -1, trailers });
    expect((await exchange(cluster, request)).error).toBeNull();
    const expected = { content: Buffer.from("ab"), trailers: "X-Sum: 1\xe9\r\nx-sum: 2\r\n" };
    expect(messages).toEqual([expected]);
  });
});

describe.each(WAYS)("%s: failures before the head", (_way, parts) => {
  const rows: [name: string, script: OriginScript, code: string][] = [
    ["reset before the head", async (c) => void (await c.readHead(), c.reset()), "upstream_reset"],
    ["closed before the head", async (c) => void (await c.readHead(), c.end()), "upstream_reset"],
    [
      "half a head, then closed",
      async (c) => void (await c.readHead(), await c.send("HTTP/1.1 200 OK\r\nA"), c.end()),
      "upstream_reset",
    ],
    ["no HTTP at all", answering("SSH-2.0-OpenSSH_9\r\n"), "upstream_invalid"],
    ["another major version", answering("HTTP/3.0 200 OK\r\n\r\n"), "upstream_invalid"],
    [
      "a control character in a field",
      answering("HTTP/1.1 200 OK\r\nA: b\x01c\r\nContent-Length: 0\r\n\r\n"),
      "upstream_invalid",
    ],
    [
      "RFC 9112 6.3 Content-Length twice",
      answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
      "upstream_invalid",
    ],
    [
      "RFC 9112 6.3 length and transfer coding",
      answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      ),
      "upstream_invalid",
    ],
    [
      "RFC 9112 6.1 another transfer coding",
      answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
      "upstream_invalid",
    ],
    [
      "a head of 1 MiB",
      answering(`HTTP/1.1 200 OK\r\nA: ${"a".repeat(1 << 20)}\r\n\r\n`),
      "upstream_invalid",
    ],
    [
      "RFC 9110 15.2.2 an unasked 101",
      answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
      "upstream_invalid",
    ],
  ];
  test.each(rows)("%s", async (_name, script, code) => {
    await start(script);
    const got = await exchange(cluster, requestOf("POST", "/", parts));
    expect([got.error?.code, got.error?.beforeSend, got.head, got.endings]).toEqual([
      code,
      false,
      null,
      1,
    ]);
    expect(cluster.targets()[0]).toMatchObject({ inFlight: 0, failures: { [code]: 1 } });
  });
});

describe.each(WAYS)("%s: failures in the content", (_way, parts) => {
  const rows: [name: string, script: OriginScript, code: string][] = [
    [
      "Content-Length cut short by FIN",
      async (c) =>
        void (await c.readHead(),
        await c.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
        c.end()),
      "body_truncated",
    ],
    [
      "chunked cut short by FIN",
      async (c) =>
        void (await c.readHead(),
        await c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        c.end()),
      "body_truncated",
    ],
    [
      "a chunk size that is none",
      async (c) =>
        void (await c.readHead(),
        await c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n")),
      "upstream_invalid",
    ],
  ];
  test.each(rows)("%s", async (_name, script, code) => {
    await start(script);
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect([got.head?.status, got.error?.code, got.endings]).toEqual([200, code, 1]);
    // What arrives together with the violation may be lost with it.
    expect(["", "hello"]).toContain(got.content);
  });

  const resets: [name: string, head: string][] = [
    ["Content-Length", "Content-Length: 9\r\n\r\nhello"],
    ["chunked", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ["delimited by close", "\r\nhello"],
  ];
  test.each(resets)("RFC 9112 8 reset in the middle: %s", async (_name, rest) => {
    await start(async (connection) => {
      await connection.readHead();
      await connection.send(`HTTP/1.1 200 OK\r\n${rest}`);
      await resetNow;
      connection.reset();
    });
    let proceed = (): void => {};
    const resetNow = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const recorder = new Recorder();
    cluster.forward(requestOf("GET", "/", parts), recorder);
    await recorder.until(() => recorder.bytes === 5, "the first bytes");
    proceed();
    await recorder.until(() => recorder.endings > 0, "the end");
    expect([recorder.content, recorder.error?.code, recorder.trailers]).toEqual([
      "hello",
      "body_truncated",
      null,
    ]);
  });
});

describe.each(WAYS)("%s: malformed heads are refused", (_way, parts) => {
  const ok = "HTTP/1.1 200 OK\r\n";
  const none = "Content-Length: 0\r\n\r\n";
  const rows: [name: string, response: string][] = [
    ["RFC 9112 5.2 obs-fold", `${ok}A: b\r\n c\r\n${none}`],
    ["RFC 9112 2.2 bare LF after the status line", `HTTP/1.1 200 OK\n${none}`],
    ["RFC 9112 2.2 bare LF after a field line", `${ok}A: b\n${none}`],
    ["RFC 9112 2.2 bare CR", `${ok}A: b\rc\r\n${none}`],
    ["RFC 9110 5.5 NUL", `${ok}A: b\0c\r\n${none}`],
    ["RFC 9112 5.1 space before the colon", `${ok}A : b\r\n${none}`],
    ["RFC 9112 5 empty name", `${ok}: b\r\n${none}`],
    ["RFC 9112 6.3 signed length", `${ok}Content-Length: +2\r\n\r\nhi`],
    ["RFC 9112 6.3 list of lengths", `${ok}Content-Length: 2, 2\r\n\r\nhi`],
    ["RFC 9112 6.3 empty length", `${ok}Content-Length: \r\n\r\nhi`],
    ["RFC 9112 6.3 length beyond 2^64", `${ok}Content-Length: 99999999999999999999\r\n\r\nhi`],
    [
      "RFC 9112 6.1 chunked twice, in one line",
      `${ok}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      "RFC 9112 6.1 chunked twice, in two lines",
      `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ["RFC 9112 4 two digits of status", `HTTP/1.1 99 X\r\n${none}`],
    ["RFC 9112 4 four digits of status", `HTTP/1.1 1000 X\r\n${none}`],
    ["RFC 9110 15 a status below 100", `HTTP/1.1 000 X\r\n${none}`],
  ];
  test.each(rows)("%s", async (_name, response) => {
    await start(answering(response));
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect([got.error?.code, got.head, got.endings]).toEqual(["upstream_invalid", null, 1]);
  });
});

describe.each(WAYS)("%s: malformed chunks break the response", (_way, parts) => {
  const rows: [name: string, chunks: string][] = [
    ["RFC 9112 7.1 bare LF", "2\nhi\r\n0\r\n\r\n"],
    ["RFC 9112 7.1 prefixed size", "0x2\r\nhi\r\n0\r\n\r\n"],
    ["RFC 9112 7.1 signed size", "-2\r\nhi\r\n0\r\n\r\n"],
    ["RFC 9112 7.1 size beyond 2^64", "10000000000000002\r\nhi\r\n0\r\n\r\n"],
    ["RFC 9112 7.1 no terminator", "2\r\nhiXX0\r\n\r\n"],
    ["RFC 9112 7.1.2 a trailer of 200 KB", `0\r\nA: ${"a".repeat(200_000)}\r\n\r\n`],
  ];
  test.each(rows)("%s", async (_name, chunks) => {
    await start(answering(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`));
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect([got.error?.code, got.trailers, got.endings]).toEqual(["upstream_invalid", null, 1]);
  });
});

test("a callback that throws is our fault, not the origin's: internal_error", async () => {
  await start(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
  const recorder = new Recorder();
  recorder.onHead = () => {
    throw new TypeError("a programmer's mistake");
  };
  const got = await exchange(cluster, requestOf("GET", "/"), recorder);
  expect([got.error?.code, got.endings]).toEqual(["internal_error", 1]);
  expect(cluster.targets()[0]?.failures).toEqual({});
});

test("a name with an IPv6 and an IPv4 address reaches whichever answers", async () => {
  await start(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
  await cluster.close();
  cluster = clusterOf(`http://localhost:${origin.port}`);
  expect((await exchange(cluster, requestOf("GET", "/"))).content).toBe("hi");
  expect(cluster.targets()[0]?.target).toBe(`localhost:${origin.port}`);
});

test("RFC 9110 15.2 an unasked 100 is passed on like any other interim response", async () => {
  await start(
    answering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
  );
  const got = await exchange(cluster, requestOf("POST", "/"));
  expect([got.error, got.interims.map((head) => head.status)]).toEqual([null, [100]]);
});
