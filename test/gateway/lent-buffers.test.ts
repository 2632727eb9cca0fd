// Large responses on a route without a cache go to the client's socket from the buffer that the
// origin's was read into: it is read into again only when the socket has taken everything.

import { afterEach, expect, test, vi } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { RawClient, requestText } from "../support/raw-client.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;

afterEach(async () => {
  await origin?.close();
  await gateway?.close();
});

/** Every 8 bytes differ, and those of one path from those of another. */
function contentOf(path: string, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  const mark = path.charCodeAt(1);
  for (let at = 0; at + 8 <= bytes; at += 8) content.writeDoubleLE(mark * 2 ** 32 + at, at);
  return content;
}

test.each([
  ["length", 65_536],
  ["length", 8 * 1024 * 1024],
  ["close", 8 * 1024 * 1024],
])("content by %s, %i bytes, arrives as it was sent, to clients that wait", async (by, bytes) => {
  origin = await startOrigin(async (connection) => {
    const head = await connection.readHead();
    const path = head.split(" ")[1] ?? "";
    const line = by === "length" ? `Content-Length: ${bytes}\r\n` : "";
    await connection.send(`HTTP/1.1 200 OK\r\n${line}Connection: close\r\n\r\n`);
    await connection.send(contentOf(path, bytes));
    connection.end();
  });
  gateway = await startGateway({
    upstreams: { app: origin.url },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  const paths = ["/a", "/b", "/c", "/d"];
  const clients: RawClient[] = [];
  for (const path of paths) {
    const client = await RawClient.connect(gateway.port);
    client.socket.pause();
    await client.send(requestText("GET", path));
    clients.push(client);
  }
  for (const [index, client] of clients.entries()) {
    client.socket.resume();
    const response = await client.response();
    expect(response.content.equals(contentOf(paths[index] ?? "", bytes))).toBe(true);
    client.socket.destroy();
  }
});

test("a client that is behind makes the gateway read into the same few buffers", async () => {
  const bytes = 48 * 1024 * 1024;
  origin = await startOrigin(async (connection) => {
    for (let turn = 0; turn < 2; turn++) {
      const path = (await connection.readHead()).split(" ")[1] ?? "";
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
      await connection.send(contentOf(path, bytes));
    }
  });
  gateway = await startGateway({
    upstreams: { app: { targets: [origin.url], pool: { connections: 1 } } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  const allocations = vi.spyOn(Buffer, "allocUnsafeSlow");
  for (const path of ["/a", "/b"]) {
    const client = await RawClient.connect(gateway.port);
    // Takes what the kernel has for it and is away until everybody else has had a turn.
    client.socket.on("data", () => {
      client.socket.pause();
      setImmediate(() => setImmediate(() => client.socket.resume()));
    });
    await client.send(requestText("GET", path));
    const response = await client.response();
    expect(response.content.equals(contentOf(path, bytes))).toBe(true);
    client.socket.destroy();
  }
  const readBuffers = allocations.mock.calls.filter(([size]) => size > 131_072);
  allocations.mockRestore();
  expect(origin.accepted).toBe(1);
  // 800 reads at least; the two sides' first few, and those that the first client kept.
  expect(readBuffers.length).toBeLessThan(24);
});

/** Around what there is room for before content: no head, or one that is too long to go there. */
const FIELD_BYTES = [1, 300, 700, 900, 1100, 4000];

test("a head goes before its content wherever that lies, and touches nothing else", async () => {
  const sizes = [1, 700, 1024, 5000, 16_383, 16_384, 65_536];
  origin = await startOrigin(async (connection) => {
    for (;;) {
      const [, path = ""] = (await connection.readHead()).split(" ");
      const [, mark = "", field = 0, bytes = 0] = path.split("/");
      const fieldValue = mark.repeat(Number(field));
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\nX-Mark: ${fieldValue}\r\n\r\n`;
      await connection.send(Buffer.concat([Buffer.from(head), marked(mark, Number(bytes))]));
    }
  });
  gateway = await startGateway({
    upstreams: { app: origin.url },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  const { port } = gateway;
  // Side by side, so that copies lie beside each other in the memory that Node shares out.
  const askAll = async (mark: string): Promise<void> => {
    const client = await RawClient.connect(port);
    for (const field of FIELD_BYTES) {
      for (const bytes of sizes) {
        await client.send(requestText("GET", `/${mark}/${field}/${bytes}`));
        const response = await client.response();
        expect(response.field("x-mark")).toBe(mark.repeat(field));
        expect(response.content.equals(marked(mark, bytes))).toBe(true);
      }
    }
    client.socket.destroy();
  };
  await Promise.all(["a", "b", "c", "d", "e"].map((mark) => askAll(mark)));
});

function marked(mark: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, mark);
}
