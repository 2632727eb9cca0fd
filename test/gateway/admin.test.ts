// Tests the admin listener over real sockets: its answers, who may use it, and what it refuses (RFC
// 9110 sections 15.5).

import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAdmin } from "../../src/gateway/admin.ts";
import type { Purge } from "../../src/cache/purge.ts";
import type { Admin, AdminDependencies } from "../../src/gateway/admin.ts";
import { within } from "../support/within.ts";

const TOKEN = "s3cret-token-of-the-operator";

let admin: Admin;
let port: number;
let purged: Purge[];
let errors: unknown[];
let ready: { ready: boolean; reason: string };

beforeEach(() => {
  purged = [];
  errors = [];
  ready = { ready: true, reason: "" };
});
afterEach(() => admin.close(0));

async function start(overrides: Partial<AdminDependencies> = {}): Promise<void> {
  admin = createAdmin({
    token: null,
    readiness: () => ready,
    metrics: async () => ({ type: "text/plain; version=0.0.4; charset=utf-8", text: "up 1\n" }),
    status: () => ({ requests: 3 }),
    config: () => ({
      admin: { token: TOKEN, address: { host: null, port: 1 } },
      cache: { redis: "redis://user:pa55@cache:6379/0" },
    }),
    purge: (purge) => {
      purged.push(purge);
      return { purged: 2 };
    },
    targets: { zone: () => null, list: async () => null, submit: async () => ({ upstreams: [] }) },
    explain: (request) => request,
    reload: () => Promise.resolve({ kind: "applied", changes: [] }),
    page: new Map([["/", { type: "text/html; charset=utf-8", content: "<p>ä</p>" }]]),
    onError: (error) => errors.push(error),
    ...overrides,
  });
  ({ port } = await admin.listen({ host: "127.0.0.1", port: 0 }));
}

interface Answer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly text: string;
}

interface Sent {
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function send(method: string, path: string, { fields = {}, body }: Sent = {}): Promise<Answer> {
  const answer = new Promise<Answer>((resolve, reject) => {
    const sent = httpRequest(
      { port, method, path, headers: { host: `localhost:${port}`, ...fields }, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => (text += piece));
        response.on("error", reject);
        response.on("end", () => {
          const answered = response.headers as Record<string, string | undefined>;
          resolve({ status: response.statusCode ?? 0, fields: answered, text });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
  return within(answer, 5000, `${method} ${path}`);
}

const PURGE: Sent = {
  fields: { "content-type": "application/json" },
  body: JSON.stringify({ url: "http://example.com/a?b=c" }),
};

function purgeWith(fields: Readonly<Record<string, string>>): Promise<Answer> {
  return send("POST", "/purge", { ...PURGE, fields: { ...PURGE.fields, ...fields } });
}

describe("answers", () => {
  test("probes", async () => {
    await start();
    expect(await send("GET", "/livez")).toMatchObject({ status: 200, text: '{"status":"live"}' });
    expect(await send("GET", "/readyz")).toMatchObject({ status: 200, text: '{"status":"ready"}' });
    ready = { ready: false, reason: "draining" };
    expect(await send("GET", "/readyz")).toMatchObject({
      status: 503,
      text: '{"status":"draining"}',
    });
    expect(await send("GET", "/livez")).toMatchObject({ status: 200 });
  });

  test("metrics in the media type that scrapers expect", async () => {
    await start();
    const answer = await send("GET", "/metrics");
    expect(answer).toMatchObject({ status: 200, text: "up 1\n" });
    expect(answer.fields["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(answer.fields["content-length"]).toBe("5");
  });

  test("status as JSON", async () => {
    await start();
    const answer = await send("GET", "/status?pretty");
    expect(answer).toMatchObject({ status: 200, text: '{"requests":3}' });
    expect(answer.fields["content-type"]).toMatch(/^application\/json/);
  });

  test("the config without its secrets", async () => {
    await start();
    const answer = await send("GET", "/config");
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain(TOKEN);
    expect(answer.text).not.toContain("pa55");
    expect(JSON.parse(answer.text)).toEqual({
      admin: { token: "[redacted]", address: { host: null, port: 1 } },
      cache: { redis: "redis://[redacted]@cache:6379/0" },
    });
  });

  test("HEAD like GET, without content (RFC 9110 9.3.2)", async () => {
    await start();
    expect(await send("HEAD", "/status")).toMatchObject({ status: 200, text: "" });
  });

  test("a purge of one URL with the number of responses removed", async () => {
    await start();
    expect(await send("POST", "/purge", PURGE)).toMatchObject({
      status: 200,
      text: '{"purged":2}',
    });
    const scope = { kind: "uri", uri: "http://example.com/a?b=c" };
    expect(purged).toEqual([{ scope, mode: "hard" }]);
  });

  test("a purge of everything", async () => {
    await start();
    const answer = await send("POST", "/purge", { ...PURGE, body: '{"all":true}' });
    expect(answer).toMatchObject({ status: 200, text: '{"purged":2}' });
    expect(purged).toEqual([{ scope: { kind: "all" }, mode: "hard" }]);
  });

  test("the page as UTF-8, and fields that keep it to itself, on every answer", async () => {
    await start();
    const page = await send("GET", "/");
    expect(page).toMatchObject({ status: 200, text: "<p>ä</p>" });
    for (const answer of [page, await send("GET", "/nothing"), await send("GET", "/status")]) {
      expect(answer.fields).toMatchObject({
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
      });
      const policy = answer.fields["content-security-policy"] ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
    }
  });
});

describe("refusals", () => {
  test("an unknown path: 404 as JSON", async () => {
    await start();
    const answer = await send("GET", "/nothing");
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ error: "not_found" });
  });

  test.each([
    ["GET", "/purge", "POST"],
    ["POST", "/status", "GET, HEAD"],
    ["DELETE", "/metrics", "GET, HEAD"],
  ])("%s %s: 405 with Allow: %s (RFC 9110 15.5.6)", async (method, path, allow) => {
    await start();
    const answer = await send(method, path);
    expect(answer.status).toBe(405);
    expect(answer.fields["allow"]).toBe(allow);
    expect(JSON.parse(answer.text)).toMatchObject({ error: "method_not_allowed" });
  });

  test.each([
    ["no content", ""],
    ["no JSON", "{"],
    ["null", "null"],
    ["no url", '{"uri":"http://a/"}'],
    ["a list", '["http://a/"]'],
    ["a relative URL", '{"url":"/a"}'],
    ["another scheme", '{"url":"file:///etc/passwd"}'],
    ["no host", '{"url":"http://"}'],
  ])("a purge with %s: 400", async (_, body) => {
    await start();
    const answer = await send("POST", "/purge", { ...PURGE, body });
    expect(answer.status).toBe(400);
    expect(purged).toEqual([]);
  });

  test("content past its limit: 413, and the answer arrives", async () => {
    await start();
    const answer = await send("POST", "/purge", { ...PURGE, body: " ".repeat(70_000) });
    expect(answer.status).toBe(413);
    expect(answer.fields["connection"]).toBe("close");
    expect(purged).toEqual([]);
  });

  test("a failure inside: 500 that tells nothing, and the error is reported", async () => {
    const error = new Error("at /srv/secret/path");
    await start({
      metrics: () => Promise.reject(error),
    });
    const answer = await send("GET", "/metrics");
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("secret");
    expect(errors).toEqual([error]);
  });
});

describe("without a token, DNS rebinding", () => {
  test.each([
    "localhost",
    "LOCALHOST:1234",
    "127.0.0.1",
    "127.0.0.1:9180",
    "127.8.8.8",
    "[::1]:9180",
  ])("Host: %s is answered", async (host) => {
    await start();
    expect((await send("GET", "/status", { fields: { host } })).status).toBe(200);
  });

  test.each([
    "evil.example",
    "evil.example:9180",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "10.0.0.1",
    "localhost:9180:1",
    "[::2]",
    "user@localhost",
  ])("Host: %s is refused with 421 (RFC 9110 15.5.20)", async (host) => {
    await start();
    for (const [method, path] of [
      ["GET", "/status"],
      ["GET", "/livez"],
      ["GET", "/"],
    ] as const) {
      const answer = await send(method, path, { fields: { host } });
      expect(answer.status).toBe(421);
      expect(answer.text).not.toContain("requests");
    }
    expect((await purgeWith({ host })).status).toBe(421);
    expect(purged).toEqual([]);
  });
});

describe("with a token", () => {
  test.each([
    ["none", ""],
    ["another", "Bearer another"],
    ["a prefix of it", `Bearer ${TOKEN.slice(0, -1)}`],
    ["it and more", `Bearer ${TOKEN}x`],
    ["it in the wrong scheme", `Basic ${TOKEN}`],
    ["an empty one", "Bearer "],
  ])("%s: 401 with WWW-Authenticate (RFC 9110 15.5.2)", async (_, authorization) => {
    await start({ token: TOKEN });
    const fields: Record<string, string> = authorization === "" ? {} : { authorization };
    for (const path of ["/metrics", "/status", "/config"]) {
      const answer = await send("GET", path, { fields });
      expect(answer.status).toBe(401);
      expect(answer.fields["www-authenticate"]).toMatch(/^Bearer/);
    }
    expect((await purgeWith(fields)).status).toBe(401);
    expect(purged).toEqual([]);
  });

  test("the right one, under any Host", async () => {
    await start({ token: TOKEN });
    for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`]) {
      const fields = { authorization, host: "gateway.internal:9180" };
      expect((await send("GET", "/status", { fields })).status).toBe(200);
      expect((await purgeWith(fields)).status).toBe(200);
    }
  });

  test("probes and the page need none", async () => {
    await start({ token: TOKEN });
    for (const path of ["/livez", "/readyz", "/"]) {
      expect((await send("GET", path, { fields: { host: "10.0.0.1" } })).status).toBe(200);
    }
  });
});

describe("pages of other sites", () => {
  test.each([
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://localhost" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ])("%o cannot change anything: 403", async (fields) => {
    await start();
    expect((await purgeWith(fields as Record<string, string>)).status).toBe(403);
    expect(purged).toEqual([]);
  });

  test("the admin page itself can", async () => {
    await start();
    const fields = { origin: `http://localhost:${port}`, "sec-fetch-site": "same-origin" };
    expect((await purgeWith(fields)).status).toBe(200);
  });

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
  ])("what a form can send is refused: 415 for %s", async (type) => {
    await start();
    expect((await purgeWith({ "content-type": type })).status).toBe(415);
    expect(purged).toEqual([]);
  });
});

describe("request-targets", () => {
  test.each([
    ["//evil.example/status", 404],
    ["http://evil.example/livez", 200],
    ["*", 404],
    ["/status/../livez", 200],
  ])("%s", async (target, status) => {
    await start();
    const socket = connect(port, "127.0.0.1");
    const method = target === "*" ? "OPTIONS" : "GET";
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    let text = "";
    for await (const piece of socket) text += String(piece);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
});

describe("the end", () => {
  test("a port that is taken is an error of listen", async () => {
    await start();
    const other = createAdmin({
      token: null,
      readiness: () => ready,
      metrics: async () => ({ type: "text/plain", text: "" }),
      status: () => null,
      config: () => null,
      targets: {
        zone: () => null,
        list: async () => null,
        submit: async () => ({ upstreams: [] }),
      },
      purge: () => ({ purged: 0 }),
      explain: () => null,
      reload: () => Promise.resolve({ kind: "no_file" }),
      page: new Map(),
      onError: () => {},
    });
    await expect(other.listen({ host: "127.0.0.1", port })).rejects.toThrow(/EADDRINUSE/);
  });

  test("connections that wait for an answer are closed at the deadline", async () => {
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    await start({
      metrics: () => {
        asked();
        return new Promise(() => {});
      },
    });
    const failed = expect(send("GET", "/metrics")).rejects.toThrow(/socket hang up|ECONNRESET/);
    await within(isAsked, 5000, "the request");
    await within(admin.close(10), 5000, "the listener to close");
    await failed;
    expect(errors).toEqual([]);
  });
});
