// The parts of `edgelane warm` that need no gateway: lists, sitemaps, what a response says, pace.

import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Outcome, outcomeOf, worstOf } from "../../src/cli/warm/outcome.ts";
import { Pace, retryAfterMs } from "../../src/cli/warm/pace.ts";
import { readSitemap, SitemapError } from "../../src/cli/warm/sitemap.ts";
import { outcomeLine, Tally } from "../../src/cli/warm/tally.ts";
import { linesOf, readLine } from "../../src/cli/warm/url-list.ts";
import { WorkList } from "../../src/cli/warm/work-list.ts";

const plain = (_style: unknown, text: string): string => text;

/** The bytes in pieces of `size`. */
async function* pieces(content: Uint8Array | string, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let start = 0; start < bytes.length; start += size)
    yield bytes.subarray(start, start + size);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("a list", () => {
  test.each<[string, string | null]>([
    ["", null],
    ["   ", null],
    ["# http://a.test/", null],
    ["/a?b=1", "http://h:8080/a?b=1"],
    [" http://a.test ", "http://a.test/"],
    ["https://A.test:443/x#top", "http://a.test/x"],
    ["http://a.test:8080/ü b", "http://a.test:8080/%C3%BC%20b"],
    ["http://a.test/x/../y", "http://a.test/y"],
    ["//a.test/x", "http://h:8080//a.test/x"],
  ])("%j is %s", (line, expected) => {
    const reading = readLine(line, "h:8080");
    if (reading !== null && "problem" in reading) throw new Error(reading.problem);
    expect(reading && `http://${reading.authority}${reading.path}`).toBe(expected);
  });

  test.each([
    ["nonsense", '"nonsense" is neither a URL of http nor a path'],
    ["ftp://a.test/", '"ftp://a.test/" is neither a URL of http nor a path'],
    ["http://", '"http://" is neither a URL of http nor a path'],
    ["\u001b[2J", '"?[2J" is neither a URL of http nor a path'],
    ["http://u:p@a.test/", "a URL with a user name: give --header 'Authorization: …' instead"],
  ])("%j is refused", (line, problem) => {
    expect(readLine(line, "h")).toEqual({ problem });
  });

  test("comes in pieces, with either end of line, and without one at its end", async () => {
    const lines = await all(linesOf(pieces("/ä\n\n/b\r\n/c", 1)));
    expect(lines.map((line) => line.trim())).toEqual(["/ä", "", "/b", "/c"]);
  });

  test("a line without end is not kept", async () => {
    const [line = ""] = await all(linesOf(pieces("x".repeat(1_000_000), 65_536)));
    expect(line).toHaveLength(16_384);
  });
});

const SITEMAP = `<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://image">
  <url><loc> http://a.test/?a=1&amp;b=2 </loc><lastmod>2026-01-01</lastmod>
    <image:image><image:loc>http://a.test/picture</image:loc></image:image></url>
  <url><loc><![CDATA[http://a.test/ü]]></loc></url><url><priority>1</priority></url>
</urlset>`;
const INDEX = `<s:sitemapindex xmlns:s="http://www.sitemaps.org/schemas/sitemap/0.9">
  <s:sitemap><s:loc>http://a.test/1.xml</s:loc></s:sitemap></s:sitemapindex>`;

describe("sitemaps.org 0.9", () => {
  test.each([
    ["plain", SITEMAP],
    ["gzip", gzipSync(SITEMAP)],
  ])("pages of a sitemap, %s, byte by byte", async (_name, content) => {
    expect(await all(readSitemap(pieces(content, 1)))).toEqual([
      { kind: "page", location: "http://a.test/?a=1&b=2" },
      { kind: "page", location: "http://a.test/ü" },
    ]);
  });

  test("sitemaps of an index", async () => {
    expect(await all(readSitemap(pieces(INDEX)))).toEqual([
      { kind: "sitemap", location: "http://a.test/1.xml" },
    ]);
  });

  const entities = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>`;
  test.each<[string, Uint8Array | string, RegExp]>([
    ["a document type", `${entities}<urlset><url><loc>&b;</loc></url></urlset>`, /document type/],
    ["an entity", "<urlset><url><loc>http://a.test/&x;</loc></url></urlset>", /entity/],
    ["another root", "<html></html>", /begins with <html>/],
    ["no XML", "just text", /^(line )?1:\d+/],
    ["XML that is cut", SITEMAP.slice(0, -20), /^(line )?\d+:\d+: unclosed/],
    ["XML that nests wrong", "<urlset>\n<url></urlset>", /^(line )?2:\d+: unexpected close tag/],
    ["nothing", "", /root/],
    ["bytes that are no UTF-8", Buffer.from([0x3c, 0xff, 0xff]), /not UTF-8/],
    ["gzip that is cut", gzipSync(SITEMAP).subarray(0, 60), /damaged/],
    ["gzip that is no gzip", Buffer.from([0x1f, 0x8b, 1, 2, 3, 4]), /damaged/],
    ["a long location", `<urlset><url><loc>${"x".repeat(9000)}</loc>`, /longer than 8192/],
  ])("%s is refused", async (_name, content, message) => {
    const reading = all(readSitemap(pieces(content, 1000)));
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(SitemapError);
  });

  test("a small file that becomes a large one is read up to its bound", async () => {
    const bomb = gzipSync(`<urlset>${" ".repeat(60 * 1024 * 1024)}</urlset>`);
    await expect(all(readSitemap(pieces(bomb, 4096)))).rejects.toThrow("larger than 50 MiB");
  });
});

describe("RFC 9211 what a response says", () => {
  test.each<[number, string, Partial<Outcome>]>([
    [
      200,
      "edgelane; fwd=uri-miss; fwd-status=200; ttl=60; stored",
      { kind: "stored", ttlSeconds: 60 },
    ],
    [200, "edgelane; fwd=uri-miss; fwd-status=200; ttl=9; stored; collapsed", { kind: "stored" }],
    [200, "edgelane; fwd=stale; fwd-status=304; ttl=60; stored", { kind: "stored" }],
    [200, "edgelane; hit; ttl=5", { kind: "fresh", ttlSeconds: 5 }],
    [200, "edgelane; hit; ttl=5; detail=second_tier", { kind: "fresh" }],
    [
      200,
      "other; hit, edgelane; fwd=uri-miss; detail=set_cookie",
      { kind: "not_stored", reason: "set_cookie" },
    ],
    [
      200,
      "edgelane; hit; ttl=1, edgelane; fwd=uri-miss; detail=response_private",
      { kind: "not_stored" },
    ],
    [200, "", { kind: "not_stored", reason: "route_off" }],
    [
      301,
      "edgelane; fwd=uri-miss; fwd-status=301; ttl=60; stored",
      { kind: "redirected", reason: "/new" },
    ],
    [404, "edgelane; hit; ttl=5", { kind: "failed", reason: "404 Not Found" }],
  ])("%i with %j", (status, cacheStatus, expected) => {
    const rest = { proxyStatus: "", location: "/new", bytes: 1 };
    expect(outcomeOf({ status, cacheStatus, ...rest })).toMatchObject(expected);
  });

  test("the gateway's own failure has its reason code", () => {
    const proxyStatus = 'edgelane; error=connection_refused; details="connect_refused: 10.0.0.1"';
    const response = { status: 502, cacheStatus: "", proxyStatus, location: "", bytes: 0 };
    expect(outcomeOf(response)).toMatchObject({ kind: "failed", reason: "connect_refused" });
  });

  test("of several workers the worst counts, and all bytes", () => {
    const one = { status: 200, reason: "", ttlSeconds: 1, bytes: 5 };
    const outcome = worstOf([
      { kind: "fresh", ...one },
      { kind: "stored", ...one },
      { kind: "fresh", ...one },
    ]);
    expect(outcome).toMatchObject({ kind: "stored", bytes: 15 });
  });
});

describe("pace", () => {
  test("evenly, and never two at once after a rest", () => {
    const pace = new Pace(10);
    expect([pace.reserve(1000), pace.reserve(1000), pace.reserve(1050)]).toEqual([0, 100, 150]);
    expect([pace.reserve(5000), pace.reserve(5000)]).toEqual([0, 100]);
  });

  test("503 halves it once for a pause, waits for what Retry-After says, and it recovers", () => {
    const pace = new Pace(8);
    pace.slowDown(1000, 3000);
    pace.slowDown(1500, null);
    expect([pace.perSecond, pace.reserve(1500), pace.reserve(1500)]).toEqual([4, 2500, 2750]);
    pace.slowDown(9000, null);
    expect(pace.perSecond).toBe(2);
    for (let count = 0; count < 10; count++) pace.slowDown(100_000 * (count + 1), null);
    expect(pace.perSecond).toBe(0.5);
    for (let count = 0; count < 100; count++) pace.succeeded();
    expect(pace.perSecond).toBe(8);
  });

  test("nobody is waited for longer than two minutes", () => {
    const pace = new Pace(1);
    pace.slowDown(0, 86_400_000);
    expect(pace.reserve(0)).toBe(120_000);
  });

  test.each([
    ["120", 120_000],
    ["0", 0],
    ["Thu, 01 Jan 1970 00:01:30 GMT", 30_000],
    ["Thu, 01 Jan 1970 00:00:30 GMT", 0],
    ["soon", null],
    ["", null],
  ])("RFC 9110 10.2.3 Retry-After: %s", (value, expected) => {
    expect(retryAfterMs(value, 60_000)).toBe(expected);
  });
});

describe("the list of work", () => {
  const target = (path: string) => ({ authority: "a", path });

  test("each once, in order, up to a bound; who waits gets what comes", async () => {
    const work = new WorkList(2);
    const early = work.next();
    for (const path of ["/1", "/1", "/2", "/3"]) work.add(target(path));
    work.complete();
    const paths = [await early, await work.next(), await work.next()].map((one) => one?.path);
    expect(paths).toEqual(["/1", "/2", undefined]);
    expect([work.size, work.isCut, work.isComplete]).toEqual([2, true, true]);
  });

  test("what is abandoned is asked by nobody", async () => {
    const work = new WorkList(10);
    work.add(target("/1"));
    work.abandon();
    work.add(target("/2"));
    expect([await work.next(), work.size]).toEqual([null, 1]);
  });
});

describe("what is shown", () => {
  const outcome: Outcome = { kind: "stored", status: 200, reason: "", ttlSeconds: 60, bytes: 1000 };
  const failed: Outcome = {
    kind: "failed",
    status: 404,
    reason: "404 Not Found",
    ttlSeconds: null,
    bytes: 0,
  };

  test("a bar that fits the terminal, with the time that is left", () => {
    const tally = new Tally(0);
    for (let count = 0; count < 25; count++) tally.add(outcome);
    const now = { known: 100, isFinal: true, perSecond: 50 };
    const wide = tally.progress(now, 1000, 100, plain);
    expect(wide).toBe(`${"█".repeat(8)}${"░".repeat(22)} 25/100 25.0/s, 0:03 left, 25 stored`);
    for (const columns of [20, 40, 60]) {
      expect(tally.progress(now, 1000, columns, plain).length).toBeLessThan(columns);
    }
    const open = tally.progress({ ...now, isFinal: false }, 1000, 100, plain);
    expect(open).toContain(" 25/100+ 25.0/s, 25 stored");
  });

  test("a summary with the reasons, and the same for programs", () => {
    const tally = new Tally(0);
    for (const one of [outcome, outcome, failed]) tally.add(one);
    tally.add({ ...outcome, kind: "not_stored", reason: "response_private", bytes: 0 });
    expect(tally.summary(2000, ["a note"], plain)).toBe(
      `4 URLs in 2.0 s (2.0/s, 2 KB)
  stored               2
  not stored           1
                       1  the response says private (RFC 9111 5.2.2.7)
  failed               1
                       1  404 Not Found
  a note`,
    );
    expect(tally.json(2000)).toMatchObject({
      urls: 4,
      stored: 2,
      failed: 1,
      notStoredReasons: { response_private: 1 },
      failedReasons: { "404 Not Found": 1 },
    });
  });

  test("as many reasons as a screen has room for", () => {
    const tally = new Tally(0);
    for (let status = 400; status < 500; status++) tally.add({ ...failed, reason: `${status}` });
    const { failedReasons } = tally.json(0) as { failedReasons: Record<string, number> };
    expect([Object.keys(failedReasons).length, failedReasons["other reasons"]]).toEqual([21, 80]);
  });

  test.each<[Outcome, string]>([
    [outcome, "stored         200  http://a/  ttl 60 s"],
    [failed, "failed         404  http://a/  Not Found"],
    [{ ...failed, status: 0, reason: "ECONNRESET" }, "failed         ---  http://a/  ECONNRESET"],
    [
      { ...failed, kind: "redirected", status: 301, reason: "/\u001b[2J" },
      "redirected     301  http://a/ -> /?[2J",
    ],
  ])("a line of %j", (one, line) => {
    expect(outcomeLine("http://a/", one, plain)).toBe(line);
  });
});
