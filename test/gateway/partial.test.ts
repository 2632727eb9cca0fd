// Ranges over sockets (RFC 9110 sections 14 and 15.3.7, RFC 9111 sections 3.3 and 3.4): whatever is
// asked for, in any order, while the content changes and is purged, every answer is a true piece of
// one version that could be current, and of nobody else's. The model is the origin server itself.

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { shiftedClock } from "../support/gateway.ts";
import { gatewayPair } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { linesOf, pattern, valuesOf } from "../support/origin-scripts.ts";
import { serveRange } from "../support/range-origin.ts";
import { ask, get, type RawResponse, requestText } from "../support/raw-client.ts";

const pair = gatewayPair();
let clock: ReturnType<typeof shiftedClock>;

beforeEach(() => {
  clock = shiftedClock();
});
afterEach(() => clock.restore());

const LENGTH = 3000;
const USERS = ["ann", "bob"] as const;
const FRESH_MS = 10_000;

/** What the origin server says of each path; U: the content is one user's. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  "/file": ["Cache-Control: max-age=10"],
  "/swr": ["Cache-Control: max-age=5, stale-while-revalidate=5"],
  "/check": ["Cache-Control: no-cache"],
  "/U/vary": ["Cache-Control: max-age=10", "Vary: Cookie, Authorization"],
  "/U/private": ["Cache-Control: private, max-age=10"],
  "/U/check": ["Cache-Control: no-cache", "Vary: Cookie, Authorization"],
};

/** The content of a version of a path, for a user or for all. */
function contentOf(etag: string): string {
  let seed = 7;
  for (const char of etag) seed = (seed * 31 + char.charCodeAt(0)) % 1_000_003;
  return pattern(LENGTH, seed + 1).toString("latin1");
}

function etagOf(path: string, user: string, version: number): string {
  return `"${path}${path.startsWith("/U") ? user : "all"}-${version}"`;
}

/** Serves the version that `version` gives at the time. */
function files(version: () => number): OriginScript {
  return async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      const path = /^\S+ (\S+)/.exec(head)?.[1]?.split("?")[0] ?? "";
      const user = USERS.find((one) => head.includes(`=${one}`)) ?? "nobody";
      const etag = etagOf(path, user, version());
      const lines = [...(PATHS[path] ?? []), `ETag: ${etag}`, "Content-Type: a/b"];
      const fields = lines.flatMap((line) => line.split(": "));
      const received = linesOf(head).flat();
      const answer = serveRange(received, { content: contentOf(etag), fields });
      const body = head.startsWith("HEAD") ? "" : answer.content;
      const start = `HTTP/1.1 ${answer.head.status} x\r\n${pairs(answer.head.fields)}\r\n`;
      await connection.send(Buffer.from(start + body, "latin1"));
    }
  };
}

function pairs(fields: readonly string[]): string {
  return fields.map((part, index) => `${part}${index % 2 === 0 ? ": " : "\r\n"}`).join("");
}

/** The parts of a response by their ranges; what it holds has to be what each of them says. */
function partsOf(response: RawResponse): [range: string, content: string][] {
  const type = response.field("content-type") ?? "";
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(type)?.[1];
  const content = response.content.toString("latin1");
  if (boundary === undefined) return [[response.field("content-range") ?? "", content]];
  const pieces = content.split(`\r\n--${boundary}`);
  expect([pieces[0], pieces.at(-1)]).toEqual(["", "--\r\n"]);
  return pieces.slice(1, -1).map((piece) => {
    const end = piece.indexOf("\r\n\r\n") + 4;
    return [valuesOf(piece.slice(0, end), "content-range")[0] ?? "", piece.slice(end)];
  });
}

/** Asserts that the response is a true piece of what its entity tag names. */
function expectTrue(response: RawResponse, etag: string): void {
  const whole = contentOf(etag);
  if (response.status === 200) {
    expect(response.content.toString("latin1") === whole).toBe(true);
    return;
  }
  expect(response.status).toBe(206);
  for (const [range, content] of partsOf(response)) {
    const [, first, last, length] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range) ?? [];
    expect(length).toBe(String(LENGTH));
    expect(content === whole.slice(Number(first), Number(last) + 1)).toBe(true);
  }
}

const at = fc.nat(LENGTH - 1);
const range = fc.oneof(
  fc.constant(""),
  fc.tuple(at, fc.nat(1500)).map(([start, size]) => `${start}-${start + size}`),
  at.map((start) => `${start}-`),
  fc.integer({ min: 1, max: LENGTH }).map((size) => `-${size}`),
  fc.tuple(at, at).map(([a, b]) => `${Math.min(a, b)}-${Math.min(a, b) + 9},${Math.max(a, b)}-`),
  fc.constant("0-99,1000-1099,2900-"),
  fc.constant("5000-"),
);
const request = fc.record({
  kind: fc.constant("request" as const),
  path: fc.constantFrom(...Object.keys(PATHS)),
  user: fc.constantFrom(...USERS),
  by: fc.constantFrom("Cookie: u=", "Authorization: u="),
  range,
  ifRange: fc.constantFrom("", "", "", "current", "old"),
  extra: fc.constantFrom("", "", "", "Cache-Control: no-cache", "Cache-Control: max-age=3"),
});
const step = fc.oneof(
  { weight: 12, arbitrary: fc.array(request, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant("change" as const) },
  { weight: 2, arbitrary: fc.constantFrom(2000, 6000, 12_000) },
  { weight: 1, arbitrary: fc.constantFrom("purge" as const, "soft" as const) },
);

test("every answer is true, current enough, and one's own", { timeout: 120_000 }, async () => {
  let version = 1;
  let nowMs = 0;
  /** When each version gave way to the next. */
  let endedMs: number[] = [];
  const port = await pair.serve(files(() => version));
  const seen = { hit: 0, partial: 0, multipart: 0, spliced: 0 };
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      round++;
      endedMs = Array.from({ length: version }, () => Number.NEGATIVE_INFINITY);
      for (const one of steps) {
        if (typeof one === "number") {
          clock.advance(one);
          nowMs += one;
        } else if (one === "change") {
          endedMs[version++] = nowMs;
        } else if (one === "purge" || one === "soft") {
          await pair.gateway.admin("POST", "/purge", { all: true, soft: one === "soft" });
        } else {
          const responses = await Promise.all(
            one.map(({ path, user, by, range: asked, ifRange, extra }) => {
              const tag = etagOf(path, user, ifRange === "old" ? version - 1 : version);
              const lines = [`${by}${user}`, extra].filter((line) => line !== "");
              if (asked !== "") lines.push(`Range: bytes=${asked}`);
              if (ifRange !== "" && asked !== "") lines.push(`If-Range: ${tag}`);
              return ask(port, requestText("GET", `${path}?${round}`, lines));
            }),
          );
          for (const [index, response] of responses.entries()) {
            const { path = "", user = "", range: asked = "" } = one[index] ?? {};
            const etag = response.field("etag") ?? "";
            const sent = Number(/-(\d+)"$/.exec(etag)?.[1]);
            expect(etag).toBe(etagOf(path, user, sent));
            // What has been replaced for longer than it is fresh is nobody's any more.
            const isCurrent = sent === version || nowMs - (endedMs[sent] ?? 0) < FRESH_MS + 1000;
            expect(isCurrent && (sent === version || !path.endsWith("check"))).toBe(true);
            if (asked === "5000-" && response.status === 416) continue;
            expectTrue(response, etag);
            const status = response.field("cache-status") ?? "";
            if (status.includes("; hit")) seen.hit++;
            if (status.includes("; hit") && response.status === 206) seen.partial++;
            if (status.includes("fwd=partial")) seen.spliced++;
            if (response.field("content-type")?.startsWith("multipart") === true) seen.multipart++;
          }
        }
      }
    }),
    { numRuns: 60 },
  );
  // Otherwise nothing was tried that could have gone wrong.
  expect(
    Object.values(seen).every((count) => count > 5),
    JSON.stringify(seen),
  ).toBe(true);
});

describe("over sockets", () => {
  test("a part, its rest, and the whole as a plain hit", async () => {
    const port = await pair.serve(files(() => 1));
    const whole = contentOf(etagOf("/file", "", 1));
    const part = await get(port, "/file", "Range: bytes=0-999");
    expect(part.field("cache-status")).toBe(
      "edgelane; fwd=uri-miss; fwd-status=206; ttl=10; stored",
    );
    const rest = await get(port, "/file");
    expect([rest.status, rest.field("content-range"), rest.field("content-length")]).toEqual([
      200,
      undefined,
      "3000",
    ]);
    expect(rest.content.toString("latin1") === whole).toBe(true);
    expect(rest.field("cache-status")).toMatch(/^edgelane; fwd=partial; fwd-status=206; ttl=\d+; /);
    const hit = await get(port, "/file");
    expect(hit.field("cache-status")).toMatch(/^edgelane; hit; ttl=\d+$/);
    expect(hit.content.toString("latin1") === whole).toBe(true);
    expect(pair.origin.heads.map((head) => valuesOf(head, "range")[0])).toEqual([
      "bytes=0-999",
      "bytes=1000-",
    ]);
    const lines = await pair.gateway.log(3);
    expect(lines.map((line) => line.cache)).toEqual(["miss", "partial", "hit"]);
  });

  test("an origin server that leaves within the rest: broken off, then whole", async () => {
    const etag = etagOf("/file", "", 1);
    const fields = ["Cache-Control", "max-age=10", "ETag", etag];
    const of = { content: contentOf(etag), fields };
    const port = await pair.serve(async (connection) => {
      const head = await connection.readHead();
      const { head: sent, content } = serveRange(linesOf(head).flat(), of);
      const isRest = pair.origin.heads.length === 2;
      const start = `HTTP/1.1 ${sent.status} x\r\n${pairs(sent.fields)}Connection: close\r\n\r\n`;
      await connection.send(
        Buffer.from(start + (isRest ? content.slice(0, 5) : content), "latin1"),
      );
      connection.end();
    });
    await get(port, "/file", "Range: bytes=0-999");
    await expect(get(port, "/file").then(({ status }) => status)).rejects.toThrow();
    const again = await get(port, "/file");
    expect(again.content.toString("latin1") === of.content).toBe(true);
    expect(pair.origin.heads.map((head) => valuesOf(head, "range")[0])).toEqual([
      "bytes=0-999",
      "bytes=1000-",
      "bytes=1000-",
    ]);
  });
});
