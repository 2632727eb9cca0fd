// Tests what a valid config becomes, what is refused for want of an implementation, and that the
// key tables, the types, the schema and docs/config.md say the same.

import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configReference } from "../../build/config-reference.ts";
import {
  checkFile,
  checkText,
  loadConfig,
  parseConfig,
  resolveConfig,
} from "../../src/gateway/config.ts";
import { CONFIG_KEYS, nodeAt } from "../../src/gateway/config-keys.ts";
import { ConfigError } from "../../src/gateway/config-problem.ts";
import { jsonSchema } from "../../src/gateway/config-schema.ts";
import { UNAVAILABLE } from "../../src/gateway/config-unavailable.ts";
import type { GatewayConfig } from "../../src/gateway/gateway-config.ts";
import { EVERYTHING } from "./config-everything.ts";

const GIB = 2 ** 30;

function parse(text: string, environment = {}): GatewayConfig {
  return parseConfig(text, "/etc/edgelane/edgelane.yaml", { environment, memoryBytes: 64 * GIB });
}

describe("a config of one upstream", () => {
  const config = parse("upstreams: {app: http://127.0.0.1:3000}\n");

  it("has every default", () => {
    expect(config.listen).toEqual([{ host: null, port: 8080 }]);
    expect(config.admin).toEqual({ address: { host: "127.0.0.1", port: 9180 }, token: null });
    expect(config.trust).toEqual([]);
    expect(config.health).toBe("/health");
    expect(config.cache).toEqual({
      memoryBytesMax: 512_000_000,
      objectBytesMax: 8_000_000,
      coalesce: true,
      variantsMax: 16,
      heuristicRatio: 0.1,
      heuristicSecondsMax: 86_400,
      targetedFields: ["cdn-cache-control"],
      redis: null,
    });
    expect(config.limits).toEqual({
      bodyBytesMax: 100_000_000,
      headTimeoutMs: 10_000,
      idleTimeoutMs: 75_000,
      bodyStallMs: 30_000,
      bodyBytesPerSecondMin: 240,
      bodyRateGraceMs: 5000,
      drainBytesMax: 256_000,
      sendStallMs: 60_000,
      requestsPerConnectionMax: 10_000,
      connectionsMax: 10_000,
    });
    expect(config.log).toEqual({ level: "info", access: { kind: "stdout" } });
    expect(config.shutdownGraceMs).toBe(25_000);
    expect(config.warnings).toEqual([]);
    expect(config.upstreams.get("app")).toEqual({
      name: "app",
      targets: [{ origin: "http://127.0.0.1:3000", weight: 1, priority: 0, isLocal: true }],
      balance: "adaptive",
      adaptive: { errorShareMax: 0.05, p99Ms: 100 },
      hash: null,
      host: { kind: "preserve" },
      pool: {
        connectionsMax: 100,
        queueMax: 1000,
        queueTimeoutMs: 5000,
        keepAliveMs: 4000,
        ageMaxMs: 600_000,
        requestsMax: 0,
      },
      protocol: "h1",
      tls: {
        caFile: null,
        certFile: null,
        keyFile: null,
        serverName: null,
        verify: true,
        minVersion: "TLSv1.2",
      },
      timeout: { connectMs: 2000, headersMs: 60_000, idleMs: 60_000, totalMs: 0 },
      retry: expect.objectContaining({ attemptsMax: 2, budgetRatio: 0.2 }),
      fallback: [],
      concurrency: null,
      hedge: null,
      probe: null,
      rise: 2,
      fall: 3,
      eject: {
        after: 5,
        errorShare: 0.5,
        volumeMin: 100,
        forMs: 30_000,
        forMsMax: 300_000,
        shareMax: 0.5,
      },
      breaker: { errorShare: 0.5, volumeMin: 20, openMs: 10_000, latencyMs: 0 },
      slowStartMs: 10_000,
      panicShare: 0.25,
      sticky: null,
    });
  });

  it("routes everything to it", () => {
    expect(config.routes).toMatchObject([
      {
        match: { source: "/*", method: null, host: null, segments: [], rest: true },
        name: "/*",
        to: "app",
        cache: { kind: "auto" },
        timing: false,
        use: [],
      },
    ]);
  });
});

it("takes a quarter of a small machine for the cache, unless it is told", () => {
  const upstreams = { app: "http://h:1" } as const;
  const small = { environment: {}, memoryBytes: GIB };
  expect(resolveConfig({ upstreams }, small).cache.memoryBytesMax).toBe(GIB / 4);
  const told = resolveConfig({ upstreams, cache: { memory: "1GiB" } }, small);
  expect(told.cache.memoryBytesMax).toBe(GIB);
  const off = resolveConfig({ upstreams, cache: { memory: "off" } }, small);
  expect(off.cache.memoryBytesMax).toBe(0);
});

it("reads every value of the implemented keys", () => {
  const config = parse(
    `
listen: ["127.0.0.1:8081", {address: "http://[::1]:8082"}]
admin: {listen: ":9181", token: $TOKEN}
trust: [10.0.0.0/8, "2001:db8::/32"]
health: off
upstreams:
  api:
    targets: [$PRIMARY, $SECOND?, {url: https://b.example.com/, weight: 2, backup: true}]
    balance: least-conn
    host: API.example.com
    pool: {connections: 5, queue: 0, queueTimeout: 1s, keepAlive: 30s, maxAge: off, maxRequests: 7}
    tls: {serverName: api.internal, verify: on, minVersion: TLSv1.3}
    timeout: {connect: 500ms, headers: 10s, idle: 30s, total: 1m}
    retry: {attempts: 3, when: [reset, 503], budget: 5%}
    hedge: p99
    health: {path: /h, timeout: 1s, status: [204], rise: 4, eject: {after: 3, for: 10s}}
    breaker: {errors: 30%, latency: 2s}
    slowStart: off
    panic: 0%
cache: {memory: 1MB, objectMax: 8MB, coalesce: false}
routes:
  - {match: /*, to: api, cache: off, timing: true}
  - {match: GET /assets/*, name: assets, to: api, cache: {ttl: 1h, stale: 1d, tags: [a, b, a]}}
limits: {body: off, bodyRate: off, connections: $CONNECTIONS}
log: {level: debug, access: access.log}
shutdown: {grace: 5s}
`,
    { TOKEN: "0123456789abcdef", PRIMARY: "http://10.0.0.11:3000", CONNECTIONS: "7" },
  );
  expect(config.listen).toEqual([
    { host: "127.0.0.1", port: 8081 },
    { host: "::1", port: 8082 },
  ]);
  expect(config.admin).toEqual({
    address: { host: null, port: 9181 },
    token: "0123456789abcdef",
  });
  expect(config.trust).toEqual(["10.0.0.0/8", "2001:db8::/32"]);
  expect(config.health).toBeNull();
  expect(config.upstreams.get("api")).toEqual({
    name: "api",
    targets: [
      { origin: "http://10.0.0.11:3000", weight: 1, priority: 0, isLocal: true },
      { origin: "https://b.example.com", weight: 2, priority: 1, isLocal: true },
    ],
    balance: "least-conn",
    adaptive: { errorShareMax: 0.05, p99Ms: 100 },
    hash: null,
    host: { kind: "fixed", authority: "api.example.com" },
    pool: {
      connectionsMax: 5,
      queueMax: 0,
      queueTimeoutMs: 1000,
      keepAliveMs: 30_000,
      ageMaxMs: 0,
      requestsMax: 7,
    },
    protocol: "h1",
    tls: {
      caFile: null,
      certFile: null,
      keyFile: null,
      serverName: "api.internal",
      verify: true,
      minVersion: "TLSv1.3",
    },
    timeout: { connectMs: 500, headersMs: 10_000, idleMs: 30_000, totalMs: 60_000 },
    retry: expect.objectContaining({ attemptsMax: 3, when: ["reset", 503], budgetRatio: 0.05 }),
    fallback: [],
    concurrency: null,
    hedge: { quantile: 0.99, afterMsMin: 5 },
    probe: { path: "/h", everyMs: 5000, timeoutMs: 1000, statuses: [204] },
    rise: 4,
    fall: 3,
    eject: {
      after: 3,
      errorShare: 0.5,
      volumeMin: 100,
      forMs: 10_000,
      forMsMax: 300_000,
      shareMax: 0.5,
    },
    breaker: { errorShare: 0.3, volumeMin: 20, openMs: 10_000, latencyMs: 2000 },
    slowStartMs: 0,
    panicShare: 0,
    sticky: null,
  });
  // An object cannot be larger than the cache that holds it.
  expect(config.cache).toEqual({
    memoryBytesMax: 1_000_000,
    objectBytesMax: 1_000_000,
    coalesce: false,
    variantsMax: 16,
    heuristicRatio: 0.1,
    heuristicSecondsMax: 86_400,
    targetedFields: ["cdn-cache-control"],
    redis: null,
  });
  expect(config.routes.map(({ name, cache, timing }) => ({ name, cache, timing }))).toEqual([
    {
      name: "assets",
      cache: {
        kind: "rules",
        ttlSeconds: 3600,
        statusSeconds: new Map(),
        staleSeconds: 86_400,
        ttlSecondsMax: null,
        objectBytesMax: null,
        key: { query: { kind: "all", names: [], sort: false }, headers: [], cookies: [] },
        bypass: null,
        tags: ["a", "b"],
      },
      timing: false,
    },
    { name: "/*", cache: { kind: "off" }, timing: true },
  ]);
  expect(config.limits.bodyBytesMax).toBe(Number.POSITIVE_INFINITY);
  expect(config.limits.bodyBytesPerSecondMin).toBe(0);
  expect(config.limits.connectionsMax).toBe(7);
  expect(config.log).toEqual({
    level: "debug",
    access: { kind: "file", path: "/etc/edgelane/access.log" },
  });
  expect(config.shutdownGraceMs).toBe(5000);
  expect(config.warnings).toEqual([]);
});

describe("variables", () => {
  it("leave an optional key out when they are unset", () => {
    const text = "upstreams: {a: http://h:1}\nadmin: {token: $TOKEN?}\n";
    expect(parse(text).admin?.token).toBeNull();
    expect(parse(text, { TOKEN: "x".repeat(16) }).admin?.token).toBe("x".repeat(16));
  });

  it("are written with two dollars where a value begins with one", () => {
    const text = "upstreams: {a: http://h:1}\nadmin: {token: $$0123456789abcdef}\n";
    expect(parse(text).admin?.token).toBe("$0123456789abcdef");
  });
});

describe("what this version does not have", () => {
  const route = (key: string): string =>
    `upstreams: {a: http://h:1}\nroutes: [{match: /*, to: a, ${key}}]\n`;
  const top = (key: string): string => `upstreams: {a: http://h:1}\n${key}\n`;
  const rows: [key: string, text: string, severity: "error" | "warning"][] = [
    ["listen[0]", top('listen: ["https://:8443"]'), "error"],
    ["listen[0].address", top('listen: [{address: "https://:8443"}]'), "error"],
    ["listen[0].http3", top('listen: [{address: ":8443", http3: true}]'), "error"],
    ["tls", top("tls: {certificates: [{cert: c.pem, key: k.pem}]}"), "error"],
    ["routes[0].auth", route("auth: {jwt: {jwks: https://id.example.com/}}"), "error"],
    ["routes[0].limit", route("limit: {rate: 100/s, burst: 200, by: ip}"), "error"],
    ["routes[0].validate", route("validate: {openapi: openapi.yaml}"), "error"],
    ["routes[0].compress", route("compress: true"), "warning"],
    ["cache.prefetch", top("cache: {prefetch: {budget: 20%}}"), "warning"],
    ["tracing", top("tracing: {otlp: http://127.0.0.1:4318, sample: 1%}"), "warning"],
  ];
  for (const [key, text, severity] of rows) {
    it(`is ${severity === "error" ? "an error" : "a warning"}: ${text.split("\n").at(-2)}`, () => {
      const { config, problems } = checkText(text, "e.yaml", { environment: {} });
      const found = problems.map((problem) => [problem.severity, problem.key]);
      expect(found).toContainEqual([severity, key]);
      expect(problems[0]?.message).toMatch(/^not available in this version: /);
      expect(config === null).toBe(severity === "error");
    });
  }

  it("is all of the table", () => {
    const tried = new Set(
      rows.map(([key]) => key.replaceAll("[0]", "[]").replace(".a.", ".<name>.")),
    );
    expect([...new Set(UNAVAILABLE.map((row) => row.key))].sort()).toEqual([...tried].sort());
  });

  it("does not complain about what is switched off", () => {
    const text =
      top("workers: 1\ncache: {prefetch: off}") + 'listen: [{address: ":1", http3: false}]\n';
    expect(parse(text).warnings).toEqual([]);
  });
});

describe("files", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "edgelane-config-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("may be programs", async () => {
    const file = join(directory, "edgelane.ts");
    await writeFile(
      file,
      'const port: number = 3000;\nexport default { upstreams: { a: "http://h:" + port } };\n',
    );
    const config = await loadConfig(file, { environment: {} });
    expect(config.upstreams.get("a")?.targets[0]?.origin).toBe("http://h:3000");
    expect(config.file).toBe(file);
  });

  it("may hold middleware when they are programs", async () => {
    const file = join(directory, "edgelane.mjs");
    await writeFile(
      file,
      'export default { upstreams: { a: "http://h:1" }, routes: [\n' +
        '  { match: "/*", to: "a", use: [(c, next) => next()] }, ] };\n',
    );
    const config = await loadConfig(file, { environment: {} });
    expect(config.routes[0]?.use[0]).toBeTypeOf("function");
  });

  it("say which key is wrong where there are no lines", async () => {
    const file = join(directory, "edgelane.mjs");
    await writeFile(file, 'export default { upstreams: { a: "http://h:1" }, helth: "off" };\n');
    const { problems } = await checkFile(file, { environment: {} });
    expect(problems).toEqual([
      {
        severity: "error",
        place: null,
        key: "helth",
        message: "unknown key",
        suggestion: "health",
      },
    ]);
  });

  it("are refused whole: a ConfigError lists every error and no config comes of it", async () => {
    const file = join(directory, "edgelane.yaml");
    await writeFile(
      file,
      "upstreams: {a: http://h:1}\nhelth: off\nlisten: [1]\ncache: {prefetch: {}}\n",
    );
    const error = await loadConfig(file, { environment: {} }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigError);
    if (!(error instanceof ConfigError)) return;
    expect(error.message.split("\n")).toHaveLength(2);
    expect(error.problems).toHaveLength(3);
  });

  it("reject with the system's error when they cannot be read", async () => {
    const missing = loadConfig(join(directory, "none.yaml"), { environment: {} });
    await expect(missing).rejects.toMatchObject({ code: "ENOENT" });
    const program = loadConfig(join(directory, "none.ts"), { environment: {} });
    await expect(program).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("the tables", () => {
  it("know every key of the types, and the types every key of the tables", () => {
    const used = new Set<string>([
      "admin",
      "cache.prefetch",
      "cache.redis",
      "dns",
      "upstreams.<name>.breaker",
      "upstreams.<name>.concurrency",
      "upstreams.<name>.hedge",
    ]);
    collect(EVERYTHING, "", used);
    expect([...used].sort()).toEqual(CONFIG_KEYS.map((row) => row.key).sort());
  });

  it("find nothing wrong with the shape of a config that has every key", () => {
    const error = catchError(() => resolveConfig(EVERYTHING));
    const unexpected = error.problems.filter(
      ({ message }) => !/^not (?:available in this version|used: balance is)/.test(message),
    );
    expect(unexpected).toEqual([]);
  });

  it("have defaults that their own forms accept", () => {
    for (const { key, form, default: standard } of CONFIG_KEYS) {
      if (standard === null || key.endsWith(".when[]")) continue;
      expect([key, form.accepts(standard)]).toEqual([key, true]);
    }
  });

  it("give a reason for every default", () => {
    for (const row of CONFIG_KEYS)
      expect([row.key, row.reason.length > 4]).toEqual([row.key, true]);
  });

  it("hold every key that is not available yet", () => {
    for (const { key } of UNAVAILABLE) {
      const path = key.replaceAll("[]", ".0").replace("<name>", "x").split(".");
      expect(nodeAt(path.map((step) => (step === "0" ? 0 : step))), key).not.toBeNull();
    }
  });

  it("are what docs/config.md was generated from", () => {
    const page = readFileSync(new URL("../../docs/config.md", import.meta.url), "utf8");
    expect(page).toBe(configReference());
  });

  it("become a JSON Schema with descriptions, defaults and no unknown keys", () => {
    const schema = jsonSchema() as {
      additionalProperties: boolean;
      properties: Record<string, { properties?: Record<string, object> }>;
    };
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties["limits"]?.properties?.["idleTimeout"]).toMatchObject({
      type: "string",
      default: "75s",
      pattern: expect.stringContaining("ms|s|m|h|d") as string,
      description: expect.stringContaining("between two requests") as string,
    });
  });
});

function catchError(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The keys of a config as the table writes them. */
function collect(value: unknown, key: string, keys: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, `${key}[]`, keys);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const step = key === "upstreams" || key.endsWith(".status") ? "<name>" : name;
      collect(item, key === "" ? step : `${key}.${step}`, keys);
    }
  } else {
    keys.add(key);
  }
}
