// Which route a request takes, and what the gateway answers itself: hosts, methods, paths, the most
// specific first (RFC 9110 sections 7.1 and 9, RFC 3986 section 6.2.2), over real sockets.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { byPath, echo } from "../support/origin-scripts.ts";
import { ask, get, requestText } from "../support/raw-client.ts";

let origin: TestOrigin;
let gateway: TestGateway;

const ROUTES = [
  { match: "/*", name: "all" },
  { match: "/api/*", name: "api" },
  { match: "GET /api/*", name: "api-get" },
  { match: "GET /api/users", name: "users" },
  { match: "GET /api/*/detail", name: "detail" },
  { match: "POST /api/users", name: "create" },
  { match: "/admin", name: "admin" },
  { match: "example.com/api/*", name: "exact-host" },
  { match: "*.example.com/api/*", name: "wildcard-host" },
  { match: "[::1]/v6", name: "v6" },
  { match: "/a%2Fb/%7Euser", name: "escaped" },
  { match: "PURGE /api/*", name: "extension-method" },
].map((route) => ({ ...route, to: "app", cache: "off" as const }));

beforeEach(async () => {
  origin = await startOrigin(echo);
  gateway = await startGateway({ upstreams: { app: origin.url }, routes: ROUTES });
});
afterEach(async () => {
  await origin.close();
  await gateway.close();
});

/** Name of the route that took the request, as the access log has it. */
async function routeOf(method: string, path: string, ...lines: string[]): Promise<string> {
  const response = await ask(gateway.port, requestText(method, path, lines));
  expect(response.status).toBe(200);
  const [line] = await gateway.log(1);
  return line?.endpoint ?? "";
}

describe("the most specific route", () => {
  test.each([
    ["any path", "GET", "/", [], "all"],
    ["a prefix", "DELETE", "/api/x", [], "api"],
    ["a prefix itself", "DELETE", "/api", [], "api"],
    ["a segment that only begins like it", "GET", "/apiary", [], "all"],
    ["a method before any", "GET", "/api/x", [], "api-get"],
    ["a literal before a prefix", "GET", "/api/users", [], "users"],
    ["the query is no part of the path", "GET", "/api/users?a=/admin", [], "users"],
    ["a trailing slash is another path", "GET", "/api/users/", [], "api-get"],
    ["one segment", "GET", "/api/7/detail", [], "detail"],
    ["POST", "POST", "/api/users", ["Content-Length: 0"], "create"],
    ["a method of an extension", "PURGE", "/api/x", [], "extension-method"],
    ["methods are case-sensitive", "get", "/api/users", [], "api"],
    ["GET covers HEAD", "HEAD", "/api/users", [], "users"],
    ["an exact host", "GET", "/api/users", ["Host: example.com"], "exact-host"],
    ["in any case", "GET", "/api/users", ["Host: EXAMPLE.com"], "exact-host"],
    ["with a port", "GET", "/api/users", ["Host: example.com:8080"], "exact-host"],
    ["with a dot behind it", "GET", "/api/users", ["Host: example.com."], "exact-host"],
    ["with a dot and a port", "GET", "/api/users", ["Host: example.com.:80"], "exact-host"],
    ["with letters encoded", "GET", "/api/users", ["Host: %45xample.%63om%2E"], "exact-host"],
    ["a dot alone names none", "GET", "/api/users", ["Host: ."], "users"],
    ["a wildcard with a dot", "GET", "/api/users", ["Host: a.EXAMPLE.com."], "wildcard-host"],
    ["a wildcard", "GET", "/api/users", ["Host: www.example.com"], "wildcard-host"],
    ["of several labels", "GET", "/api/users", ["Host: a.b.example.com"], "wildcard-host"],
    ["which ends at a dot", "GET", "/api/users", ["Host: badexample.com"], "users"],
    ["host before path", "GET", "/api/users", ["Host: example.com"], "exact-host"],
    ["but only with its path", "GET", "/x", ["Host: example.com"], "all"],
    ["an IPv6 literal", "GET", "/v6", ["Host: [::1]:80"], "v6"],
    [
      "an absolute-form target",
      "GET",
      "http://example.com/api/x",
      ["Host: example.com"],
      "exact-host",
    ],
    ["RFC 3986 6.2.2.2: %61 is a", "GET", "/%61dmin", [], "admin"],
    ["a run of slashes is one", "GET", "//admin", [], "admin"],
    ["a run of slashes within", "DELETE", "/api///x", [], "api"],
    ["slashes of the query", "GET", "/?x=//admin", [], "all"],
    ["RFC 3986 6.2.2.2: in a prefix", "DELETE", "/%61%70i/x", [], "api"],
    ["%2F is no slash", "GET", "/api%2Fusers", [], "all"],
    ["escapes of a route are compared like a path's", "GET", "/a%2fb/~user", [], "escaped"],
    ["a colon", "GET", "/:host/admin", [], "all"],
    ["a star", "GET", "/api/*/detail", [], "detail"],
  ])("%s: %s %s", async (_name, method, path, lines, route) => {
    expect(await routeOf(method, path, ...lines)).toBe(route);
  });

  test("the origin gets the target as it was sent", async () => {
    await get(gateway.port, "/%61dmin?q=%61&x=*");
    expect(origin.heads[0]).toMatch(/^GET \/%61dmin\?q=%61&x=\* HTTP\/1\.1\r\n/);
  });

  test.each(["/api/../admin", "/api/%2e%2E/admin", "/./admin", "/api/.%2e"])(
    "dot segments that would lead to another route are refused: %s",
    async (path) => {
      const response = await get(gateway.port, path);
      expect(response.status).toBe(400);
      expect(origin.accepted).toBe(0);
    },
  );

  test("an absolute-form target goes on in origin-form (RFC 9112 3.2.2)", async () => {
    await ask(gateway.port, "GET http://a.test?x HTTP/1.1\r\nHost: a.test\r\n\r\n");
    expect(origin.heads[0]).toMatch(/^GET \/\?x HTTP\/1\.1\r\nhost: a\.test\r\n/i);
  });
});

describe("what the gateway answers itself", () => {
  test("the health path, on any host, and HEAD of it", async () => {
    const response = await get(gateway.port, "/health");
    expect([response.status, response.text]).toEqual([200, '{"status":"ok"}\n']);
    expect(response.field("cache-control")).toBe("no-store");
    expect(response.field("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
    const head = await ask(gateway.port, requestText("HEAD", "/health", ["Host: other.test"]));
    expect([head.status, head.field("content-length")]).toEqual([200, "16"]);
    expect(origin.heads).toEqual([]);
    const lines = await gateway.log(2);
    expect(lines.map((line) => line.endpoint)).toEqual(["health", "health"]);
  });

  test("TRACE is refused with 405 and Allow (RFC 9110 9.3.8)", async () => {
    const response = await ask(gateway.port, requestText("TRACE", "/", ["Cookie: secret=1"]));
    expect(response.status).toBe(405);
    expect(response.field("allow")).toBe("GET, HEAD, QUERY, POST, PUT, DELETE, PATCH, OPTIONS");
    expect(response.text).not.toContain("secret");
    expect(origin.heads).toEqual([]);
  });

  test("CONNECT is refused with 405 (RFC 9110 9.3.6)", async () => {
    const request = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n";
    const response = await ask(gateway.port, request);
    expect(response.status).toBe(405);
    expect(origin.accepted).toBe(0);
  });

  test("OPTIONS * goes to the route that takes everything (RFC 9112 3.2.4)", async () => {
    const response = await ask(gateway.port, requestText("OPTIONS", "*"));
    expect(response.status).toBe(200);
    expect(origin.heads[0]).toMatch(/^OPTIONS \* HTTP\/1\.1\r\n/);
  });
});

describe("without a route that takes everything", () => {
  beforeEach(async () => {
    await gateway.close();
    gateway = await startGateway({
      upstreams: { app: origin.url },
      health: "off",
      routes: [
        { match: "GET example.com/a", to: "app" },
        { match: "/b", to: "app" },
      ],
    });
  });

  test("no route is 404 with its reason everywhere", async () => {
    const response = await get(gateway.port, "/nowhere?secret=1");
    expect(response.status).toBe(404);
    expect(response.field("proxy-status")).toMatch(
      /^edgelane; error=destination_not_found; details="no_route: /,
    );
    expect(response.field("cache-control")).toBe("no-store");
    expect(response.text).not.toContain("secret");
    const [line] = await gateway.log(1);
    expect(line).toMatchObject({ status: 404, reason: "no_route", endpoint: "none" });
    expect(await gateway.metric("gateway_failures_total", { reason: "no_route" })).toBe(1);
    const labels = { method: "GET", endpoint: "none", status: "404" };
    expect(await gateway.metric("gateway_requests_total", labels)).toBe(1);
  });

  test.each([
    ["another host", "GET", "/a", ["Host: b.test"]],
    ["another method", "POST", "/a", ["Host: example.com"]],
    ["a health path that is off", "GET", "/health", []],
    ["OPTIONS * is not /b", "OPTIONS", "*", []],
    ["nor on a host with routes", "OPTIONS", "*", ["Host: example.com"]],
  ])("%s is 404", async (_name, method, path, lines) => {
    expect((await ask(gateway.port, requestText(method, path, lines))).status).toBe(404);
    expect(origin.accepted).toBe(0);
  });

  test.each(["TRACE", "CONNECT"])("%s is 405, not 404", async (method) => {
    const target = method === "CONNECT" ? "a.test:443" : "/nowhere";
    const response = await ask(gateway.port, requestText(method, target, ["Host: a.test:443"]));
    expect(response.status).toBe(405);
  });

  test("HTTP/1.0 without Host takes a route without a host", async () => {
    const response = await ask(gateway.port, "GET /b HTTP/1.0\r\n\r\n");
    expect(response.status).toBe(200);
    expect((await ask(gateway.port, "GET /a HTTP/1.0\r\n\r\n")).status).toBe(404);
  });
});

test("several targets share the requests, and one that is down is passed over", async () => {
  const other = await startOrigin(
    byPath({ "/": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother" }),
  );
  const down = await startOrigin(echo);
  const { url } = down;
  await down.close();
  const both = await startGateway({
    upstreams: { app: { targets: [url, other.url], balance: "round-robin" } },
  });
  for (let turn = 0; turn < 4; turn++) {
    expect((await get(both.port, "/")).text).toBe("other");
  }
  const lines = await both.log(4);
  expect(lines.map((line) => line.target)).toEqual(Array(4).fill(other.host));
  await other.close();
  await both.close();
});
