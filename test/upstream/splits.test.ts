// A response is the same however the network cuts it: each of these is sent in two pieces, cut at
// every offset, over both ways to ask an origin.

import { expect, test } from "vitest";
import { startOrigin } from "../support/origin.ts";
import { clusterOf, exchange, requestOf } from "./recorder.ts";

const RESPONSES: [name: string, bytes: string][] = [
  [
    "an interim response and Content-Length",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
      "HTTP/1.1 200 OK\r\nX-A: b\r\nSet-Cookie: c=d\r\nset-cookie: e=f\r\nContent-Length: 5\r\n\r\nhello",
  ],
  [
    "chunked with an extension and trailers",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
      "3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n",
  ],
];

const WAYS: [way: string, parts: { expectsContinue: boolean }][] = [
  ["pooled", { expectsContinue: false }],
  ["connection of its own", { expectsContinue: true }],
];

const rows = WAYS.flatMap(([way, parts]) =>
  RESPONSES.map(([name, bytes]) => [way, name, parts, bytes] as const),
);

test.each(rows)("RFC 9112 2.2 %s: %s", async (_way, _name, parts, bytes) => {
  let cut = 0;
  const origin = await startOrigin(async (connection) => {
    for (;;) {
      await connection.readHead();
      await connection.send(bytes.slice(0, cut));
      // The kernel has the first piece; one turn later the other side has read it.
      await new Promise((resolve) => setImmediate(resolve));
      await connection.send(bytes.slice(cut));
    }
  });
  const cluster = clusterOf(origin.url);
  const whole = await exchange(cluster, requestOf("GET", "/", parts));
  expect([whole.error, whole.content, whole.head?.status]).toEqual([null, "hello", 200]);
  for (cut = 1; cut < bytes.length; cut += 1) {
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect([cut, got.error, got.content]).toEqual([cut, null, "hello"]);
    expect([got.interims, got.head, got.trailers]).toEqual([
      whole.interims,
      whole.head,
      whole.trailers,
    ]);
  }
  await cluster.close();
  await origin.close();
});
