// QUERY: a safe method whose content is in its cache key (draft-ietf-httpbis-safe-method-w-body
// section 2.7), over sockets: what is one query, what is forwarded, and what ends a stored answer.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { QUERY_BYTES_MAX } from "../../src/gateway/query-content.ts";
import { shiftedClock } from "../support/gateway.ts";
import { gatewayPair } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { answer, pattern, valuesOf } from "../support/origin-scripts.ts";
import { ask, get, RawClient, type RawResponse, requestText } from "../support/raw-client.ts";

const pair = gatewayPair();
let clock: ReturnType<typeof shiftedClock>;
let contents: Buffer[] = [];

beforeEach(() => {
  clock = shiftedClock();
  contents = [];
});
afterEach(() => clock.restore());

const FRESH = ["Cache-Control: max-age=60", 'ETag: "1"'];

/** Numbers its answers, and keeps what it was sent. */
function numbering(...lines: string[]): OriginScript {
  let count = 0;
  return async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      contents.push(Buffer.from(await connection.readContent(head)));
      if (lines.includes('ETag: "1"') && /if-none-match: "1"/i.test(head)) {
        await connection.send(`HTTP/1.1 304 x\r\n${lines.join("\r\n")}\r\n\r\n`);
      } else await connection.send(answer(`answer ${++count}`, ...lines));
    }
  };
}

function query(
  port: number,
  path: string,
  content: string | Buffer,
  ...lines: string[]
): Promise<RawResponse> {
  const bytes = Buffer.from(content);
  const typed = lines.some((line) => line.startsWith("Content-Type")) ? [] : ["Content-Type: a/b"];
  const all = [...typed, ...lines, `Content-Length: ${bytes.length}`];
  return ask(port, Buffer.concat([Buffer.from(requestText("QUERY", path, all)), bytes]));
}

function said(response: RawResponse): string {
  const status = response.field("cache-status") ?? "";
  return `${response.text}, ${/^edgelane; ((?:hit|fwd)[^;]*)/.exec(status)?.[1]}`;
}

describe("what is one query", () => {
  test.each<[string, [path: string, content: string, ...lines: string[]], boolean]>([
    ["the same content", ["/q", "select 1"], true],
    ["other content of that length", ["/q", "select 2"], false],
    ["more content", ["/q", "select 1 "], false],
    ["no content", ["/q", ""], false],
    ["another type", ["/q", "select 1", "Content-Type: a/c"], false],
    ["a coding", ["/q", "select 1", "Content-Encoding: gzip"], false],
    ["another target", ["/q?a", "select 1"], false],
  ])("%s", async (_name, again, isSame) => {
    const port = await pair.serve(numbering(...FRESH));
    expect(said(await query(port, "/q", "select 1"))).toBe("answer 1, fwd=uri-miss");
    const expected = isSame ? "answer 1, hit" : "answer 2, fwd=uri-miss";
    expect(said(await query(port, ...again))).toBe(expected);
    expect(said(await query(port, "/q", "select 1"))).toBe("answer 1, hit");
  });

  test("GET and HEAD are others, in both directions", async () => {
    const port = await pair.serve(numbering(...FRESH));
    expect(said(await query(port, "/q", ""))).toBe("answer 1, fwd=uri-miss");
    expect(said(await get(port, "/q"))).toBe("answer 2, fwd=uri-miss");
    expect(said(await query(port, "/q", ""))).toBe("answer 1, hit");
    expect(said(await get(port, "/q"))).toBe("answer 2, hit");
    expect(said(await query(port, "/new", "x"))).toBe("answer 3, fwd=uri-miss");
    const head = await ask(port, requestText("HEAD", "/new"));
    expect(head.field("cache-status")).toContain("fwd=uri-miss");
  });

  test("chunks do not matter, their bytes do", async () => {
    const port = await pair.serve(numbering(...FRESH));
    await query(port, "/q", "select 1");
    const head = requestText("QUERY", "/q", ["Content-Type: a/b", "Transfer-Encoding: chunked"]);
    const chunked = await ask(port, `${head}3\r\nsel\r\n5\r\nect 1\r\n0\r\n\r\n`);
    expect(said(chunked)).toBe("answer 1, hit");
  });

  test("Vary selects among the answers to one query", async () => {
    const port = await pair.serve(numbering("Cache-Control: max-age=60", "Vary: Foo"));
    expect(said(await query(port, "/q", "x", "Foo: 1"))).toBe("answer 1, fwd=uri-miss");
    expect(said(await query(port, "/q", "x", "Foo: 2"))).toBe("answer 2, fwd=vary-miss");
    expect(said(await query(port, "/q", "x", "Foo: 1"))).toBe("answer 1, hit");
  });
});

describe("what is forwarded", () => {
  test("the content, byte by byte, with its length", async () => {
    const port = await pair.serve(numbering(...FRESH));
    const content = pattern(QUERY_BYTES_MAX);
    await query(port, "/q", content);
    expect(contents[0]?.equals(content)).toBe(true);
    const [head = ""] = pair.origin.heads;
    expect(valuesOf(head, "content-length")).toEqual([String(QUERY_BYTES_MAX)]);
    expect(valuesOf(head, "content-type")).toEqual(["a/b"]);
    expect(said(await query(port, "/q", content))).toBe("answer 1, hit");
  });

  test.each([
    ["declared", true],
    ["in chunks", false],
  ])("more than is in a key, %s: all of it, and nothing is stored", async (_name, isDeclared) => {
    const port = await pair.serve(numbering(...FRESH));
    const content = pattern(4 * QUERY_BYTES_MAX + 1);
    for (let count = 1; count <= 2; count++) {
      const framing = isDeclared
        ? `Content-Length: ${content.length}`
        : "Transfer-Encoding: chunked";
      const head = Buffer.from(requestText("QUERY", "/q", ["Content-Type: a/b", framing]));
      const size = Buffer.from(`${content.length.toString(16)}\r\n`);
      const end = Buffer.from("\r\n0\r\n\r\n");
      const sent = isDeclared ? [head, content] : [head, size, content, end];
      expect(said(await ask(port, Buffer.concat(sent)))).toBe(`answer ${count}, fwd=request`);
      expect(contents[count - 1]?.equals(content)).toBe(true);
    }
  });

  test("with trailers: as it is, and nothing is stored", async () => {
    const port = await pair.serve(numbering(...FRESH));
    for (let count = 1; count <= 2; count++) {
      const head = requestText("QUERY", "/q", ["Transfer-Encoding: chunked", "Trailer: X-Sum"]);
      const response = await ask(port, `${head}3\r\nsel\r\n0\r\nX-Sum: ${count}\r\n\r\n`);
      expect(said(response)).toBe(`answer ${count}, fwd=request`);
    }
    expect(contents.map(String)).toEqual(["sel", "sel"]);
  });

  test("again when the connection was lost, as any idempotent request", async () => {
    const serve = numbering(...FRESH);
    let connections = 0;
    const port = await pair.serve(async (connection) => {
      if (++connections > 1) return await serve(connection);
      await connection.readHead();
      await connection.send(answer("first"));
      await connection.readContent(await connection.readHead());
      connection.reset();
    });
    expect(said(await get(port, "/"))).toBe("first, fwd=uri-miss");
    expect(said(await query(port, "/q", "select 1"))).toBe("answer 1, fwd=uri-miss");
    expect([contents.map(String), connections]).toEqual([["select 1"], 2]);
  });

  test("a client that breaks its content off asks nobody", async () => {
    const port = await pair.serve(numbering(...FRESH));
    const client = await RawClient.connect(port);
    await client.send(`${requestText("QUERY", "/q", ["Content-Length: 9"])}sel`);
    await client.close();
    expect(said(await query(port, "/q", "select 1"))).toBe("answer 1, fwd=uri-miss");
    expect(pair.origin.heads).toHaveLength(1);
  });
});

test("many that ask the same wait for one answer", async () => {
  const port = await pair.serve(numbering(...FRESH));
  const all = await Promise.all(
    Array.from({ length: 40 }, (_, index) => query(port, "/q", `select ${index % 2}`)),
  );
  expect(pair.origin.heads).toHaveLength(2);
  for (const [index, response] of all.entries()) expect(response.text).toBe(all[index % 2]?.text);
});

describe("what becomes of a stored answer", () => {
  test("it is validated when it is stale, with the same content", async () => {
    const port = await pair.serve(numbering(...FRESH));
    await query(port, "/q", "select 1");
    clock.advance(61_000);
    expect(said(await query(port, "/q", "select 1"))).toBe("answer 1, fwd=stale");
    expect(contents.map(String)).toEqual(["select 1", "select 1"]);
    expect(said(await query(port, "/q", "select 1"))).toBe("answer 1, hit");
  });

  test("it is used while it is validated", async () => {
    const swr = "Cache-Control: max-age=1, stale-while-revalidate=60";
    const port = await pair.serve(numbering(swr));
    await query(port, "/q", "select 1");
    clock.advance(2000);
    expect((await query(port, "/q", "select 1")).text).toBe("answer 1");
    await expect.poll(async () => (await query(port, "/q", "select 1")).text).toBe("answer 2");
    expect(String(contents[1])).toBe("select 1");
  });

  test("it answers a condition of its own", async () => {
    const port = await pair.serve(numbering(...FRESH));
    await query(port, "/q", "select 1");
    const response = await query(port, "/q", "select 1", 'If-None-Match: "1"');
    expect([response.status, pair.origin.heads.length]).toEqual([304, 1]);
  });

  test.each<[string, (port: number) => Promise<unknown>, number]>([
    ["an unsafe request", (port) => ask(port, requestText("PUT", "/q", ["Content-Length: 0"])), 1],
    [
      "a purge of the URI",
      () => pair.gateway.admin("POST", "/purge", { url: "http://a.test/q" }),
      0,
    ],
    [
      "a purge of a prefix",
      () => pair.gateway.admin("POST", "/purge", { prefix: "http://a.test/" }),
      0,
    ],
    ["a purge of a tag", () => pair.gateway.admin("POST", "/purge", { tag: "t" }), 0],
    [
      "a soft purge",
      () => pair.gateway.admin("POST", "/purge", { url: "http://a.test/q", soft: true }),
      0,
    ],
  ])("%s ends it, whatever was asked", async (_name, end, others) => {
    const port = await pair.serve(
      numbering("Cache-Control: max-age=60", "Cache-Tag: t", 'ETag: "2"'),
    );
    await query(port, "/q", "select 1");
    await query(port, "/q", "select 2");
    await end(port);
    await query(port, "/q", "select 1");
    await query(port, "/q", "select 2");
    expect(pair.origin.heads).toHaveLength(4 + others);
  });

  test("the tags that clients see are the origin's own affair", async () => {
    const port = await pair.serve(numbering("Cache-Control: max-age=60"));
    await query(port, "/q", "select 1");
    const { head } = await query(port, "/q", "select 1");
    expect(head).not.toMatch(/cache-tag|surrogate-key/i);
  });
});
