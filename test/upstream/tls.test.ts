// TLS to origins: verified by default, with SNI from the target and not from Host, an authority and
// a client certificate of one's own, and failures that are named.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import {
  AUTHORITY_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  EXPIRED_SERVER_CERTIFICATE,
  OTHER_AUTHORITY_CERTIFICATE,
  OTHER_SERVER_KEY,
  SELF_SIGNED_CERTIFICATE,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from "../support/certificates.ts";
import { FakeClock } from "../support/clock.ts";
import { answering, type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
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

test("RFC 9110 6.5 trailers of a request pass over TLS too, connections persist", async () => {
  const seen: string[] = [];
  const script: OriginScript = async (connection) => {
    for (;;) {
      await connection.readHead();
      seen.push((await connection.readChunked()).trailers);
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    }
  };
  origin = await startOrigin(script, { tls: identity });
  cluster = clusterOf(origin.url, { tls: { ca } });
  for (const sum of ["1", "2"]) {
    const body = Readable.from([Buffer.from("ab")]);
    const parts = { body, bodyLength: -1, trailers: () => ["X-Sum", sum] };
    const got = await exchange(cluster, requestOf("POST", "/", parts));
    expect([got.error, got.content]).toEqual([null, "hi"]);
  }
  expect([seen, origin.accepted]).toEqual([["X-Sum: 1\r\n", "X-Sum: 2\r\n"], 1]);
});

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

const refused: [what: string, cert: string, detail: string][] = [
  ["expired", EXPIRED_SERVER_CERTIFICATE, "CERT_HAS_EXPIRED"],
  ["signed by itself", SELF_SIGNED_CERTIFICATE, "DEPTH_ZERO_SELF_SIGNED_CERT"],
];

test.each(refused)("a certificate that is %s: tls_error", async (_what, cert, detail) => {
  origin = await startOrigin(hello, { tls: { cert, key: OTHER_SERVER_KEY } });
  cluster = clusterOf(origin.url, { tls: { ca: OTHER_AUTHORITY_CERTIFICATE } });
  const got = await exchange(cluster, requestOf("GET", "/"));
  expect([got.error?.code, got.error?.detail]).toEqual(["tls_error", detail]);
  expect(origin.heads).toEqual([]);
});

test("a version below the lowest: tls_error", async () => {
  origin = await startOrigin(hello, { tls: { ...identity, maxVersion: "TLSv1.2" } });
  cluster = clusterOf(origin.url, { tls: { ca, minVersion: "TLSv1.3" } });
  const got = await exchange(cluster, requestOf("GET", "/"));
  expect(got.error?.code).toBe("tls_error");
});

describe("files", () => {
  const closing = answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "edgelane-tls-"));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  test("an authority that is taken away is trusted no more, session or not", async () => {
    const file = join(directory, "ca.pem");
    writeFileSync(file, ca);
    const clock = new FakeClock();
    origin = await startOrigin(closing, { tls: identity });
    cluster = clusterOf(origin.url, { tls: { ca: { file } } }, clock);
    const results: string[] = [];
    const ask = async (): Promise<void> => {
      const got = await exchange(cluster, requestOf("GET", "/"));
      results.push(got.error?.code ?? got.content);
    };
    await ask();
    await ask();
    expect(cluster.targets()[0]).toMatchObject({ tlsHandshakes: 2, tlsResumptions: 1 });
    writeFileSync(file, OTHER_AUTHORITY_CERTIFICATE);
    clock.advance(2000);
    await ask();
    writeFileSync(file, `${OTHER_AUTHORITY_CERTIFICATE}${ca}`);
    clock.advance(2000);
    await ask();
    expect(results).toEqual(["hi", "hi", "tls_error", "hi"]);
  });

  test("a file that becomes useless changes nothing and is counted", async () => {
    const file = join(directory, "ca.pem");
    writeFileSync(file, ca);
    const clock = new FakeClock();
    origin = await startOrigin(closing, { tls: identity });
    cluster = clusterOf(origin.url, { tls: { ca: { file } } }, clock);
    await exchange(cluster, requestOf("GET", "/"));
    writeFileSync(file, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    clock.advance(2000);
    const got = await exchange(cluster, requestOf("GET", "/"));
    expect([got.error, got.content]).toEqual([null, "hi"]);
    expect(cluster.targets()[0]?.tlsReloadFailures).toBe(1);
  });
});

test("connections are used again: a hundred requests, one handshake", async () => {
  origin = await startOrigin(hello, { tls: identity });
  cluster = clusterOf(origin.url, { tls: { ca } });
  for (let turn = 0; turn < 100; turn += 1) {
    expect((await exchange(cluster, requestOf("GET", "/"))).error).toBeNull();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(cluster.targets()[0]).toMatchObject({ tlsHandshakes: 1, reused: 99 });
});

test.each(ways)("%s: a connection serves requestsMax requests", async (_way, parts) => {
  origin = await startOrigin(hello, { tls: identity });
  cluster = clusterOf(origin.url, { tls: { ca }, pool: { requestsMax: 2 } });
  for (let turn = 0; turn < 5; turn += 1) {
    expect((await exchange(cluster, requestOf("GET", "/", parts))).error).toBeNull();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(origin.accepted).toBe(3);
});
