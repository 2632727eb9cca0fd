// What a hop takes away and what it leaves alone: hop-by-hop fields, Via, Host, loops, and that
// everything else arrives as it was sent (RFC 9110 section 7), over real sockets.

import { describe, expect, test } from "vitest";
import { gzipSync } from "node:zlib";
import { gatewayPair, type PairConfig } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { answer, byPath, echo, pattern, linesOf, valuesOf } from "../support/origin-scripts.ts";
import { ask, get, RawClient, requestText, type RawResponse } from "../support/raw-client.ts";

const pair = gatewayPair();

async function serve(setup: PairConfig & { script?: OriginScript } = {}): Promise<number> {
  const { script = echo, ...config } = setup;
  return pair.serve(script, config);
}

async function received(...lines: string[]): Promise<string> {
  await get(pair.gateway.port, "/", ...lines);
  return pair.origin.heads.at(-1) ?? "";
}

describe("hop-by-hop fields of a request (RFC 9110 7.6.1)", () => {
  test("end here, those that Connection names too", async () => {
    await serve();
    const head = await received(
      "Connection: keep-alive, X-Hop , x-other",
      "Keep-Alive: timeout=5",
      "Proxy-Connection: keep-alive",
      "Proxy-Authorization: Basic eDp5",
      "TE: gzip",
      "Trailer: X-T",
      "X-Hop: 1",
      "X-Other: 2",
      "X-End: 3",
      "HTTP2-Settings: AAMAAABk",
    );
    const names = linesOf(head).map(([name]) => name.toLowerCase());
    for (const name of ["keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer"]) {
      expect(names).not.toContain(name);
    }
    expect(names).not.toContain("x-hop");
    expect(names).not.toContain("x-other");
    expect(names).not.toContain("http2-settings");
    expect(valuesOf(head, "x-end")).toEqual(["3"]);
    expect(valuesOf(head, "connection").join()).not.toMatch(/x-hop|x-other/i);
  });

  test("Upgrade ends here: a tunnel is not on offer", async () => {
    await serve();
    const head = await received("Connection: Upgrade", "Upgrade: websocket");
    expect(valuesOf(head, "upgrade")).toEqual([]);
  });

  test.each([
    ["ours", "X-Forwarded-For, Via, Forwarded, X-Forwarded-Proto, X-Request-Id"],
    ["what caches need", "Cache-Control, Authorization, Cookie, Host, Range, If-None-Match"],
  ])("Connection cannot strip %s", async (_name, nominated) => {
    await serve();
    const sent = ["Authorization: a", "Cookie: c=1", "Cache-Control: no-cache", "Range: bytes=0-"];
    const head = await received(`Connection: ${nominated}`, 'If-None-Match: "x"', ...sent);
    for (const name of nominated.toLowerCase().split(", ")) {
      expect(valuesOf(head, name), name).toHaveLength(1);
    }
  });

  test("TE: trailers is said by us when the client says it", async () => {
    await serve();
    const head = await received("TE: trailers", "Connection: TE");
    // RFC 9110 section 10.1.4: who sends TE names it in Connection.
    expect([valuesOf(head, "te"), valuesOf(head, "connection")]).toEqual([["trailers"], ["TE"]]);
    expect(valuesOf(await received(), "te")).toEqual([]);
  });
});

describe("hop-by-hop fields of a response", () => {
  const LINES = [
    "Connection: keep-alive, X-Hop, Set-Cookie, Cache-Control",
    "Keep-Alive: timeout=5",
    "Proxy-Authenticate: Basic realm=x",
    "X-Hop: 1",
    "Upgrade: h2c",
    "Set-Cookie: a=1",
    "Cache-Control: no-store",
    "X-End: 2",
  ];

  test("end here, and what everybody needs stays", async () => {
    const port = await serve({ script: byPath({ "/": answer("hi", ...LINES) }) });
    const response = await get(port, "/");
    for (const name of ["keep-alive", "proxy-authenticate", "x-hop", "upgrade", "connection"]) {
      expect(response.field(name), name).toBeUndefined();
    }
    expect(response.field("set-cookie")).toBe("a=1");
    expect(response.field("cache-control")).toBe("no-store");
    expect(response.field("x-end")).toBe("2");
  });
});

describe("what goes through untouched", () => {
  test("order, case, repetition and obs-text of request fields", async () => {
    await serve();
    const sent = [
      "x-lower: 1",
      "X-UPPER: 2",
      "X-Rep: a",
      "X-Other: \xe4\xff",
      "X-Rep: b",
      "x-rep: c",
    ];
    const lines = linesOf(await received(...sent)).map(([name, value]) => `${name}: ${value}`);
    expect(lines.filter((line) => /^x-(?:lower|upper|rep|other)/i.test(line))).toEqual(sent);
  });

  test("order, case, repetition and obs-text of response fields", async () => {
    const sent = ["x-lower: 1", "X-UPPER: 2", "X-Rep: a", "X-Other: \xe4\xff", "X-Rep: b"];
    const script = byPath({ "/": answer("", ...sent, "Cache-Control: no-store") });
    const port = await serve({ script });
    const { head } = await get(port, "/");
    const lines = head.split("\r\n").filter((line) => /^x-(?:lower|upper|rep|other)/i.test(line));
    expect(lines).toEqual(sent);
  });

  test.each(["miss", "hit"])("Set-Cookie lines stay apart: %s", async (kind) => {
    const cookies = ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2", "c=3"];
    const lines = cookies.map((cookie) => `Set-Cookie: ${cookie}`);
    const port = await serve({
      script: byPath({ "/": answer("", "Cache-Control: max-age=60", ...lines) }),
    });
    if (kind === "hit") await get(port, "/");
    const response = await get(port, "/");
    expect(response.field("cache-status")).toContain(kind === "hit" ? "; hit" : "; stored");
    expect(response.fields("set-cookie")).toEqual(cookies);
  });

  test("a reason phrase", async () => {
    const port = await serve({
      script: byPath({ "/": "HTTP/1.1 200 Na gut\r\nContent-Length: 0\r\n\r\n" }),
    });
    expect((await get(port, "/")).reason).toBe("Na gut");
  });

  test("coded content, whatever the client accepts", async () => {
    const coded = gzipSync("hello ".repeat(1000));
    const lines = ["Content-Encoding: gzip", "Cache-Control: max-age=60"];
    const port = await serve({ script: byPath({ "/": answer(coded, ...lines) }) });
    for (let turn = 0; turn < 2; turn++) {
      const response = await get(port, "/", "Accept-Encoding: identity");
      expect(response.field("content-encoding")).toBe("gzip");
      expect(response.content.equals(coded)).toBe(true);
    }
    expect(valuesOf(pair.origin.heads[0] ?? "", "accept-encoding")).toEqual(["identity"]);
  });

  test("content of a request, by length and in chunks", async () => {
    const port = await serve();
    const content = pattern(100_000);
    const head = requestText("POST", "/", [`Content-Length: ${content.length}`]);
    const byLength = await ask(port, Buffer.concat([Buffer.from(head), content]));
    expect(byLength.content.subarray(-content.length).equals(content)).toBe(true);
    expect(valuesOf(pair.origin.heads[0] ?? "", "content-length")).toEqual(["100000"]);
    const client = await RawClient.connect(port);
    void client.send(requestText("POST", "/", ["Transfer-Encoding: chunked"]));
    let at = 0;
    for (const size of ["1", "9fff", "3", "e69c"]) {
      const end = at + Number.parseInt(size, 16);
      const piece = content.subarray(at, end);
      void client.send(Buffer.concat([Buffer.from(`${size}\r\n`), piece, Buffer.from("\r\n")]));
      at = end;
      await pair.origin.headsAtLeast(2);
    }
    void client.send("0\r\n\r\n");
    const inChunks = await client.response();
    await client.close();
    expect(inChunks.content.subarray(-at).equals(content.subarray(0, at))).toBe(true);
    const headInChunks = pair.origin.heads[1] ?? "";
    expect(valuesOf(headInChunks, "transfer-encoding")).toEqual(["chunked"]);
    expect(valuesOf(headInChunks, "content-length")).toEqual([]);
  });

  test("trailers of the origin, to a client that takes them", async () => {
    const chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
      "2\r\nhi\r\n0\r\nX-Sum: 42\r\n\r\n";
    const port = await serve({ script: byPath({ "/": chunked }) });
    const willing = await get(port, "/", "TE: trailers", "Connection: TE");
    expect([willing.text, willing.trailers]).toEqual(["hi", "X-Sum: 42\r\n"]);
    const other = await get(port, "/");
    expect([other.text, other.trailers]).toEqual(["hi", ""]);
  });

  test("interim responses (RFC 9110 15.2)", async () => {
    const port = await serve({
      script: async (connection) => {
        await connection.readHead();
        await connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
        await connection.send(answer("hi"));
      },
    });
    const response = await get(port, "/");
    expect(response.interim).toEqual([
      "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
    ]);
    expect(response.text).toBe("hi");
  });
});

describe("Via (RFC 9110 7.6.3)", () => {
  test("is added to request and response, behind those before us", async () => {
    const port = await serve({ script: byPath({ "/": answer("", "Via: 1.1 inner") }) });
    const response = await get(port, "/", "Via: 1.0 first, 1.1 second");
    const [sent = ""] = valuesOf(pair.origin.heads[0] ?? "", "via");
    expect(sent).toMatch(/^1\.0 first, 1\.1 second, 1\.1 edgelane-[0-9a-f]{8}$/);
    expect(response.field("via")).toMatch(/^1\.1 inner, 1\.1 edgelane-[0-9a-f]{8}$/);
  });

  test("names the version that was received", async () => {
    const port = await serve();
    await ask(port, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    expect(valuesOf(pair.origin.heads[0] ?? "", "via")[0]).toMatch(/^1\.0 edgelane-/);
  });

  test("a gateway in front of itself answers 508 and asks nobody twice", async () => {
    // The port is known only once the gateway listens: a relay in between is what points back.
    let port = 0;
    let relayed = 0;
    const script: OriginScript = async (connection) => {
      const head = await connection.readHead();
      relayed++;
      const back = await ask(port, head);
      await connection.send(`${back.head}${back.text}`);
      connection.end();
    };
    port = await serve({ script });
    const response = await get(port, "/");
    expect(response.status).toBe(508);
    expect(response.field("proxy-status")).toContain("error=proxy_loop_detected");
    expect(relayed).toBe(1);
    const reason = { reason: "loop_detected" };
    expect(await pair.gateway.metric("gateway_failures_total", reason)).toBe(1);
  });

  test("another edgelane is no loop", async () => {
    const port = await serve();
    expect((await get(port, "/", "Via: 1.1 edgelane-00000000")).status).toBe(200);
  });
});

describe("Max-Forwards (RFC 9110 7.6.2)", () => {
  test("OPTIONS with 0 is answered here and reaches no origin", async () => {
    await serve();
    const bytes = requestText("OPTIONS", "/x", ["Max-Forwards: 0"]);
    const response = await ask(pair.gateway.port, bytes);
    expect(response.status).toBe(204);
    expect(valuesOf(response.head, "allow").join()).toContain("OPTIONS");
    expect(pair.origin.heads).toEqual([]);
  });

  test.each([
    ["OPTIONS", "7", ["6"]],
    ["OPTIONS", "1", ["0"]],
    ["OPTIONS", "x", ["x"]],
    ["GET", "0", ["0"]],
  ])("%s with %s goes on with %j", async (method, value, expected) => {
    await serve();
    await ask(pair.gateway.port, requestText(method, "/", [`Max-Forwards: ${value}`]));
    expect(valuesOf(pair.origin.heads.at(-1) ?? "", "max-forwards")).toEqual(expected);
  });
});

describe("Host", () => {
  test.each([
    ["preserve", "a.test:81"],
    ["target", "TARGET"],
    ["internal.test", "internal.test"],
  ])("%s", async (host, expected) => {
    await serve({ upstream: { host } });
    const head = await received("Host: a.test:81");
    const wanted = expected === "TARGET" ? pair.origin.host : expected;
    expect(valuesOf(head, "host")).toEqual([wanted]);
    // First, as RFC 9112 section 3.2 recommends.
    expect(linesOf(head)[0]?.[0].toLowerCase()).toBe("host");
    expect(valuesOf(head, "x-forwarded-host")).toEqual(["a.test:81"]);
  });

  test("HTTP/1.0 without Host gets the target's", async () => {
    const port = await serve();
    await ask(port, "GET / HTTP/1.0\r\n\r\n");
    const head = pair.origin.heads[0] ?? "";
    expect(head).toMatch(/^GET \/ HTTP\/1\.1\r\n/);
    expect(valuesOf(head, "host")).toEqual([pair.origin.host]);
    expect(valuesOf(head, "x-forwarded-host")).toEqual([]);
  });
});

describe("the answer's own fields", () => {
  async function one(...lines: string[]): Promise<RawResponse> {
    const port = await serve({ script: byPath({ "/": answer("hi", ...lines) }) });
    return get(port, "/");
  }

  test("a Date where the origin has none, and only there (RFC 9110 6.6.1)", async () => {
    const date = "Tue, 15 Nov 1994 08:12:31 GMT";
    expect((await one("X: 1")).field("date")).toMatch(/^[A-Z][a-z]{2}, \d\d .* GMT$/);
    expect((await one(`Date: ${date}`)).fields("date")).toEqual([date]);
  });

  test("an X-Request-Id of ours, not the origin's", async () => {
    const response = await one("X-Request-Id: theirs");
    expect(response.fields("x-request-id")).toHaveLength(1);
    expect(response.field("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
  });

  test("Server-Timing where a route asks for it", async () => {
    const port = await serve({
      routes: [{ match: "/*", to: "app", timing: true }],
      script: byPath({ "/": answer("hi", "Cache-Control: max-age=60") }),
    });
    for (let turn = 0; turn < 2; turn++) {
      const response = await get(port, "/");
      expect(response.field("server-timing")).toMatch(/^edgelane;dur=\d+\.\d$/);
    }
  });
});

test("an HTTP/1.0 origin that delimits by close is chunked for the client", async () => {
  const port = await serve({
    script: async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
      connection.end();
    },
  });
  const client = await RawClient.connect(port);
  for (let turn = 0; turn < 2; turn++) {
    void client.send(requestText("GET", "/"));
    const response = await client.response();
    expect(response.text).toBe("until the end");
    expect(response.field("transfer-encoding")).toBe("chunked");
  }
  await client.close();
});
