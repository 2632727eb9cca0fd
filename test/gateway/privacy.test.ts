// Property, end to end: whatever many users ask for at the same time, over sockets, coalesced or
// not, by GET or by QUERY, none sees what was made for another (RFC 9111 sections 3.5, 4.1, 5.2.2.7
// and 7.3). The origin server puts the user whom it was told of into content, entity tag and
// cookie.

import fc from "fast-check";
import { expect, test } from "vitest";
import { gatewayPair } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { ask, type RawResponse, requestText } from "../support/raw-client.ts";

const pair = gatewayPair();
const USERS = ["user-0", "user-1", "user-2"] as const;

/** How the origin server marks what it made for one user, by the path; the last is for everybody. */
const MARKINGS: Readonly<Record<string, readonly string[]>> = {
  private: ["Cache-Control: private, max-age=60"],
  "no-store": ["Cache-Control: no-store"],
  "no-cache": ["Cache-Control: no-cache", "ETag"],
  "stale-at-once": ["Cache-Control: max-age=0", "ETag"],
  vary: ["Cache-Control: max-age=60", "Vary: Cookie, Authorization"],
  "vary-swr": ["Cache-Control: max-age=0, stale-while-revalidate=60", "Vary: cookie,AUTHORIZATION"],
  "vary-star": ["Cache-Control: max-age=60", "Vary: *"],
  "cookie-by-guess": ["Last-Modified: Mon, 22 Dec 2025 00:00:00 GMT", "Set-Cookie"],
  // Routes with a ttl: the origin server marks nothing, and it must not matter.
  "ttl/a": ["X-Unmarked: 1"],
  "ttl-key/a": ["X-Unmarked: 1"],
  "ttl-cookie/a": ["X-Unmarked: 1", "Set-Cookie"],
  "ttl-bypass/a": ["X-Unmarked: 1"],
};

const page: OriginScript = async (connection) => {
  for (;;) {
    const head = await connection.readHead();
    await connection.readContent(head);
    // Others arrive meanwhile: gateway and clients run in this very thread.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    const path = /^\S+ \/([^ ?]*)/.exec(head)?.[1] ?? "";
    const user = /user-\d/.exec(head.replace(/if-none-match: .*/i, ""))?.[0] ?? "nobody";
    const lines = (MARKINGS[path] ?? []).map((line) => {
      if (line === "ETag") return `ETag: "${user}"`;
      return line === "Set-Cookie" ? `Set-Cookie: session=${user}` : line;
    });
    if (new RegExp(`if-none-match: "${user}"`, "i").test(head)) {
      await connection.send(`HTTP/1.1 304 Not Modified\r\n${lines.join("\r\n")}\r\n\r\n`);
    } else {
      await connection.send(answer(`made for ${user}`, ...lines));
    }
  }
};

const request = fc.record({
  user: fc.constantFrom(...USERS),
  method: fc.constantFrom("GET", "GET", "GET", "QUERY"),
  by: fc.constantFrom("Cookie: session=", "Authorization: Bearer "),
  which: fc.constantFrom(0 as const, 1 as const),
  extra: fc.constantFrom("", "", "", "Cache-Control: no-cache", "Cache-Control: max-stale=99"),
  range: fc.constantFrom("", "", "", "Range: bytes=0-15", 'If-None-Match: "user-0"'),
});
const requests = fc.array(request, { minLength: 8, maxLength: 24 });
const path = fc.constantFrom(...Object.keys(MARKINGS));
const paths = fc.tuple(path, path);

function serve() {
  const ttl = { ttl: "1m", stale: "1m" } as const;
  return pair.serve(page, {
    routes: [
      { match: "/*", to: "app" },
      { match: "/ttl/*", to: "app", cache: ttl },
      { match: "/ttl-key/*", to: "app", cache: { ...ttl, key: { cookies: ["session"] } } },
      { match: "/ttl-cookie/*", to: "app", cache: ttl },
      { match: "/ttl-bypass/*", to: "app", cache: { ...ttl, bypass: { cookies: ["session"] } } },
    ],
  });
}

function foreign(user: string, response: RawResponse): string[] {
  const seen = `${response.head}${response.content.toString("latin1")}`;
  return USERS.filter((other) => other !== user && seen.includes(other));
}

test("two users never see each other's response", { timeout: 120_000 }, async () => {
  const port = await serve();
  let hits = 0;
  let queryHits = 0;
  let collapsed = 0;
  let round = 0;
  await fc.assert(
    fc.asyncProperty(paths, requests, async (two, wave) => {
      round++;
      // The second wave meets what the first one has stored.
      for (const sent of [wave, wave.toReversed()]) {
        const responses = await Promise.all(
          sent.map(({ user, method, by, which, extra, range }) => {
            const lines = [`${by}${user}`, extra, range].filter((line) => line !== "");
            if (method === "QUERY") lines.push("Content-Type: text/q", "Content-Length: 1");
            const content = method === "QUERY" ? "q" : "";
            return ask(port, requestText(method, `/${two[which]}?${round}`, lines) + content);
          }),
        );
        for (const [index, response] of responses.entries()) {
          expect(foreign(sent[index]?.user ?? "", response)).toEqual([]);
          const status = response.field("cache-status") ?? "";
          if (status.includes("; hit")) hits++;
          if (status.includes("; hit") && sent[index]?.method === "QUERY") queryHits++;
          if (status.includes("; collapsed")) collapsed++;
        }
      }
    }),
    { numRuns: 90 },
  );
  // Otherwise nothing was shared that could have been shared wrongly.
  const counts = [hits > 50, queryHits > 5, collapsed > 5];
  expect(counts, `${hits} ${queryHits} ${collapsed}`).toEqual([true, true, true]);
});

test("the property can fail: a response that says it is for all goes to all", async () => {
  const port = await pair.serve(async (connection) => {
    const head = await connection.readHead();
    const user = /user-\d/.exec(head)?.[0] ?? "";
    await connection.send(answer(`made for ${user}`, "Cache-Control: public, max-age=60"));
  });
  await ask(port, requestText("GET", "/", ["Cookie: session=user-0"]));
  const other = await ask(port, requestText("GET", "/", ["Cookie: session=user-1"]));
  expect(foreign("user-1", other)).toEqual(["user-0"]);
});
