// Every way to name a Redis in the config, and what is said of a text that names none.

import { expect, test } from "vitest";
import { checkText, resolveConfig } from "../../src/gateway/config.ts";
import { redactConfig } from "../../src/gateway/config-redaction.ts";
import { readRedisUrl } from "../../src/gateway/redis-address.ts";

const PLAIN = { secure: false, username: null, password: null, database: 0 };
const single = (host: string, port = 6379) => ({ kind: "single", endpoint: { host, port } });

test.each([
  ["redis://cache", { ...PLAIN, topology: single("cache") }],
  ["redis://cache:7000/3", { ...PLAIN, topology: single("cache", 7000), database: 3 }],
  ["redis://[::1]:7000", { ...PLAIN, topology: single("::1", 7000) }],
  [
    "rediss://me:p%40ss@cache",
    { topology: single("cache"), secure: true, username: "me", password: "p@ss", database: 0 },
  ],
  ["redis://:word@cache", { ...PLAIN, topology: single("cache"), password: "word" }],
  [
    "redis-cluster://a:1,b:2,c",
    {
      ...PLAIN,
      topology: {
        kind: "cluster",
        nodes: [
          { host: "a", port: 1 },
          { host: "b", port: 2 },
          { host: "c", port: 6379 },
        ],
      },
    },
  ],
  [
    "rediss-sentinel://a,b:1/2#main",
    {
      ...PLAIN,
      secure: true,
      database: 2,
      topology: {
        kind: "sentinel",
        sentinels: [
          { host: "a", port: 26_379 },
          { host: "b", port: 1 },
        ],
        master: "main",
      },
    },
  ],
  ["unix:///run/redis.sock", { ...PLAIN, topology: { kind: "socket", path: "/run/redis.sock" } }],
])("%s", (url, address) => {
  expect(readRedisUrl(url)).toEqual({ address });
});

test.each([
  ["localhost:6379", /expected redis:\/\/host:6379/],
  ["http://cache", /expected redis:\/\/host:6379/],
  ["redis://a,b", /several hosts are redis-cluster/],
  ["redis-sentinel://a", /names its master/],
  ["redis://a#main", /only redis-sentinel/],
  ["redis://a/db", /a database number/],
  ["redis-cluster://a/1", /no databases but 0/],
  ["redis://a:99999", /not a name or address/],
  ["redis://u:%zz@a", /percent-encode/],
])("%s is refused with a reason, and not repeated", (url, reason) => {
  const reading = readRedisUrl(url);
  expect("problem" in reading ? reading.problem : "").toMatch(reason);
  const text = `upstreams: {a: http://a.test}\ncache:\n  redis: "${url}"\n`;
  const { config, problems } = checkText(text, "f.yaml", { environment: {} });
  expect(config).toBeNull();
  expect(JSON.stringify(problems)).not.toContain(url);
});

test("a map says more, and its password is not shown", () => {
  const config = resolveConfig({
    upstreams: { a: "http://a.test" },
    cache: {
      redis: {
        url: "rediss://cache",
        password: "a secret",
        ca: "/ca.pem",
        prefix: "mine:",
        hedge: "1ms",
        timeout: "5ms",
        queue: "1MB",
      },
    },
  });
  expect(config.cache.redis).toEqual({
    topology: single("cache"),
    secure: true,
    username: null,
    password: "a secret",
    database: 0,
    authorityFile: "/ca.pem",
    prefix: "mine:",
    hedgeMs: 1,
    timeoutMs: 5,
    queueBytesMax: 1_000_000,
  });
  expect(JSON.stringify(redactConfig(config))).not.toContain("a secret");
});

test("authorities without TLS are an error, and a second tier without a first a warning", () => {
  const text =
    "upstreams: {a: http://a.test}\ncache: {redis: {url: redis://a, ca: ca.pem}, memory: off}\n";
  const { problems } = checkText(text, "f.yaml", { environment: {} });
  expect(problems.map(({ message }) => message).join()).toMatch(/without rediss.*|not used/);
  expect(problems).toHaveLength(2);
});
