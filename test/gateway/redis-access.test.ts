// How a gateway gets to a real Redis that does not let everybody in: over TLS with an authority of
// one's own, as a user of an access list, in a database. Who is not let in says why, without a
// secret, and serves without a second tier.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkText } from "../../src/gateway/config.ts";
import { type TestGateway, until } from "../support/gateway.ts";
import {
  AUTHORITY_CERTIFICATE,
  EXPIRED_SERVER_CERTIFICATE,
  OTHER_AUTHORITY_CERTIFICATE,
  OTHER_SERVER_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from "../support/certificates.ts";
import { startOrigin } from "../support/origin.ts";
import { get } from "../support/raw-client.ts";
import { freePort, startRedis } from "../support/redis.ts";
import {
  type CacheConfig,
  FRESH,
  isFollowing,
  responder,
  stored,
  Tiers,
} from "../support/tiers.ts";

let directory: string;
let tiers: Tiers;
let tlsPort: number;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-redis-tls-"));
  for (const [name, text] of Object.entries({
    "ca.pem": AUTHORITY_CERTIFICATE,
    "other-ca.pem": OTHER_AUTHORITY_CERTIFICATE,
    "cert.pem": SERVER_CERTIFICATE,
    "key.pem": SERVER_KEY,
    "expired.pem": EXPIRED_SERVER_CERTIFICATE,
    "other-key.pem": OTHER_SERVER_KEY,
  })) {
    writeFileSync(join(directory, name), text);
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
afterEach(() => tiers[Symbol.asyncDispose]());

function fileOf(name: string): string {
  return join(directory, name);
}

async function start(certificate = "cert.pem", key = "key.pem"): Promise<void> {
  tlsPort = await freePort();
  const options = ["--tls-port", String(tlsPort), "--tls-auth-clients", "no"];
  options.push("--tls-cert-file", fileOf(certificate), "--tls-key-file", fileOf(key));
  options.push("--tls-ca-cert-file", fileOf("ca.pem"));
  const redis = await startRedis(...options);
  tiers = new Tiers(redis, await startOrigin(responder("content", FRESH)));
}

type RedisMap = Exclude<NonNullable<CacheConfig["redis"]>, string>;

function via(redis: RedisMap): Promise<TestGateway> {
  return tiers.gateway({ redis: { timeout: "2s", hedge: "2s", ...redis } });
}

/** What `/status` says of it, once it is down. */
async function failureOf(gateway: TestGateway): Promise<string> {
  let text = "";
  await until(async () => {
    text = await (await gateway.admin("GET", "/status")).text();
    return !text.includes('"failure":null');
  }, "a reason");
  return /"failure":"([^"]*)"/.exec(text)?.[1] ?? text;
}

async function isUsed(gateway: TestGateway): Promise<void> {
  await isFollowing(gateway);
  await get(gateway.port, "/");
  await stored(gateway, 1);
}

describe("over TLS", () => {
  test("with an authority of one's own", async () => {
    await start();
    await isUsed(await via({ url: `rediss://127.0.0.1:${tlsPort}`, ca: fileOf("ca.pem") }));
    expect(await tiers.redis.client.dbsize()).toBe(3);
  });

  test.each([
    ["one for another name", "cert.pem", "key.pem", "localhost", "ca.pem", "ALTNAME_INVALID"],
    [
      "an authority that is not trusted",
      "cert.pem",
      "key.pem",
      "127.0.0.1",
      "other-ca.pem",
      "SELF_SIGNED",
    ],
    ["the system's authorities alone", "cert.pem", "key.pem", "127.0.0.1", null, "SELF_SIGNED"],
    ["an expired one", "expired.pem", "other-key.pem", "127.0.0.1", "other-ca.pem", "EXPIRED"],
  ])("a certificate is refused: %s", async (_name, certificate, key, host, ca, code) => {
    await start(certificate, key);
    const authority = ca === null ? {} : { ca: fileOf(ca) };
    const gateway = await via({ url: `rediss://${host}:${tlsPort}`, ...authority });
    expect(await failureOf(gateway)).toMatch(new RegExp(`^tls \\(.*${code}`));
    expect((await get(gateway.port, "/")).text).toBe("content");
    expect(await tiers.redis.client.dbsize()).toBe(0);
  });

  test("a server that speaks none of it is told from one that is not there", async () => {
    await start();
    const plain = await via({ url: `rediss://127.0.0.1:${tiers.redis.port}` });
    expect(await failureOf(plain)).toMatch(/^(?:tls|connection|timeout)/);
    const nobody = await via({ url: `rediss://127.0.0.1:${await freePort()}` });
    expect(await failureOf(nobody)).toBe("connection (ECONNREFUSED)");
  });
});

describe("as a user", () => {
  const SECRET = "p@ss:word/1";
  const inUrl = encodeURIComponent(SECRET);

  beforeEach(async () => {
    await start();
    // What docs/caching.md says is enough.
    const rules = "~edgelane:* resetchannels +@read +@write +eval +time +info +hello +auth +select";
    const allowed = [...rules.split(" "), "+ping", "+client|setname"];
    await tiers.redis.client.call("ACL", "SETUSER", "edge", "on", `>${SECRET}`, ...allowed);
    await tiers.redis.client.call("ACL", "SETUSER", "default", "on", `>${SECRET}`);
  });

  test.each([
    ["in the URL", (port: number) => ({ url: `redis://edge:${inUrl}@127.0.0.1:${port}` })],
    [
      "with the password beside it",
      (port: number) => {
        return { url: `redis://edge@127.0.0.1:${port}`, password: SECRET };
      },
    ],
    ["that is the default one", (port: number) => ({ url: `redis://:${inUrl}@127.0.0.1:${port}` })],
  ])("%s, and nothing else is needed", async (_name, redisOf) => {
    const gateway = await via(redisOf(tiers.redis.port));
    await isUsed(gateway);
    await gateway.admin("POST", "/purge", { all: true });
    await gateway.admin("POST", "/purge", { url: "http://a.test/" });
    await until(async () => {
      const logged = String(await tiers.redis.client.call("ACL", "LOG"));
      expect(logged).toBe("");
      return (await tiers.redis.client.xlen("edgelane:{journal}:invalidations")) === 2;
    }, "the purges to be told");
  });

  test.each([
    ["with a wrong password", (port: number) => `redis://edge:wrong-secret@127.0.0.1:${port}`],
    ["without any", (port: number) => `redis://127.0.0.1:${port}`],
  ])("%s is denied, and says so without it", async (_name, urlOf) => {
    const gateway = await via({ url: urlOf(tiers.redis.port) });
    expect(await failureOf(gateway)).toBe("denied");
    expect((await get(gateway.port, "/")).text).toBe("content");
    for (const path of ["/status", "/metrics", "/config"]) {
      expect(await (await gateway.admin("GET", path)).text()).not.toContain("wrong-secret");
    }
  });
});

test("a database has its own", async () => {
  await start();
  const gateway = await via({ url: `redis://127.0.0.1:${tiers.redis.port}/3` });
  await isUsed(gateway);
  expect(await tiers.redis.client.dbsize()).toBe(0);
  await tiers.redis.client.select(3);
  expect(await tiers.redis.client.dbsize()).toBe(3);
  await tiers.redis.client.select(0);
});

test("REDIS_URL is used where it is set, and none is needed", async () => {
  await start();
  const text = "upstreams: {app: http://a.test}\ncache: {redis: $REDIS_URL?}\n";
  const read = (environment: Record<string, string>) =>
    checkText(text, "edgelane.yaml", { environment });
  expect(read({}).config?.cache.redis).toBeNull();
  const config = read({ REDIS_URL: `redis://127.0.0.1:${tiers.redis.port}/2` }).config;
  expect(config?.cache.redis).toMatchObject({ database: 2 });
});
