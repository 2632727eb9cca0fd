// What the gateway reads out of good request heads: all forms of the request-target, versions and
// field lines (RFC 9112 sections 2 to 5, RFC 9110 section 5), on both engines.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RequestHead } from "../../src/http/message.ts";
import { ENGINES } from "../core/engines.ts";
import { answerPath } from "../support/wire-handler.ts";
import { startWire, type TestWire } from "../support/wire-listener.ts";

type Row = readonly [title: string, bytes: string, head: Partial<RequestHead>];

const ROWS: readonly Row[] = [
  [
    "3.2.1 origin form",
    "GET /a/b?c=d HTTP/1.1\r\nHost: a\r\n\r\n",
    { method: "GET", scheme: "http", authority: "a", path: "/a/b?c=d", version: "1.1" },
  ],
  [
    "3.2.1 origin form, bytes kept as sent",
    "GET //%2F/..a/b..;~!$&'()*+,=:@?/?%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    { path: "//%2F/..a/b..;~!$&'()*+,=:@?/?%zz" },
  ],
  [
    "3.2.2 absolute form that agrees with Host but for case and default port",
    "GET http://EXAMPLE.com:80/x?y HTTP/1.1\r\nHost: example.COM\r\n\r\n",
    { authority: "example.com", path: "/x?y" },
  ],
  [
    "3.2.2 absolute form without a path",
    "GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n",
    { authority: "a", path: "/" },
  ],
  [
    "3.2.2 absolute form with a query and no path",
    "GET http://a?x/y HTTP/1.1\r\nHost: a\r\n\r\n",
    { authority: "a", path: "/?x/y" },
  ],
  [
    "3.2.2 absolute form of https: what is asked for, whatever the connection is",
    "GET hTTps://a:443/x HTTP/1.1\r\nHost: a\r\n\r\n",
    { scheme: "https", authority: "a", path: "/x" },
  ],
  [
    "3.2.2 absolute form in HTTP/1.0 without Host",
    "GET http://a:81/x HTTP/1.0\r\n\r\n",
    { authority: "a:81", path: "/x", version: "1.0" },
  ],
  [
    "3.2.3 authority form",
    "CONNECT A:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    { method: "CONNECT", authority: "a:443", path: "" },
  ],
  [
    "3.2.4 asterisk form",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    { method: "OPTIONS", authority: "a", path: "*" },
  ],
  [
    "3.2.4 OPTIONS of an absolute form without a path is about the server",
    "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
    { method: "OPTIONS", authority: "a", path: "*" },
  ],
  [
    "3.2.4 but not with one, or with a query",
    "OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    { path: "/" },
  ],
  ["3.2.4 a query", "OPTIONS http://a?b HTTP/1.1\r\nHost: a\r\n\r\n", { path: "/?b" }],
  ["3.2 Host with the default port", "GET / HTTP/1.1\r\nHost: A:80\r\n\r\n", { authority: "a" }],
  ["3.2 Host with a port", "GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n", { authority: "a:8080" }],
  [
    "3.2 Host with an IPv6 address",
    "GET / HTTP/1.1\r\nHost: [2001:DB8::1]:8080\r\n\r\n",
    { authority: "[2001:db8::1]:8080" },
  ],
  ["3.2 no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", { authority: "", version: "1.0" }],
  ["2.2 an empty line before", "\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", { path: "/x" }],
  [
    "2.3, RFC 9110 2.5 a higher minor version",
    "GET / HTTP/1.9\r\nHost: a\r\n\r\n",
    { version: "1.1" },
  ],
  [
    "RFC 9110 9.1 a method of 32 letters",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.1\r\nHost: a\r\n\r\n",
    { method: "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345" },
  ],
  [
    "5.1 names keep their case, lines their order",
    "GET / HTTP/1.1\r\nx-B: 1\r\nHOST: a\r\nX-b: 2\r\n\r\n",
    { fields: ["x-B", "1", "HOST", "a", "X-b", "2"] },
  ],
  [
    "5.5 white space around values goes, within stays",
    "GET / HTTP/1.1\r\nHost:a\r\nX: \t b \t c \t \r\nY:\r\nZ: \t \r\n\r\n",
    { fields: ["Host", "a", "X", "b \t c", "Y", "", "Z", ""] },
  ],
  [
    "RFC 9110 5.5 obs-text in values",
    "GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\xc3\xa9\r\n\r\n",
    { fields: ["Host", "a", "X", "\x80\xff\xc3\xa9"] },
  ],
  [
    "RFC 9110 5.6.2 every letter of a token",
    "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n",
    { fields: ["Host", "a", "!#$%&'*+-.^_`|~09azAZ", "x"] },
  ],
];

describe.each(ENGINES)("RFC 9112 %s reads", (engine) => {
  let wire: TestWire;
  beforeAll(async () => {
    wire = await startWire({ engine, answer: answerPath });
  });
  afterAll(() => wire.close());

  test.each(ROWS)("%s", async (_title, bytes, head) => {
    for (const pieces of [[bytes], [...bytes]]) {
      const client = await wire.client();
      await wire.sendPieces(client, pieces);
      expect((await client.complete(1))[0]?.status).toBe(200);
      expect(wire.handler.exchanges.at(-1)?.request).toMatchObject(head);
      client.finish();
      await client.end();
    }
  });

  test("the peer's address", async () => {
    const client = await wire.sent("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.complete(1);
    const exchange = wire.handler.exchanges.at(-1);
    expect(exchange?.client).toMatchObject({
      address: "127.0.0.1",
      port: client.localPort,
      secure: false,
    });
    client.finish();
    await client.end();
  });
});
