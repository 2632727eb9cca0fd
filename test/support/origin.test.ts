// The test origin itself: what scripts read, send and break is what a plain socket on the other
// side sees.

import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { answering, startOrigin } from "./origin.ts";
import { within } from "./within.ts";

test("answers each request with the next response and counts connections", async () => {
  const origin = await startOrigin(
    answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 204 No Content\r\n\r\n"),
  );
  const socket = connect(origin.port, "127.0.0.1");
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
  });
  socket.write("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  while (!received.includes("204")) await within(once(socket, "data"), 1000, "the responses");
  expect(received).toBe(
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 204 No Content\r\n\r\n",
  );
  expect(origin.heads).toHaveLength(2);
  expect([origin.accepted, origin.open]).toEqual([1, 1]);
  socket.end();
  await origin.idle();
  await origin.close();
});

test("reads chunked content with trailers and resets", async () => {
  let content = "";
  let trailers = "";
  const origin = await startOrigin(async (connection) => {
    await connection.readHead();
    const message = await connection.readChunked();
    content = message.content.toString("latin1");
    trailers = message.trailers;
    connection.reset();
  });
  const socket = connect(origin.port, "127.0.0.1");
  socket.write(
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n",
  );
  const [error] = await within(once(socket, "error"), 1000, "the reset");
  expect((error as NodeJS.ErrnoException).code).toBe("ECONNRESET");
  expect([content, trailers]).toEqual(["abc", "T: v\r\n"]);
  await origin.close();
});
