// Partial responses: stored, combined, completed and answered from (RFC 9111 sections 3.3 and 3.4,
// RFC 9110 sections 14 and 15.3.7), with an origin server that the test answers for.

import { beforeEach, describe, expect, test } from "vitest";
import { CacheHarness, type OriginCall } from "../support/cache-harness.ts";
import { partial, type Representation, serveRange } from "../support/range-origin.ts";
import { DATE } from "../support/stored.ts";

const CONTENT = Array.from({ length: 100 }, (_, index) => String(index).padStart(10, "0")).join("");
const FRESH = ["Cache-Control", "max-age=60", "Content-Type", "text/plain"];
const FILE: Representation = { content: CONTENT, fields: [...FRESH, "ETag", '"1"'] };
const OTHER: Representation = {
  content: CONTENT.replaceAll("0", "x"),
  fields: [...FRESH, "ETag", '"2"'],
};

let harness: CacheHarness;

beforeEach(() => {
  harness = new CacheHarness();
});

function answer(call: OriginCall, of: Representation): void {
  const { head, content } = serveRange(call.forward.fields, of);
  call.respond(head.status, head.fields, content);
}

/** A client's request for a range, answered by the origin server if it gets there. */
function ask(range: string | null, of: Representation = FILE, ...fields: string[]) {
  const lines = range === null ? fields : ["Range", `bytes=${range}`, ...fields];
  const reader = harness.get("/", ...lines);
  const asked = harness.calls.map((call) => call.field("range") ?? "all");
  while (harness.calls.length > 0) answer(harness.call(), of);
  return { reader, asked, seen: reader.seen, status: reader.cacheStatus };
}

const bytes = (start: number, end: number, of = FILE) => `206:${of.content.slice(start, end)}`;

describe("RFC 9111 3.3 a stored part", () => {
  test.each<[string, string, string, [number, number]]>([
    ["the same range", "100-199", "100-199", [100, 200]],
    ["a range within it", "100-199", "120-129", [120, 130]],
    ["a suffix that it has", "-100", "-10", [990, 1000]],
    ["the rest of the whole", "900-", "950-", [950, 1000]],
    ["past the end of the whole", "900-", "950-2000", [950, 1000]],
  ])("answers %s", (_name, first, second, [start, end]) => {
    expect(ask(first).status).toBe("edgelane; fwd=uri-miss; fwd-status=206; ttl=60; stored");
    const { asked, seen, status } = ask(second);
    expect([asked, seen, status]).toEqual([[], bytes(start, end), "edgelane; hit; ttl=60"]);
  });

  test.each<[string, string]>([
    ["a range outside of it", "200-299"],
    ["a range that is no longer there", "5000-"],
  ])("does not answer %s", (_name, range) => {
    ask("100-199");
    expect(ask(range).asked).toEqual([`bytes=${range}`]);
  });

  test("does not answer HEAD, a condition on the whole, or only-if-cached for more", () => {
    ask("100-199");
    harness.request("HEAD", "/");
    expect(harness.call().forward.reason).toBe("partial");
    harness.get("/", "If-None-Match", '"1"');
    expect(harness.call().field("if-none-match")).toBe('"1"');
    expect(ask("0-199", FILE, "Cache-Control", "only-if-cached").seen).toBe("504:");
    expect(ask("100-109", FILE, "Cache-Control", "only-if-cached").seen).toBe(bytes(100, 110));
  });

  test("answers several ranges, with a part for each (RFC 9110 15.3.7.2)", () => {
    ask("0-999");
    const { reader, asked } = ask("0-9,500-509");
    expect(asked).toEqual([]);
    const fields = reader.answer?.head.fields ?? [];
    const type = fields[fields.indexOf("Content-Type") + 1] ?? "";
    const boundary = /^multipart\/byteranges; boundary=(edgelane-[0-9a-f]{32})$/.exec(type)?.[1];
    const part = (start: number, end: number): string =>
      `\r\n--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${start}-${end - 1}` +
      `/1000\r\n\r\n${CONTENT.slice(start, end)}`;
    const expected = `${part(0, 10)}${part(500, 510)}\r\n--${boundary}--\r\n`;
    expect(reader.seen).toBe(`206:${expected}`);
    expect(reader.answer?.length).toBe(expected.length);
    expect(fields).not.toContain("Content-Range");
  });

  test("answers a condition on the range with 304 (RFC 9110 13.2.2)", () => {
    ask("100-199");
    expect(ask("100-199", FILE, "If-None-Match", '"1"').seen).toBe("304:");
  });

  test.each<[string, string[], number]>([
    ["holds", ["If-Range", '"1"'], 0],
    ["does not hold", ["If-Range", '"0"'], 1],
    ["is weak", ["If-Range", 'W/"1"'], 1],
    ["is a date, and the response has none", ["If-Range", DATE], 1],
  ])("with If-Range that %s", (_name, fields, calls) => {
    ask("100-199");
    const { asked, seen } = ask("100-199", FILE, ...fields);
    expect(asked).toHaveLength(calls);
    expect(seen).toBe(calls === 0 ? bytes(100, 200) : `200:${CONTENT}`);
  });

  test("is validated when it is stale, for the range alone", () => {
    ask("100-199");
    harness.clock.advance(61_000);
    harness.get("/", "Range", "bytes=100-199");
    const call = harness.call();
    expect([call.field("if-none-match"), call.field("range")]).toEqual(['"1"', "bytes=100-199"]);
    answer(call, FILE);
    expect(ask("110-119").asked).toEqual([]);
  });

  test("that is stale and was changed is replaced by the new range", () => {
    ask("100-199");
    harness.clock.advance(61_000);
    expect(ask("100-199", OTHER).seen).toBe(bytes(100, 200, OTHER));
    expect(ask("100-199").seen).toBe(bytes(100, 200, OTHER));
  });

  test("with If-Range is validated as a whole: a change comes as a whole", () => {
    ask("100-199");
    harness.clock.advance(61_000);
    const { asked, seen } = ask("100-199", OTHER, "If-Range", '"1"');
    expect([asked, seen]).toEqual([["all"], `200:${OTHER.content}`]);
  });

  test("stands in for an origin server that is gone, for its ranges", () => {
    ask("100-199");
    harness.clock.advance(61_000);
    const [there, more] = ["bytes=100-199", "bytes=0-199"].map((range) => {
      const reader = harness.get("/", "Range", range);
      harness.call().fail();
      return reader.seen;
    });
    expect([there, more]).toEqual([bytes(100, 200), "failed"]);
  });

  test("is used while it is validated, which asks for its range", () => {
    const swr = {
      ...FILE,
      fields: [...FILE.fields, "CDN-Cache-Control", "max-age=1, stale-while-revalidate=60"],
    };
    ask("100-199", swr);
    harness.clock.advance(2000);
    const { asked, seen } = ask("100-199", swr, "Cache-Control", "only-if-cached");
    expect([asked, seen]).toEqual([["bytes=100-199"], bytes(100, 200)]);
  });

  test("is removed by a purge, by an unsafe request, and made stale by a soft purge", () => {
    const scope = { kind: "uri", uri: "http://a.test/" } as const;
    ask("100-199");
    expect(harness.cache.purge({ scope, mode: "soft" }).purged).toBe(1);
    expect(ask("100-199").asked).toHaveLength(1);
    expect(harness.cache.purge({ scope, mode: "hard" }).purged).toBe(1);
    expect(ask("100-199").asked).toHaveLength(1);
    harness.request("PUT", "/");
    harness.call().respond(204, []);
    expect(ask("100-199").asked).toHaveLength(1);
  });

  test("is for the variant that asked for it", () => {
    const vary = { ...FILE, fields: [...FILE.fields, "Vary", "Foo"] };
    ask("100-199", vary, "Foo", "1");
    expect(ask("100-199", vary, "Foo", "2").asked).toHaveLength(1);
    expect(ask("100-199", vary, "Foo", "1").asked).toEqual([]);
  });

  test("counts with its bytes, and goes when they are needed", () => {
    const before = harness.cache.store.bytes;
    ask("100-199");
    const taken = harness.cache.store.bytes - before;
    expect(taken).toBeGreaterThan(100 + 2000);
    ask("300-399");
    expect(harness.cache.store.bytes - before - taken).toBeGreaterThanOrEqual(100);
  });
});

describe("RFC 9111 3.4 combining", () => {
  test("parts of one strong validator answer what each of them could not", () => {
    ask("100-199");
    ask("200-299");
    expect(ask("150-249")).toMatchObject({ asked: [], seen: bytes(150, 250) });
  });

  test("what is missing is asked for, and comes between what is stored", () => {
    ask("0-99");
    ask("200-299");
    const reader = harness.get("/", "Range", "bytes=0-299");
    const call = harness.call();
    expect([call.field("range"), call.field("if-range")]).toEqual(["bytes=100-199", '"1"']);
    answer(call, FILE);
    expect(reader.seen).toBe(bytes(0, 300));
    expect(reader.head?.fields).toContain("bytes 0-299/1000");
    expect(reader.length).toBe(300);
    expect(reader.cacheStatus).toBe("edgelane; fwd=partial; fwd-status=206; ttl=60; stored");
    expect(ask("0-299").asked).toEqual([]);
  });

  test("the whole is completed, stored as a 200, and a plain hit from then on", () => {
    ask("0-499");
    const { asked, seen, reader } = ask(null);
    expect([asked, seen]).toEqual([["bytes=500-"], `200:${CONTENT}`]);
    expect(reader.head?.fields).not.toContain("Content-Range");
    expect(ask(null)).toMatchObject({ asked: [], seen: `200:${CONTENT}` });
    expect(
      harness.cache.store.peek(harness.memory.key("http://a.test/"))?.plain?.hitUntilMs,
    ).toBeGreaterThan(0);
  });

  test("all parts together are the whole", () => {
    for (let at = 0; at < 1000; at += 100) ask(`${at}-${at + 99}`);
    expect(ask(null)).toMatchObject({ asked: [], seen: `200:${CONTENT}` });
  });

  test("one part that is all of it is the whole", () => {
    ask("0-");
    expect(ask(null)).toMatchObject({ asked: [], seen: `200:${CONTENT}` });
  });

  test("a tenth of the answer is worth asking for the rest, less is not", () => {
    ask("0-98");
    expect(ask(null).asked).toEqual(["all"]);
    harness = new CacheHarness();
    ask("0-99");
    expect(ask(null).asked).toEqual(["bytes=100-"]);
  });

  test("fields of the newer part replace those of the older ones (3.2)", () => {
    ask("0-99", { ...FILE, fields: [...FILE.fields, "A", "1", "B", "1"] });
    ask("100-199", { ...FILE, fields: [...FILE.fields, "A", "2"] });
    const { reader } = ask("0-199");
    const fields = reader.answer?.head.fields ?? [];
    expect([fields[fields.indexOf("A") + 1], fields[fields.indexOf("B") + 1]]).toEqual(["2", "1"]);
  });

  test("another validator drops the old parts", () => {
    ask("0-99");
    ask("100-199", OTHER);
    expect(ask("100-199").seen).toBe(bytes(100, 200, OTHER));
    expect(ask("0-99", OTHER).asked).toEqual(["bytes=0-99"]);
  });

  test("what has changed meanwhile comes as a whole, and replaces the parts", () => {
    ask("0-99");
    expect(ask("50-149", OTHER)).toMatchObject({
      asked: ["bytes=100-149"],
      seen: `200:${OTHER.content}`,
    });
    expect(ask(null)).toMatchObject({ asked: [], seen: `200:${OTHER.content}` });
  });

  const modified = (date: string) => ({
    content: CONTENT,
    fields: [...FRESH, "Last-Modified", date],
  });
  test.each<[string, Representation]>([
    ["a weak entity tag", { content: CONTENT, fields: [...FRESH, "ETag", 'W/"1"'] }],
    ["no validator", { content: CONTENT, fields: FRESH }],
    ["a date of this minute", modified("Wed, 31 Dec 2025 23:59:30 GMT")],
  ])("%s: a part stands alone, and gives way to the next", (_name, of) => {
    ask("0-99", of);
    expect(ask("0-99", of).asked).toEqual([]);
    expect(ask("0-199", of)).toMatchObject({ asked: ["bytes=0-199"], seen: bytes(0, 200) });
    ask("500-599", of);
    expect(ask("0-99", of).asked).toEqual(["bytes=0-99"]);
    expect(ask(null, of).asked).toEqual(["all"]);
  });

  test("an old date is a strong validator (RFC 9110 8.8.2.2)", () => {
    const of = modified("Wed, 31 Dec 2025 23:50:00 GMT");
    ask("0-99", of);
    harness.get("/", "Range", "bytes=0-199");
    expect(harness.calls[0]?.field("if-range")).toBe("Wed, 31 Dec 2025 23:50:00 GMT");
    answer(harness.call(), of);
    expect(ask("0-199", of).asked).toEqual([]);
  });

  test("a part of a whole that is stored freshens it", () => {
    ask(null);
    harness.clock.advance(61_000);
    harness.get("/", "Range", "bytes=0-99", "Cache-Control", "no-cache", "If-Match", "*");
    const { head, content } = partial(FILE, 0, 100);
    harness.call().respond(head.status, head.fields, content);
    expect(ask(null)).toMatchObject({ seen: `200:${CONTENT}` });
  });

  test("parts of a whole that is too large to store are kept up to that bound", () => {
    const content = "x".repeat(100_000);
    harness = new CacheHarness();
    harness.caching = { ...harness.caching, objectBytesMax: 20_000 };
    const large = { content, fields: FILE.fields };
    ask("0-9999", large);
    ask("10000-19999", large);
    ask("20000-29999", large);
    expect(ask("0-19999", large).asked).toEqual([]);
    expect(ask("20000-20001", large).asked).toHaveLength(1);
    expect(ask("0-", large).status).toContain("fwd=partial; fwd-status=206");
  });
});

describe("what one range says of the rest", () => {
  test.each<[string, string, boolean]>([
    ["a range that is not there", "max-age=60", true],
    ["nothing may be kept", "no-store", false],
    ["it is somebody's own", "private", false],
  ])("%s", (_name, cacheControl, isKept) => {
    ask("0-99");
    const range = cacheControl === "max-age=60" ? "5000-" : "200-299";
    ask(range, { content: CONTENT, fields: ["Cache-Control", cacheControl, "ETag", '"1"'] });
    expect(ask("0-99").asked).toHaveLength(isKept ? 0 : 1);
  });
});

describe("what an origin server may not say", () => {
  const lie = (contentRange: string, length: number, ...fields: string[]) => {
    harness.get("/", "Range", "bytes=0-99");
    const call = harness.call();
    const lines = [...FILE.fields, "Content-Range", contentRange, ...fields];
    call.respond(206, lines, CONTENT.slice(0, length));
  };
  test.each<[string, () => void]>([
    [
      "a length that contradicts Content-Length",
      () => lie("bytes 0-99/1000", 50, "Content-Length", "50"),
    ],
    ["a length that contradicts the content", () => lie("bytes 0-99/1000", 50)],
    ["a last byte outside of the whole", () => lie("bytes 0-99/99", 100)],
    ["a whole of unknown length", () => lie("bytes 0-99/*", 100)],
    ["a last byte before the first", () => lie("bytes 99-0/1000", 100)],
    ["no Content-Range", () => lie("", 100)],
    ["several parts", () => lie("", 100, "Content-Type", "multipart/byteranges; boundary=x")],
    [
      "a range that nobody asked for",
      () => {
        harness.get("/");
        const { head, content } = partial(FILE, 0, 100);
        harness.call().respond(head.status, head.fields, content);
      },
    ],
  ])("%s is passed on and not stored", (_name, send) => {
    send();
    expect(harness.cache.store.count).toBe(0);
  });

  test("another total is another representation, whatever its validator says", () => {
    ask("0-99");
    const longer = { content: `${CONTENT}more`, fields: FILE.fields };
    ask("500-599", longer);
    expect(ask("0-99").asked).toEqual(["bytes=0-99"]);
  });

  test.each<[string, (call: OriginCall) => void]>([
    ["another range", (call) => send(call, partial(FILE, 0, 200))],
    ["another validator", (call) => send(call, partial(OTHER, 100, 200))],
    ["no validator", (call) => send(call, partial({ content: CONTENT, fields: FRESH }, 100, 200))],
    ["416", (call) => call.respond(416, ["Content-Range", "bytes */5"])],
    ["304", (call) => call.respond(304, [])],
  ])("a rest that does not fit (%s) is asked for anew, as the client did", (_name, respond) => {
    ask("0-99");
    const reader = harness.get("/", "Range", "bytes=0-199");
    respond(harness.call());
    expect(reader.seen).toBe("released");
    const call = harness.call();
    expect([call.field("range"), call.field("if-range")]).toEqual(["bytes=0-199", undefined]);
    answer(call, FILE);
    expect(reader.seen).toBe(bytes(0, 200));
  });

  test("a rest that breaks off breaks off the answer, and nothing of it is stored", () => {
    ask("0-99");
    const reader = harness.get("/", "Range", "bytes=0-199");
    const call = harness.call();
    call.head(206, partial(FILE, 100, 200).head.fields);
    call.fill.onData(Buffer.from("1"));
    call.fail();
    expect(reader.seen).toBe(`broken:${CONTENT.slice(0, 100)}1`);
    expect(ask("0-99").asked).toEqual([]);
  });

  test("a part for If-Range has too few fields to begin with", () => {
    const { status } = ask("0-99", FILE, "If-Range", '"1"');
    expect(status).toContain("detail=partial_fields");
    ask("0-99");
    ask("100-199", FILE, "If-Range", '"1"');
    expect(ask("0-199").asked).toEqual([]);
  });

  test("a part without validator does not end the whole that is stored", () => {
    ask(null, { content: CONTENT, fields: ["Date", DATE, "Cache-Control", "max-age=60"] });
    harness.get("/", "Range", "bytes=0-99", "Cache-Control", "no-cache");
    const { head, content } = partial({ content: CONTENT, fields: FRESH }, 0, 100);
    harness.call().respond(head.status, head.fields, content);
    expect(ask(null).asked).toEqual([]);
  });
});

function send(call: OriginCall, { head, content }: ReturnType<typeof partial>): void {
  call.respond(head.status, head.fields, content);
}

describe("what a client may not do", () => {
  test.each(["0-,0-,0-", "0-99,50-149", `0-0,${"2-2,".repeat(20)}4-4`])(
    "overlapping or many ranges (%s) do not go on to the origin server",
    (range) => {
      expect(ask(range).asked).toEqual(["all"]);
    },
  );

  test("tiny ranges fill no memory", () => {
    const before = harness.cache.store.bytes;
    for (let at = 0; at < 500; at++) ask(`${at * 2}-${at * 2}`);
    expect(harness.cache.store.bytes - before).toBeLessThan(20_000);
  });
});

describe("coalescing", () => {
  test("requests for one range share one origin request, others do not join", () => {
    const readers = ["0-99", "0-99", "100-199", null].map((range) =>
      harness.get("/", ...(range === null ? [] : ["Range", `bytes=${range}`])),
    );
    expect(harness.calls.map((call) => call.field("range"))).toEqual([
      "bytes=0-99",
      "bytes=100-199",
      undefined,
    ]);
    while (harness.calls.length > 0) answer(harness.call(), FILE);
    expect(readers.map((reader) => reader.seen)).toEqual([
      bytes(0, 100),
      bytes(0, 100),
      bytes(100, 200),
      `200:${CONTENT}`,
    ]);
  });

  test("those that wait for the rest get the whole answer", () => {
    ask("0-99");
    const readers = [1, 2].map(() => harness.get("/", "Range", "bytes=0-199"));
    expect(harness.calls).toHaveLength(1);
    answer(harness.call(), FILE);
    expect(readers.map((reader) => reader.seen)).toEqual([bytes(0, 200), bytes(0, 200)]);
  });
});
