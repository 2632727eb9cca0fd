// Who a request comes from, as the origin server and the log are told: Forwarded, X-Forwarded-* and
// X-Request-Id, believed only from trusted peers (RFC 7239), over real sockets.

import { describe, expect, test } from "vitest";
import { gatewayPair, type PairConfig } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { answer, byPath, echo, valuesOf } from "../support/origin-scripts.ts";
import { ask, get, type RawResponse } from "../support/raw-client.ts";

const pair = gatewayPair();

async function serve(setup: PairConfig & { script?: OriginScript } = {}): Promise<number> {
  const { script = echo, ...config } = setup;
  return pair.serve(script, config);
}

async function received(...lines: string[]): Promise<string> {
  await get(pair.gateway.port, "/", ...lines);
  return pair.origin.heads.at(-1) ?? "";
}

describe("who the client is (RFC 7239)", () => {
  const SPOOFED = [
    "Forwarded: for=6.6.6.6;proto=https",
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Port: 666",
    "X-Forwarded-Server: evil",
    "X-Real-IP: 6.6.6.6",
    "X-Client-IP: 6.6.6.6",
    "True-Client-IP: 6.6.6.6",
    "X-Cluster-Client-IP: 6.6.6.6",
    "X-AppEngine-User-IP: 6.6.6.6",
    "CF-Connecting-IP: 6.6.6.6",
    "CF_Connecting_IP: 6.6.6.6",
    "Fastly-Client-IP: 6.6.6.6",
    "X-Forwarded: for=6.6.6.6",
    "Forwarded-For: 6.6.6.6",
    "X-Request-Id: evil",
    "X_Forwarded_For: 6.6.6.6",
    "X-Forwarded_Proto: evil",
    "x_real_ip: 6.6.6.6",
    "Forwarded_: evil",
  ];

  test("what anybody may have made up is dropped, and ours put in its place", async () => {
    await serve();
    const head = await received(...SPOOFED);
    expect(head).not.toMatch(/6\.6\.6\.6|evil|\b666\b/);
    expect(valuesOf(head, "x-forwarded-for")).toEqual(["127.0.0.1"]);
    expect(valuesOf(head, "x-forwarded-proto")).toEqual(["http"]);
    expect(valuesOf(head, "x-forwarded-host")).toEqual(["a.test"]);
    expect(valuesOf(head, "forwarded")).toEqual(['for=127.0.0.1;proto=http;host="a.test"']);
    expect(valuesOf(head, "x-request-id")[0]).toMatch(/^[0-9a-f]{24}$/);
    expect(head).not.toContain("_");
  });

  test("underscore variants of framing and credentials are dropped", async () => {
    await serve();
    const head = await received(
      "Content_Length: 5",
      "Transfer_Encoding: chunked",
      "Authorization_: x",
      "X_Custom: kept",
    );
    expect(head).not.toMatch(/content_length|transfer_encoding|authorization_/i);
    expect(valuesOf(head, "x_custom")).toEqual(["kept"]);
  });

  test("a trusted peer is believed, and we append", async () => {
    await serve({ trust: ["127.0.0.0/8"] });
    const head = await received(
      "Forwarded: for=192.0.2.1;proto=https",
      "X-Forwarded-For: 192.0.2.1, 10.0.0.1",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: public.test",
      "X-Real-IP: 192.0.2.1",
    );
    expect(valuesOf(head, "x-forwarded-for")).toEqual(["192.0.2.1, 10.0.0.1, 127.0.0.1"]);
    expect(valuesOf(head, "x-forwarded-proto")).toEqual(["https"]);
    expect(valuesOf(head, "x-forwarded-host")).toEqual(["public.test"]);
    expect(valuesOf(head, "x-real-ip")).toEqual(["192.0.2.1"]);
    expect(valuesOf(head, "forwarded")).toEqual([
      'for=192.0.2.1;proto=https, for=127.0.0.1;proto=http;host="a.test"',
    ]);
  });

  test("the log has the client behind trusted peers, not whom the client names", async () => {
    await serve({ trust: ["127.0.0.1/32", "10.0.0.0/8"] });
    await received("X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.1");
    const [line] = await pair.gateway.log(1);
    expect(line?.client).toBe("192.0.2.1");
  });

  test("on a hit too", async () => {
    const script = byPath({ "/": answer("hi", "Cache-Control: max-age=60") });
    const port = await serve({ trust: ["127.0.0.1/32"], script });
    const chains = [
      "192.0.2.1",
      "192.0.2.2",
      "2001:db8::1",
      "6.6.6.6, 192.0.2.3",
      "not an address",
    ];
    for (const chain of chains) await get(port, "/", `X-Forwarded-For: ${chain}`);
    await get(port, "/", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 192.0.2.4");
    const lines = await pair.gateway.log(6);
    expect(lines.map((line) => [line.client, line.cache])).toEqual([
      ["192.0.2.1", "miss"],
      ["192.0.2.2", "hit"],
      ["2001:db8::1", "hit"],
      ["192.0.2.3", "hit"],
      ["127.0.0.1", "hit"],
      ["192.0.2.4", "hit"],
    ]);
  });

  test("another peer is not believed", async () => {
    await serve({ trust: ["192.0.2.0/24"] });
    const head = await received(...SPOOFED);
    expect(head).not.toMatch(/6\.6\.6\.6|evil/);
    const [line] = await pair.gateway.log(1);
    expect(line?.client).toBe("127.0.0.1");
  });

  test("X-Request-Id is the same to client, origin and log", async () => {
    const port = await serve();
    const response = await get(port, "/");
    const id = response.field("x-request-id");
    expect(valuesOf(pair.origin.heads[0] ?? "", "x-request-id")).toEqual([id]);
    expect((await pair.gateway.log(1))[0]?.request_id).toBe(id);
  });

  test("X-Request-Id of a trusted peer is kept, on a hit too", async () => {
    const stored = answer("hi", "Cache-Control: max-age=60");
    const port = await serve({ trust: ["127.0.0.1/32"], script: byPath({ "/": stored }) });
    const ids: (string | undefined)[] = [];
    for (const id of ["req-1", "req-2"]) {
      ids.push((await get(port, "/", `X-Request-Id: ${id}`)).field("x-request-id"));
    }
    expect(ids).toEqual(["req-1", "req-2"]);
    expect(valuesOf(pair.origin.heads[0] ?? "", "x-request-id")).toEqual(["req-1"]);
    const lines = await pair.gateway.log(2);
    expect(lines.map((line) => line.request_id)).toEqual(["req-1", "req-2"]);
  });

  test.each(["a b", "x".repeat(200), "caf\xe9", '"quoted"', ""])(
    "but not one that is no plain token: %j",
    async (id) => {
      const port = await serve({ trust: ["127.0.0.1/32"] });
      const response = await get(port, "/", `X-Request-Id: ${id}`);
      expect(response.field("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
    },
  );
});

describe("an https URI asked for without TLS (RFC 9110 7.4)", () => {
  const secure = "GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n";
  const page = byPath({ "/": answer("hi", "Cache-Control: max-age=60") });
  const cacheStatus = (response: RawResponse): string => response.field("cache-status") ?? "";

  test("is misdirected, even where the http one is stored", async () => {
    const port = await serve({ script: page });
    expect(cacheStatus(await get(port, "/"))).toMatch(/stored/);
    const response = await ask(port, secure);
    expect([response.status, response.field("proxy-status")]).toEqual([
      421,
      expect.stringContaining("RFC 9110 7.4"),
    ]);
    expect(cacheStatus(await ask(port, secure.replace("https", "http")))).toMatch(/hit/);
    expect(pair.origin.heads).toHaveLength(1);
  });

  test("is believed of a proxy that is trusted, and has a key of its own", async () => {
    const port = await serve({ script: page, trust: ["127.0.0.1/32"] });
    expect((await get(port, "/")).status).toBe(200);
    expect(cacheStatus(await ask(port, secure))).not.toMatch(/hit/);
    expect(valuesOf(pair.origin.heads[1] ?? "", "x-forwarded-proto")).toEqual(["https"]);
    expect(cacheStatus(await ask(port, secure))).toMatch(/hit/);
  });
});
