// Property: no user ever sees what was made for another, whatever the order of requests, times and
// origin responses (RFC 9111 sections 3.5, 4.1, 5.2.2.7 and 7.3).

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CacheHarness, type OriginCall } from "../support/cache-harness.ts";
import type { RecordingReader } from "../support/fill-reader.ts";

/** How an origin server may mark what it made for one user, by what tells users apart. */
const PERSONAL = {
  private: ["Cache-Control", "private, max-age=60"],
  noStore: ["Cache-Control", "no-store"],
  noCache: ["Cache-Control", "no-cache", "ETag"],
  maxAge0: ["Cache-Control", "max-age=0"],
  varyCookie: ["Cache-Control", "max-age=60", "Vary", "Cookie, Authorization"],
  varyStar: ["Cache-Control", "max-age=60", "Vary", "*"],
  swrVary: [
    "Cache-Control",
    "max-age=1, stale-while-revalidate=60",
    "Vary",
    "cookie,AUTHORIZATION",
  ],
  heuristicCookie: ["Last-Modified", "Mon, 22 Dec 2025 00:00:00 GMT", "Set-Cookie"],
} as const;
type Marking = keyof typeof PERSONAL;

type Step =
  | { kind: "send"; user: number; by: "Cookie" | "Authorization"; marking: Marking; extra: number }
  | { kind: "answer"; which: number }
  | { kind: "chunks"; which: number }
  | { kind: "fail"; which: number }
  | { kind: "leave"; which: number }
  | { kind: "wait"; seconds: number };

const EXTRA: readonly (readonly string[])[] = [
  [],
  [],
  [],
  ["Range", "bytes=0-3"],
  ["Cache-Control", "no-cache"],
  ["Cache-Control", "max-stale"],
  ["If-None-Match", '"user-0"'],
];

const which = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      user: fc.nat(2),
      by: fc.constantFrom("Cookie" as const, "Authorization" as const),
      marking: fc.constantFrom(...(Object.keys(PERSONAL) as Marking[])),
      extra: fc.nat(EXTRA.length - 1),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("answer" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("chunks" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.nat(90) }) },
);

interface Sent {
  readonly user: string;
  readonly reader: RecordingReader;
}

class World {
  readonly harness = new CacheHarness();
  readonly sent: Sent[] = [];
  #users = new Map<string, string>();

  run(one: Step): void {
    if (one.kind === "send") this.#send(one);
    else if (one.kind === "wait") this.harness.clock.advance(one.seconds * 1000);
    else if (one.kind === "leave") this.sent[one.which % this.sent.length]?.reader.ticket?.leave();
    else this.#answer(one);
  }

  #send(one: Extract<Step, { kind: "send" }>): void {
    const user = `user-${one.user}`;
    const path = `/${one.marking}`;
    const reader = this.harness.get(path, one.by, user, ...(EXTRA[one.extra] ?? []));
    this.sent.push({ user, reader });
    this.#users.set(user, user);
  }

  #answer(one: { kind: "answer" | "chunks" | "fail"; which: number }): void {
    const { calls } = this.harness;
    const [call] = calls.splice(one.which % Math.max(1, calls.length), 1);
    if (call === undefined || call.source.aborts > 0) return;
    if (one.kind === "fail") call.fail();
    else respond(call, one.kind);
  }
}

/**
 * The origin server: a page with the user's name, a tag and a cookie of the user's, marked as its
 * path says.
 */
function respond(call: OriginCall, kind: "answer" | "chunks"): void {
  const user = call.field("cookie") ?? call.field("authorization") ?? "";
  const tag = `"${user}"`;
  const marking = call.forward.request.path.slice(1) as Marking;
  const fields: string[] = [];
  for (const text of PERSONAL[marking]) {
    fields.push(text);
    if (text === "ETag") fields.push(tag);
    if (text === "Set-Cookie") fields.push(`session=${user}`);
  }
  if (call.field("if-none-match") === tag) {
    call.respond(304, fields);
    return;
  }
  call.head(200, fields);
  call.fill.onData(Buffer.from(`made for `));
  if (kind === "chunks") call.fill.onData(Buffer.alloc(0));
  call.fill.onData(Buffer.from(user));
  call.fill.onEnd([]);
}

function foreignUsers(one: Sent): string[] {
  const { head, answer } = one.reader;
  const seen = `${one.reader.seen} ${(answer?.head ?? head)?.fields.join(" ") ?? ""}`;
  return ["user-0", "user-1", "user-2"].filter((user) => user !== one.user && seen.includes(user));
}

describe("two users never see each other's response", () => {
  test("over any interleaving", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 40 }), (steps) => {
        const world = new World();
        for (const one of steps) world.run(one);
        for (let index = 0; index < 200 && world.harness.calls.length > 0; index++) {
          world.run({ kind: "answer", which: 0 });
        }
        for (const one of world.sent) expect(foreignUsers(one)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test("the property can fail: an origin server that marks nothing is shared", () => {
    const world = new World();
    const [one, two] = ["a", "b"].map((user) => world.harness.get("/", "Cookie", user));
    world.harness.call().respond(200, ["Cache-Control", "max-age=60"], "made for a");
    expect([one?.seen, two?.seen]).toEqual(["200:made for a", "200:made for a"]);
  });
});
