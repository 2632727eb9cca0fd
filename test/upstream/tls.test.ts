// TLS to origins: verified by default, with SNI from the target and not from Host, an authority and
// a client certificate of one's own, and failures that are named.

import type { TLSSocket } from "node:tls";
import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import {
  AUTHORITY_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from "../support/certificates.ts";
import { answering, startOrigin, type TestOrigin } from "../support/origin.ts";
import { clusterOf, exchange, requestOf, settled } from "./recorder.ts";

let origin: TestOrigin;
let cluster: Cluster;

const identity = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };
const hello = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
const ca = AUTHORITY_CERTIFICATE;

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  await origin.close();
});

const ways: [way: string, parts: { expectsContinue: boolean }][] = [
  ["pooled", { expectsContinue: false }],
  ["connection of its own", { expectsContinue: true }],
];

test.each(ways)(
  "%s: an authority of one's own is trusted, an address is checked",
  async (_way, parts) => {
    origin = await startOrigin(hello, { tls: identity });
    cluster = clusterOf(origin.url, { tls: { ca } });
    const got = await exchange(cluster, requestOf("GET", "/", parts));
    expect([got.error, got.content]).toEqual([null, "hi"]);
  },
);

test.each(ways)("%s: an unknown authority is tls_error, with nothing sent", async (_way, parts) => {
  origin = await startOrigin(hello, { tls: identity });
  cluster = clusterOf(origin.url);
  const got = await exchange(cluster, requestOf("GET", "/", parts));
  expect([got.error?.code, got.error?.status, got.error?.beforeSend]).toEqual([
    "tls_error",
    502,
    true,
  ]);
  expect(got.error?.detail).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  expect(origin.heads).toEqual([]);
});

test("a name that the certificate does not have is tls_error", async () => {
  origin = await startOrigin(hello, { tls: identity });
  cluster = clusterOf(origin.url, { tls: { ca, servername: "other.test" } });
  const got = await exchange(cluster, requestOf("GET", "/"));
  expect([got.error?.code, got.error?.detail]).toEqual([
    "tls_error",
    "ERR_TLS_CERT_ALTNAME_INVALID",
  ]);
});

test("verification can be switched off", async () => {
  origin = await startOrigin(hello, { tls: identity });
  cluster = clusterOf(origin.url, { tls: { verify: false } });
  expect((await exchange(cluster, requestOf("GET", "/"))).content).toBe("hi");
});

test("RFC 6066 3 SNI is the target's name, whatever Host says, on one connection", async () => {
  origin = await startOrigin(hello, { tls: identity });
  cluster = clusterOf(origin.url, { tls: { ca, servername: "origin.test" } });
  for (const host of ["a.example", "b.example", "c.example"]) {
    const got = await exchange(cluster, requestOf("GET", "/", { fields: ["Host", host] }));
    expect(got.error).toBeNull();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(origin.accepted).toBe(1);
  const socket = origin.connections[0]?.socket as TLSSocket & { servername?: string };
  expect(socket.servername).toBe("origin.test");
});

test("a client certificate is shown to an origin that asks", async () => {
  origin = await startOrigin(hello, { tls: { ...identity, ca, requestCert: true } });
  cluster = clusterOf(origin.url, { tls: { ca, cert: CLIENT_CERTIFICATE, key: CLIENT_KEY } });
  expect((await exchange(cluster, requestOf("GET", "/"))).content).toBe("hi");
});

test("an origin that hangs up for want of a client certificate: upstream_reset", async () => {
  origin = await startOrigin(hello, { tls: { ...identity, ca, requestCert: true } });
  cluster = clusterOf(origin.url, { tls: { ca } });
  const got = await exchange(cluster, requestOf("POST", "/"));
  expect(got.error?.code).toBe("upstream_reset");
});

test("an origin that speaks no TLS: tls_error", async () => {
  origin = await startOrigin(async (connection) => {
    await connection.readExactly(1);
    await connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    connection.end();
  });
  cluster = clusterOf(origin.url.replace("http:", "https:"));
  const got = await exchange(cluster, requestOf("GET", "/"));
  expect([got.error?.code, got.error?.beforeSend]).toEqual(["tls_error", true]);
});

test("an origin that resets during the handshake: tls_error", async () => {
  origin = await startOrigin(async (connection) => {
    await connection.readExactly(1);
    connection.reset();
  });
  cluster = clusterOf(origin.url.replace("http:", "https:"));
  expect((await exchange(cluster, requestOf("GET", "/"))).error?.code).toBe("tls_error");
});

test("a handshake that never ends: connect_timeout", async () => {
  origin = await startOrigin(() => {});
  cluster = clusterOf(origin.url.replace("http:", "https:"), { timeouts: { connectMs: 100 } });
  const got = await exchange(cluster, requestOf("GET", "/"));
  expect([got.error?.code, got.error?.beforeSend]).toEqual(["connect_timeout", true]);
  await origin.idle(100);
});
