// `edgelane explain`: from a config file alone, and from a running gateway.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { edgelane } from "../support/command.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";

let directory = "";
let gateway: TestGateway;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-explain-"));
  writeFileSync(
    join(directory, "edgelane.yaml"),
    `upstreams: {app: http://127.0.0.1:1}
log: {access: access.log}
routes:
  - {match: example.com/api/*, name: api, to: app, cache: off}
  - match: /*
    name: all
    to: app
    cache: {status: {404: 1m}, key: {query: {allow: [q]}, headers: [X-A, X-B]}}
`,
  );
  gateway = await startGateway({ upstreams: { app: "http://127.0.0.1:1" } });
});
afterAll(async () => {
  await gateway.close();
  rmSync(directory, { recursive: true });
});

const explain = (...args: string[]) => edgelane(["explain", ...args], { directory });

describe("from the config file", () => {
  test("for people", async () => {
    const { code, stdout } = await explain("GET", "http://example.com/?x=1&q=2", "-H", "X-A: 1");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^GET http:\/\/example\.com\/\?x=1&q=2\n\n {2}MISS {2}nothing is stored for this URI/,
    );
    expect(stdout).toMatch(/^route +all \(\/\*\) -> app$/m);
    expect(stdout).toMatch(/^key +http:\/\/example\.com\/\?q=2$/m);
    expect(stdout).toMatch(/^ +selected by x-a: 1$/m);
    expect(stdout).toMatch(/^ +not in it, and not forwarded: \?x$/m);
    expect(stdout).toMatch(/^would change it +any response to this request that may be stored/m);
    expect(stdout).toMatch(
      /^ +yes {2}uri_miss +nothing is stored for this URI \(RFC 9211 2\.2\)$/m,
    );
    expect(stdout).toMatch(/^stores +404: 60 s$/m);
    expect(stdout).toMatch(/--live/);
  });

  test("as JSON, with several fields", async () => {
    const fields = ["-H", "X-A: 1", "--header", "X-B: 2"];
    const { stdout } = await explain("GET", "http://example.com/", ...fields, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      live: false,
      route: { name: "all" },
      key: { selectedBy: { "x-a": "1", "x-b": "2" } },
    });
  });

  test("whether a response would be stored, and what would change that", async () => {
    const { stdout } = await explain(
      ...["GET", "http://example.com/", "--status", "200"],
      ...["--response", "Cache-Control: private", "--response", 'ETag: "1"'],
    );
    expect(stdout).toMatch(
      /^ {2}200 NOT STORED {2}the response says private \(RFC 9111 5\.2\.2\.7\)$/m,
    );
    expect(stdout).toMatch(/^would change it +the response without Cache-Control: private$/m);
    const stored = await explain(
      ...["GET", "http://example.com/", "--response", "Cache-Control: max-age=60"],
    );
    expect(stored.stdout).toMatch(
      /^ {2}200 STORED .*\n {2}fresh for 60 s: max-age \(RFC 9111 5\.2\.2\.1\)$/m,
    );
  });

  test("which route lost", async () => {
    const { stdout } = await explain("GET", "http://example.com/api/x");
    expect(stdout).toMatch(/^route +api .*\n +less specific: all \(\/\*\)$/m);
    expect(stdout).toMatch(/^ {2}BYPASS {2}the route does not cache \(route\)$/m);
    expect(stdout).toMatch(/^would change it +cache: auto, or cache: \{ttl: 1m\}, on route api$/m);
  });
});

test("from a running gateway", async () => {
  const admin = ["--live", "--admin", `127.0.0.1:${gateway.adminPort}`];
  const { code, stdout } = await explain("GET", "http://example.com/", ...admin, "--json");
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { live: true, cache: { tier: null } }]);
});

describe("mistakes", () => {
  test.each<[string, string[], number, RegExp]>([
    ["no URL", ["GET"], 2, /takes a method and a URL/],
    ["no URL of http", ["GET", "/path"], 2, /"\/path" is not a URL of http or https/],
    ["no field line", ["GET", "http://a/", "-H", "x"], 2, /written as 'Name: value'/],
    ["both sources", ["GET", "http://a/", "--live", "-c", "f"], 2, /not both/],
    ["no gateway", ["GET", "http://a/", "--live", "--admin", "127.0.0.1:1"], 3, /no admin API/],
    ["no route", ["GET", "http://a/health"], 1, /^$/],
    ["no status", ["GET", "http://a/", "--status", "ok"], 2, /"ok" is not a status code/],
    ["no response", ["GET", "http://a/", "--response", "x"], 2, /written as 'Name: value'/],
  ])("%s", async (_name, args, code, message) => {
    const finished = await explain(...args);
    expect([finished.code, finished.stderr]).toEqual([code, expect.stringMatching(message)]);
  });
});
