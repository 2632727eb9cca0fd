// How connections persist and how pipelined requests are answered (RFC 9112 section 9.3), to
// HTTP/1.1 and HTTP/1.0 clients.

import { afterEach, describe, expect, test } from "vitest";
import { ENGINES } from "../core/engines.ts";
import { fieldOf } from "../support/response-reader.ts";
import { type Answer, answerPath, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire, type WireOptions } from "../support/wire-listener.ts";

const GET = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";

describe.each(ENGINES)("RFC 9112 9.3 persistence, %s", (engine) => {
  let wire: TestWire;
  afterEach(() => wire.close());

  async function start(answer: Answer, limits: WireOptions["limits"] = {}): Promise<void> {
    wire = await startWire({ engine, answer, limits });
  }

  test("HTTP/1.1 persists without being asked", async () => {
    await start(answerPath);
    const client = await wire.sent(GET);
    await client.complete(1);
    await client.send("GET /2 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    const responses = await client.complete(2);
    expect(responses.map((response) => fieldOf(response, "connection"))).toEqual([
      undefined,
      undefined,
    ]);
    expect(responses.map((response) => response.content.toString())).toEqual([
      "GET /1 0",
      "GET /2 0",
    ]);
    expect(client.ending).toBe("open");
  });

  test.each([
    ["close", "HTTP/1.1", "Connection: close\r\n"],
    ["close in another case, among other options", "HTTP/1.1", "Connection: te, CLOSE\r\n"],
    ["close and keep-alive", "HTTP/1.1", "Connection: keep-alive, close\r\n"],
    ["close on a second line", "HTTP/1.1", "Connection: x\r\nConnection: close\r\n"],
    ["HTTP/1.0", "HTTP/1.0", ""],
    ["HTTP/1.0 with other options", "HTTP/1.0", "Connection: te\r\n"],
  ])("%s ends the connection, and what follows is not answered", async (_title, version, field) => {
    await start(answerPath);
    const client = await wire.sent(`GET /1 ${version}\r\nHost: a\r\n${field}\r\n${GET}`);
    const responses = await client.all();
    expect(responses).toHaveLength(1);
    expect(responses[0]?.content.toString()).toBe("GET /1 0");
    expect(responses[0] && fieldOf(responses[0], "connection")).toBe("close");
    expect(client.ending).toBe("closed");
  });

  test("RFC 9110 9.3.6 what follows CONNECT may be for the tunnel: no answer", async () => {
    await start(answerPath);
    const client = await wire.sent(`CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n${GET}`);
    const responses = await client.all();
    expect(responses).toHaveLength(1);
    expect(responses[0] && fieldOf(responses[0], "connection")).toBe("close");
    expect(client.ending).toBe("closed");
  });

  test("HTTP/1.0 persists when asked, and is told so", async () => {
    await start(answerPath);
    const request = "GET /1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
    const client = await wire.sent(request + request);
    const responses = await client.complete(2);
    for (const response of responses) {
      expect(fieldOf(response, "connection")).toBe("keep-alive");
      expect(response.framing).toBe("length");
    }
    expect(client.ending).toBe("open");
  });

  test("HTTP/1.0 gets content of unknown length up to the end of the connection", async () => {
    await start((exchange) => {
      exchange.respond({ status: 200, reason: "", fields: [] }, -1);
      exchange.write(Buffer.from("one"));
      exchange.write(Buffer.from("two"));
      exchange.end(["X-Trailer", "none"]);
    });
    const client = await wire.sent("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const [response] = await client.all();
    expect(response).toMatchObject({ framing: "close", complete: true });
    expect(response?.content.toString()).toBe("onetwo");
    expect(response && fieldOf(response, "connection")).toBe("close");
    expect(client.ending).toBe("closed");
  });

  test("1,000 pipelined requests are answered in order", async () => {
    await start(answerPath);
    const paths = Array.from({ length: 1000 }, (_, index) => `/${index}`);
    const client = await wire.sent(
      paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""),
    );
    const responses = await client.complete(1000);
    expect(responses.map((response) => response.content.toString())).toEqual(
      paths.map((path) => `GET ${path} 0`),
    );
  });

  test("pipelined requests with content, answered late, are answered in order", async () => {
    await start((exchange) => setImmediate(() => answerPath(exchange)));
    const requests: string[] = [];
    const answers: string[] = [];
    for (let index = 0; index < 400; index++) {
      const content = "x".repeat(index);
      const head = `POST /${index} HTTP/1.1\r\nHost: a\r\n`;
      if (index % 4 === 0) requests.push(`GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`);
      else if (index % 4 === 1) requests.push(`${head}Content-Length: ${index}\r\n\r\n${content}`);
      // RFC 9112 section 2.2: an empty line that an old client sends behind its content.
      else if (index % 4 === 2) requests.push(`${head}Content-Length: 1\r\n\r\nx\r\n`);
      else requests.push(`${head}Transfer-Encoding: chunked\r\n\r\n${chunked(content)}`);
      const length = [0, index, 1, index][index % 4];
      answers.push(`${index % 4 === 0 ? "GET" : "POST"} /${index} ${length}`);
    }
    const client = await wire.sent(requests.join(""));
    const responses = await client.complete(400);
    expect(responses.map((response) => response.content.toString())).toEqual(answers);
  });

  test("a pipelined request is not begun before the response before it has ended", async () => {
    await start(() => {});
    const client = await wire.sent(GET + GET);
    await wire.delivered(client);
    expect(wire.handler.exchanges).toHaveLength(1);
    for (const exchange of wire.handler.exchanges) respond(exchange, "x");
    await client.complete(2);
    expect(wire.handler.exchanges).toHaveLength(2);
  });

  test("what waits for its turn is not touched by what others send", async () => {
    await start(() => {});
    const waiting = "GET /waits HTTP/1.1\r\nHost: a\r\n\r\n";
    const client = await wire.sent(GET + waiting);
    await wire.delivered(client);
    // One buffer takes the reads of all connections; without it there is nothing to test.
    expect((await wire.socketOf(client)).listenerCount("data")).toBe(0);
    const other = await wire.sent(`GET /${"o".repeat(500)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await wire.delivered(other);
    wire.handler.answer = answerPath;
    for (const exchange of wire.handler.exchanges) respond(exchange, "x");
    const responses = await client.complete(2);
    expect(responses[1]?.content.toString()).toBe("GET /waits 0");
  });

  test("content that waits for its reader is not touched by what others send", async () => {
    await start(() => {});
    const post = (letter: string): string =>
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${letter.repeat(1000)}`;
    for (const letter of ["a", "b"]) await wire.delivered(await wire.sent(post(letter)));
    const [first] = wire.handler.exchanges;
    const pieces: Buffer[] = (await first?.body?.toArray()) ?? [];
    expect(Buffer.concat(pieces).toString()).toBe("a".repeat(1000));
    for (const exchange of wire.handler.exchanges) respond(exchange, "x");
  });

  test("the last request that a connection may send is answered with close", async () => {
    await start(answerPath, { requestsPerConnectionMax: 3 });
    const client = await wire.sent(GET.repeat(5));
    const responses = await client.all();
    expect(responses.map((response) => fieldOf(response, "connection"))).toEqual([
      undefined,
      undefined,
      "close",
    ]);
    expect(client.ending).toBe("closed");
  });
});

function chunked(content: string): string {
  const half = content.length >> 1;
  const parts = [content.slice(0, half), content.slice(half)].filter((part) => part !== "");
  const chunks = parts.map((part) => `${part.length.toString(16)};x="y"\r\n${part}\r\n`);
  return `${chunks.join("")}0\r\nX-Trailer: z\r\n\r\n`;
}
