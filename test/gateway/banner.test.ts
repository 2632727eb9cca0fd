// Tests what start-up says: the banner word for word, and that neither form shows a secret.

import { describe, expect, it } from "vitest";
import { bannerJson, bannerText, inactiveFeatures } from "../../src/gateway/banner.ts";
import type { StartUp } from "../../src/gateway/banner.ts";
import { resolveConfig } from "../../src/gateway/config.ts";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";

function start(config: EdgelaneConfig, more: Partial<StartUp> = {}): StartUp {
  return {
    version: "1.2.3",
    elapsedMs: 123.4,
    config: resolveConfig(config, { environment: {}, memoryBytes: 2 ** 40 }),
    urls: ["http://localhost:8080", "http://gateway:8081"],
    adminUrl: "http://localhost:9180",
    workers: 1,
    engine: "wasm-simd",
    redis: null,
    links: [],
    hints: [],
    ...more,
  };
}

const plain = (_style: string, text: string): string => text;

describe("the banner", () => {
  it("says everything that a newcomer looks for", () => {
    const text = bannerText(
      start(
        {
          upstreams: {
            api: { targets: ["http://h:1", "http://h:2", "http://h:3", "http://h:4"] },
            web: "http://w:1",
          },
          routes: [
            { match: "/a", to: "api" },
            { match: "/b", to: "api" },
            { match: "/c", to: "web" },
            { match: "/*", to: "web" },
          ],
          tracing: { sample: "1%" },
        },
        { links: [{ url: "http://localhost:8080/x", about: "a page" }], hints: ["look"] },
      ),
      plain,
    );
    expect(text.split("\n").slice(0, 13)).toEqual([
      "",
      "  edgelane 1.2.3  ready in 123 ms",
      "",
      "  listen    http://localhost:8080",
      "            http://gateway:8081",
      "  admin     http://localhost:9180",
      "  metrics   http://localhost:9180/metrics",
      "  health    http://localhost:8080/health",
      "  config    none (defaults)",
      "  routes    /a -> api, /b -> api, /c -> web and 1 more",
      "  upstream  api: 4 targets, not checked (http://h:1, http://h:2, http://h:3, …)",
      "            web: 1 target, not checked (http://w:1)",
      "  cache     512 MB in memory",
    ]);
    expect(text).toMatch(/^ {2}off {7}second cache tier \(cache\.redis is not set\)$/m);
    expect(text).toMatch(/^ {2}warning {3}config: warning: tracing: not available/m);
    expect(text).toMatch(/^ {2}hint {6}look$/m);
    expect(text).toMatch(/^ {2}http:\/\/localhost:8080\/x {2}a page$/m);
  });

  it("does not show the admin token", () => {
    const token = "0123456789abcdef";
    const secret = start({ upstreams: { a: "http://h:1" }, admin: { token } });
    expect(bannerText(secret, plain)).toContain("http://localhost:9180 (with token)");
    expect(bannerText(secret, plain)).not.toContain(token);
    expect(bannerJson(secret, 0)).not.toContain(token);
  });
});

describe("the line for collectors", () => {
  it("is one line of JSON with the same facts", () => {
    const line = bannerJson(start({ upstreams: { a: "http://h:1" } }), Date.UTC(2026, 0, 1));
    expect(line).not.toContain("\n");
    expect(JSON.parse(line)).toMatchObject({
      level: "info",
      time: "2026-01-01T00:00:00.000Z",
      msg: "serving",
      version: "1.2.3",
      startUpMs: 123,
      config: null,
      listen: ["http://localhost:8080", "http://gateway:8081"],
      admin: "http://localhost:9180",
      routes: 1,
      targets: { a: 1 },
      engine: "wasm-simd",
      warnings: [],
    });
  });
});

describe("what is off", () => {
  const rows: [string, Partial<EdgelaneConfig>][] = [
    ["admin listener, metrics and readiness (admin: off)", { admin: "off" }],
    ["health path (health: off)", { health: "off" }],
    ["cache (cache.memory: off)", { cache: { memory: "off" } }],
    ["coalescing (cache.coalesce: false)", { cache: { coalesce: false } }],
    ["access log (log.access: off)", { log: { access: "off" } }],
  ];
  for (const [feature, config] of rows) {
    it(feature, () => {
      const upstreams = { a: "http://h:1" };
      expect(inactiveFeatures(start({ upstreams, ...config }).config)).toContain(feature);
      expect(inactiveFeatures(start({ upstreams }).config)).not.toContain(feature);
    });
  }
});
