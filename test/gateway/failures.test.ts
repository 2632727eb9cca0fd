// Origin servers that fail, in every way and at every stage: which status the client gets, that a
// broken response never looks complete, and that Proxy-Status, log and metric name one reason
// (RFC 9110 section 15.6, RFC 9112 section 8, RFC 9209); which requests are tried again.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EdgelaneUpstream } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import {
  type OriginConnection,
  type OriginScript,
  startOrigin,
  type TestOrigin,
} from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { ask, get, RawClient, requestText } from "../support/raw-client.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;

const TIMEOUTS: EdgelaneUpstream["timeout"] = { headers: "250ms", idle: "250ms" };

async function serve(
  script: OriginScript,
  timeout: EdgelaneUpstream["timeout"] = {},
): Promise<number> {
  origin = await startOrigin(script);
  gateway = await startGateway({ upstreams: { app: { targets: [origin.url], timeout } } });
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

/** Log and metrics name this reason, once. */
async function expectReason(
  reason: string,
  status: number,
  target = started().origin.host,
): Promise<void> {
  const { gateway } = started();
  expect(await gateway.log(1)).toMatchObject([{ reason, status, target }]);
  expect(await gateway.metric("gateway_failures_total")).toBe(1);
  expect(await gateway.metric("gateway_failures_total", { reason })).toBe(1);
  const upstream = { upstream: "app", reason };
  expect(await gateway.metric("gateway_upstream_failures_total", upstream)).toBe(1);
}

/** Reads a request, then does this. */
function after(act: (connection: OriginConnection) => unknown): OriginScript {
  return async (connection) => {
    const head = await connection.readHead();
    await connection.readContent(head);
    await act(connection);
  };
}

describe("before a response head", () => {
  const ROWS: [string, string, number, string, (connection: OriginConnection) => unknown][] = [
    ["closes", "connection_terminated", 502, "upstream_reset", (one) => one.end()],
    ["resets", "connection_terminated", 502, "upstream_reset", (one) => one.reset()],
    ["is silent", "http_response_timeout", 504, "headers_timeout", () => undefined],
    [
      "breaks off in the status line",
      "connection_terminated",
      502,
      "upstream_reset",
      async (one) => {
        await one.send("HTTP/1.1 20");
        one.end();
      },
    ],
    [
      "speaks another protocol",
      "http_protocol_error",
      502,
      "upstream_invalid",
      (one) => one.send("SSH-2.0-OpenSSH_9.6\r\n"),
    ],
    [
      "has two framings",
      "http_protocol_error",
      502,
      "upstream_invalid",
      (one) =>
        one.send(
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ],
    [
      "has a line folded",
      "http_protocol_error",
      502,
      "upstream_invalid",
      (one) => one.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\r\n b\r\n\r\n"),
    ],
    [
      "switches protocols unasked",
      "http_protocol_error",
      502,
      "upstream_invalid",
      (one) => one.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    ],
  ];

  for (const method of ["GET", "POST"]) {
    test.each(ROWS)(
      `${method}: an origin that %s is %s`,
      async (_name, proxy, status, reason, act) => {
        const port = await serve(after(act), TIMEOUTS);
        const lines = method === "POST" ? ["Content-Length: 2"] : [];
        const client = await RawClient.connect(port);
        void client.send(
          requestText(method, "/?secret=1", lines) + (method === "POST" ? "hi" : ""),
        );
        const response = await client.response();
        expect(response.status).toBe(status);
        expect(response.field("proxy-status")).toMatch(
          new RegExp(`^edgelane; error=${proxy}; details="${reason}: [^"]*"$`),
        );
        expect(response.field("cache-control")).toBe("no-store");
        expect(response.text).toContain(reason);
        expect(response.text).not.toContain("secret");
        await expectReason(reason, status);
        // The client's connection is none the worse for it.
        expect(client.open).toBe(true);
        await client.close();
        await started().origin.idle();
      },
    );
  }

  test("a refused connection is 502", async () => {
    const port = await serve(() => undefined);
    const { host } = started().origin;
    await started().origin.close();
    const response = await get(port, "/");
    expect(response.status).toBe(502);
    expect(response.field("proxy-status")).toMatch(/error=connection_refused; details="connect_/);
    await expectReason("connect_refused", 502, host);
  });
});

describe("in the content", () => {
  type Framing = "length" | "chunked" | "close";
  const HEADS: Record<Framing, string> = {
    length: "Content-Length: 1000\r\n",
    chunked: "Transfer-Encoding: chunked\r\n",
    close: "",
  };
  const PIECES: Record<Framing, string> = {
    length: "half",
    chunked: "4\r\nhalf\r\n",
    close: "half",
  };
  const ENDS: Record<string, (connection: OriginConnection) => unknown> = {
    closes: (connection) => connection.end(),
    resets: (connection) => connection.reset(),
    stalls: () => undefined,
  };
  // FIN is the end of content that the close delimits: nobody can tell that it came too early.
  const rows = (["length", "chunked", "close"] as const).flatMap((framing) =>
    Object.keys(ENDS)
      .filter((end) => framing !== "close" || end !== "closes")
      .flatMap((end) => (["1.1", "1.0"] as const).map((version) => ({ framing, end, version }))),
  );

  test.each(rows)(
    "$framing content whose origin $end is visibly broken for HTTP/$version",
    async ({ framing, end, version }) => {
      let passed: () => void = () => undefined;
      const seen = new Promise<void>((resolve) => {
        passed = resolve;
      });
      const port = await serve(async (connection) => {
        await connection.readHead();
        const head = `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${HEADS[framing]}\r\n`;
        await connection.send(head + PIECES[framing]);
        await seen;
        await ENDS[end]?.(connection);
      }, TIMEOUTS);
      const client = await RawClient.connect(port);
      void client.send(`GET / HTTP/${version}\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n`);
      const head = await client.head();
      expect(head).toMatch(/^HTTP\/1\.1 200 /);
      const isChunked = /transfer-encoding: chunked/i.test(head);
      expect(isChunked).toBe(version === "1.1" && framing !== "length");
      await client.bytes(isChunked ? "4\r\nhalf\r\n".length : 4);
      passed();
      const { bytes, how } = await client.untilEnd();
      // Length: too few bytes. Chunked: no last chunk. Delimited by the close: a reset.
      expect(bytes.toString("latin1")).toBe("");
      if (version === "1.0" && framing !== "length") expect(how).toBe("reset");
      await expectReason(end === "stalls" ? "body_stalled" : "body_truncated", 200);
      await client.close();
      await started().origin.idle();
      // Nothing of it was stored (RFC 9111 section 3.3).
      expect(await started().gateway.metric("gateway_cache_entries")).toBe(0);
    },
  );

  test("a chunk that is none breaks the response", async () => {
    const port = await serve(
      after((connection) =>
        connection.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nnonsense\r\n",
        ),
      ),
    );
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    const { bytes } = await client.untilEnd();
    expect(bytes.toString("latin1")).not.toMatch(/0\r\n\r\n$/);
    expect(bytes.toString("latin1")).not.toContain("nonsense");
    await client.close();
  });

  test("what follows the content is no second response", async () => {
    const port = await serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        await connection.send(
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil",
        );
      }
    });
    for (let turn = 0; turn < 3; turn++) {
      const response = await get(port, "/");
      expect(response.field("x-evil")).toBeUndefined();
      if (response.status === 200) expect(response.text).toBe("hi");
      else expect(response.status).toBe(502);
    }
  });
});

describe("a connection that the origin closed while it was idle", () => {
  /** Answers the first request of the first connection and then dies on the next one. */
  const dying: OriginScript = async (connection) => {
    for (let turn = 0; ; turn++) {
      const head = await connection.readHead();
      await connection.readContent(head);
      if (connection.index === 0 && turn === 1) {
        connection.reset();
        return;
      }
      await connection.send(answer(`connection ${connection.index}`));
    }
  };

  test.each([
    ["GET", ""],
    ["HEAD", ""],
    ["DELETE", ""],
    ["OPTIONS", ""],
  ])("%s is tried once more, on another one", async (method) => {
    const port = await serve(dying);
    expect((await get(port, "/")).text).toBe("connection 0");
    const response = await ask(port, requestText(method, "/"));
    expect(response.status).toBe(200);
    const { origin, gateway } = started();
    expect(origin.heads.map((head) => head.split(" ")[0])).toEqual(["GET", method, method]);
    expect(origin.accepted).toBe(2);
    expect(await gateway.metric("gateway_failures_total")).toBe(0);
  });

  test.each(["POST", "PATCH"])("%s is not: it may have been done", async (method) => {
    const port = await serve(dying);
    await get(port, "/");
    const request = `${requestText(method, "/", ["Content-Length: 2"])}hi`;
    const response = await ask(port, request);
    expect(response.status).toBe(502);
    expect(response.field("proxy-status")).toContain("upstream_reset");
    expect(started().origin.heads).toHaveLength(2);
  });

  test("a POST without content is not either", async () => {
    const port = await serve(dying);
    await get(port, "/");
    const response = await ask(port, requestText("POST", "/", ["Content-Length: 0"]));
    expect(response.status).toBe(502);
    expect(started().origin.heads).toHaveLength(2);
  });

  test("one that dies again is not tried a third time", async () => {
    const port = await serve(async (connection) => {
      for (let turn = 0; ; turn++) {
        await connection.readHead();
        if (turn === 1 || connection.index > 0) {
          connection.reset();
          return;
        }
        await connection.send(answer("first"));
      }
    });
    await get(port, "/");
    expect((await get(port, "/")).status).toBe(502);
    expect(started().origin.heads).toHaveLength(3);
  });
});

describe("Expect: 100-continue (RFC 9110 10.1.1)", () => {
  const LINES = ["Content-Length: 5", "Expect: 100-continue"];

  test("the 100 is the origin's, and only then the content goes on", async () => {
    const order: string[] = [];
    const port = await serve(async (connection) => {
      const head = await connection.readHead();
      order.push(/^expect: 100-continue\r$/im.test(head) ? "expects" : "expects nothing");
      order.push(`${connection.receivedBytes - head.length} bytes`);
      await connection.send("HTTP/1.1 100 Continue\r\n\r\n");
      order.push((await connection.readContent(head)).toString());
      await connection.send(answer("done"));
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("POST", "/", LINES));
    expect(await client.head()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    void client.send("hello");
    expect((await client.response()).text).toBe("done");
    expect(order).toEqual(["expects", "0 bytes", "hello"]);
    await client.close();
  });

  test.each([417, 413, 401])(
    "a %i without a 100 is passed on, and no content is asked for",
    async (status) => {
      const port = await serve(async (connection) => {
        await connection.readHead();
        await connection.send(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`);
      });
      const client = await RawClient.connect(port);
      void client.send(requestText("POST", "/", LINES));
      const response = await client.response();
      expect([response.status, response.text, response.interim]).toEqual([status, "no", []]);
      // The content may come or not: only a close tells where the next request begins.
      expect(response.field("connection")).toBe("close");
      expect((await client.untilEnd()).how).toBe("end");
      await client.close();
      await started().origin.idle();
    },
  );

  test("an origin that never answers is 504", async () => {
    const port = await serve(async (connection) => {
      await connection.readHead();
    }, TIMEOUTS);
    const client = await RawClient.connect(port);
    void client.send(requestText("POST", "/", LINES));
    expect((await client.response()).status).toBe(504);
    await client.close();
    await expectReason("headers_timeout", 504);
  });

  test("an unknown expectation is 417 and goes nowhere", async () => {
    const port = await serve(() => undefined);
    const response = await ask(port, requestText("GET", "/", ["Expect: 200-ok"]));
    expect(response.status).toBe(417);
    expect(started().origin.accepted).toBe(0);
  });
});

test("content that the origin does not want does not hold up its answer", async () => {
  const port = await serve(async (connection) => {
    await connection.readHead();
    await connection.send(
      "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
    );
    connection.end();
  });
  const client = await RawClient.connect(port);
  void client.send(requestText("POST", "/", ["Content-Length: 100000000"]));
  void client.send(Buffer.alloc(65_536));
  const response = await client.response();
  expect([response.status, response.text]).toEqual([413, "big"]);
  expect(response.field("connection")).toBe("close");
  await client.close();
  await started().origin.idle();
});
