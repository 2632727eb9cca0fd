// One origin response and its readers: pace, hand-over, release, failure, bounds (RFC 9111 section
// 4).

import { describe, expect, test } from "vitest";
import { Fill } from "../../src/cache/collapse.ts";
import { FillBudget, type FillLimits } from "../../src/cache/fill-limits.ts";
import { GatewayError } from "../../src/http/errors.ts";
import { FakePlan } from "../support/fill-plan.ts";
import { get, RecordingReader, RecordingSource, settled } from "../support/fill-reader.ts";

const HEAD = { status: 200, reason: "", fields: ["Content-Length", "6"] };
const LIMITS: FillLimits = {
  objectBytesMax: 100,
  windowBytesMax: 20,
  lagBytesMax: 0,
  drainBytesMax: 10,
};
const ERROR = new GatewayError("upstream_reset", "reset");
const bytes = (content: string) => Buffer.from(content, "latin1");

function begin(limits: FillLimits = LIMITS, budget = new FillBudget(1000)) {
  const plan = new FakePlan();
  const fill = new Fill(plan, limits, budget);
  const source = new RecordingSource();
  const join = (path = "/") => {
    const reader = new RecordingReader(get(path));
    reader.ticket = fill.join(reader);
    return reader;
  };
  const leader = join();
  fill.attach(source);
  return { plan, fill, source, join, leader, budget };
}

describe("a response that is stored", () => {
  test("goes to the leader and to those who waited, and is stored whole", () => {
    const { plan, fill, join, leader, budget } = begin();
    const waiter = join();
    fill.onHead(HEAD);
    expect([leader.length, waiter.length]).toEqual([6, 6]);
    fill.onData(bytes("abc"));
    expect(waiter.content).toBe("abc");
    fill.onData(bytes("def"));
    expect(budget.usedBytes).toBe(6);
    fill.onEnd(["X-Trailer", "1"]);
    expect([leader.seen, waiter.seen]).toEqual(["200:abcdef", "200:abcdef"]);
    expect(waiter.trailers).toEqual(["X-Trailer", "1"]);
    expect(plan.stored).toBe("abcdef");
    expect(plan.isClosed).toBe(true);
    expect(budget.usedBytes).toBe(0);
  });

  test("each reader is told its role", () => {
    const { fill, join, leader } = begin();
    const waiter = join();
    fill.onHead(HEAD);
    expect(leader.head?.fields).toContain("leader");
    expect(waiter.head?.fields).toContain("collapsed");
  });

  test("one that comes late gets what has arrived, then follows", async () => {
    const { fill, join, leader } = begin();
    fill.onHead(HEAD);
    fill.onData(bytes("abc"));
    const late = join();
    expect(late.head).toBeNull();
    await settled();
    expect(late.content).toBe("abc");
    fill.onData(bytes("def"));
    fill.onEnd([]);
    expect([leader.seen, late.seen]).toEqual(["200:abcdef", "200:abcdef"]);
  });

  test("one that comes as it ends looks again and finds it stored", async () => {
    const { fill, join } = begin();
    fill.onHead(HEAD);
    const late = join();
    fill.onEnd([]);
    await settled();
    expect(late.seen).toBe("released");
  });

  test("a slow reader delays nobody, and gets everything in the end", () => {
    const { plan, fill, join, leader, source, budget } = begin();
    const slow = join();
    slow.appetite = 1;
    fill.onHead(HEAD);
    for (let index = 0; index < 9; index++) expect(fill.onData(bytes(`chunk${index}`))).toBe(true);
    fill.onEnd([]);
    expect(leader.trailers).not.toBeNull();
    expect(plan.stored).toHaveLength(54);
    expect([slow.chunks, slow.seen, source.resumes]).toEqual([1, "waiting", 0]);
    expect(budget.usedBytes).toBe(54);
    slow.eat(3);
    expect([slow.chunks, slow.seen]).toEqual([4, "waiting"]);
    slow.eat();
    expect(slow.seen).toBe(leader.seen);
    expect(budget.usedBytes).toBe(0);
  });

  test("a leader that leaves hands over: the others keep the one origin request", () => {
    const { plan, fill, join, leader, source } = begin();
    const waiter = join();
    leader.ticket?.leave();
    fill.onHead(HEAD);
    fill.onData(bytes("abcdef"));
    fill.onEnd([]);
    expect([leader.seen, waiter.seen, source.aborts]).toEqual(["waiting", "200:abcdef", 0]);
    expect(plan.stored).toBe("abcdef");
  });

  test("1,000 readers of one response", () => {
    const { fill, join } = begin();
    const readers = Array.from({ length: 999 }, () => join());
    fill.onHead(HEAD);
    fill.onData(bytes("abc"));
    fill.onData(bytes("def"));
    fill.onEnd([]);
    expect(new Set(readers.map((reader) => reader.seen))).toEqual(new Set(["200:abcdef"]));
    expect(fill.readerCount).toBe(0);
  });
});

describe("the last reader leaves", () => {
  test.each([
    ["before the head", 0],
    ["after the head", 1],
    ["within the content", 2],
  ])("%s: the source is aborted, nothing is stored", (_name, steps) => {
    const { plan, fill, join, leader, source, budget } = begin();
    const waiter = join();
    if (steps > 0) fill.onHead(HEAD);
    if (steps > 1) fill.onData(bytes("abc"));
    leader.ticket?.leave();
    expect(source.aborts).toBe(0);
    waiter.ticket?.leave();
    waiter.ticket?.leave();
    expect([source.aborts, plan.isClosed, plan.stored]).toEqual([1, true, null]);
    expect(budget.usedBytes).toBe(0);
  });

  test("before the call exists: it is aborted as soon as it does", () => {
    const plan = new FakePlan();
    const fill = new Fill(plan, LIMITS, new FillBudget(1000));
    const ticket = fill.join(new RecordingReader());
    ticket.leave();
    const source = new RecordingSource();
    fill.attach(source);
    expect(source.aborts).toBe(1);
  });

  test("nobody can wait for it any more", () => {
    const { fill, leader } = begin();
    leader.ticket?.leave();
    expect(fill.admits(get("/"))).toBe(false);
  });
});

describe("a response that is not shared", () => {
  test("releases those who wait before the leader's content comes", () => {
    const { plan, fill, join, leader } = begin();
    plan.verdict = { kind: "pass" };
    const waiter = join();
    fill.onHead(HEAD);
    expect([waiter.seen, waiter.head, leader.head?.status]).toEqual(["released", null, 200]);
    expect(plan.isClosed).toBe(true);
    fill.onData(bytes("abcdef"));
    fill.onEnd([]);
    expect([leader.seen, plan.stored]).toEqual(["200:abcdef", null]);
  });

  test("is aborted when its leader has left, with those who waited released", () => {
    const { plan, fill, join, leader, source } = begin();
    plan.verdict = { kind: "pass" };
    const waiter = join();
    leader.ticket?.leave();
    fill.onHead(HEAD);
    expect([waiter.seen, source.aborts]).toEqual(["released", 1]);
  });

  test("a single reader sets the pace at once, and gets what was read already", () => {
    const { plan, fill, leader, source } = begin();
    plan.verdict = { kind: "pass" };
    leader.appetite = 1;
    fill.onHead(HEAD);
    expect(fill.onData(bytes("a"))).toBe(false);
    expect(fill.onData(bytes("b"))).toBe(false);
    leader.eat(1);
    expect([leader.content, source.resumes]).toEqual(["ab", 0]);
    leader.eat(1);
    expect(source.resumes).toBe(1);
    expect(fill.onData(bytes("c"))).toBe(false);
    fill.onEnd([]);
    expect(leader.seen).toBe("200:abc");
  });

  test("a stored response goes to those whom it may, the others are released", () => {
    const { plan, fill, join } = begin();
    const [same, other] = [join("/same"), join("/other")];
    plan.admitted = (path) => path === "/same";
    fill.onHead(HEAD);
    expect([same.head?.status, other.seen]).toEqual([200, "released"]);
  });

  test("known before its head, it releases all but the leader", () => {
    const { fill, join, leader, plan } = begin();
    const waiter = join();
    fill.releaseFollowers();
    expect([waiter.seen, leader.seen, plan.isClosed]).toEqual(["released", "waiting", true]);
    expect(fill.admits(get("/"))).toBe(false);
    fill.onHead(HEAD);
    fill.onEnd([]);
    expect(leader.seen).toBe("200:");
  });

  test("an interim response is the leader's alone", () => {
    const { fill, join, leader } = begin();
    const waiter = join();
    fill.onInterim({ status: 103, reason: "", fields: [] });
    expect([leader.interims, waiter.interims]).toEqual([[103], []]);
  });
});

describe("bounds", () => {
  const readers = (limits?: FillLimits, budget?: FillBudget) => {
    const all = begin(limits, budget);
    const slow = all.join();
    slow.appetite = 1;
    all.fill.onHead(HEAD);
    return { ...all, slow };
  };

  test("over its limit it passes through, at the pace of the slowest within a window", () => {
    const { plan, fill, leader, slow, source, budget, join } = readers();
    for (let index = 0; index < 10; index++) fill.onData(bytes("0123456789"));
    expect([plan.abandoned, budget.usedBytes]).toEqual(["", 100]);
    expect(fill.onData(bytes("x"))).toBe(false);
    expect([plan.abandoned, plan.isClosed, budget.usedBytes]).toEqual(["too_large", true, 0]);
    expect(leader.content).toHaveLength(101);
    slow.eat(7);
    expect(source.resumes).toBe(0);
    slow.eat(1);
    expect(source.resumes).toBe(1);
    expect(fill.onData(bytes("y"))).toBe(true);
    slow.eat();
    fill.onEnd([]);
    expect(slow.seen).toBe(leader.seen);
    expect(plan.stored).toBeNull();
    expect(fill.admits(join().request)).toBe(false);
  });

  test("while the budget has room the slow one may be further behind, up to a limit", () => {
    const limits = { ...LIMITS, objectBytesMax: 0, lagBytesMax: 40 };
    const { fill, slow, source, leader, budget } = readers(limits, new FillBudget(1000));
    // It has had the first one.
    for (let index = 0; index < 7; index++) expect(fill.onData(bytes("0123456789"))).toBe(true);
    expect(budget.usedBytes).toBe(40);
    expect(fill.onData(bytes("0123456789"))).toBe(false);
    slow.eat(1);
    expect([source.resumes, budget.usedBytes]).toEqual([1, 40]);
    slow.eat(4);
    expect(budget.usedBytes).toBe(0);
    slow.eat();
    fill.onEnd([]);
    expect([slow.seen, budget.usedBytes]).toEqual([leader.seen, 0]);
  });

  test("without room in the budget the slow one sets the pace", () => {
    const limits = { ...LIMITS, objectBytesMax: 0, lagBytesMax: 100 };
    const { fill, budget } = readers(limits, new FillBudget(10));
    for (let index = 0; index < 4; index++) expect(fill.onData(bytes("0123456789"))).toBe(true);
    expect(fill.onData(bytes("0123456789"))).toBe(false);
    expect(budget.usedBytes).toBe(10);
  });

  test("when the slow one leaves, the others go on", () => {
    const { fill, slow, source, leader } = readers({ ...LIMITS, objectBytesMax: 0 });
    for (let index = 0; index < 3; index++) expect(fill.onData(bytes("0123456789"))).toBe(true);
    expect(fill.onData(bytes("0123456789"))).toBe(false);
    slow.ticket?.leave();
    expect(source.resumes).toBe(1);
    fill.onEnd([]);
    expect(leader.content).toHaveLength(40);
  });

  test("all fills together keep to one budget, and give back what they took", () => {
    const budget = new FillBudget(10);
    const one = begin(LIMITS, budget);
    const two = begin(LIMITS, budget);
    one.fill.onHead(HEAD);
    two.fill.onHead(HEAD);
    one.fill.onData(bytes("01234567"));
    two.fill.onData(bytes("abc"));
    expect([two.plan.abandoned, budget.usedBytes]).toEqual(["over_budget", 8]);
    one.fill.onEnd([]);
    two.fill.onEnd([]);
    expect([one.plan.stored, two.plan.stored]).toEqual(["01234567", null]);
    expect(two.leader.seen).toBe("200:abc");
    expect(budget.usedBytes).toBe(0);
  });

  test("a late reader of something that outgrew its limit is released", async () => {
    const { fill, join } = begin({ ...LIMITS, objectBytesMax: 2 });
    fill.onHead(HEAD);
    const late = join();
    fill.onData(bytes("abc"));
    await settled();
    expect(late.seen).toBe("released");
  });
});

describe("failure", () => {
  test("before the head fails the one that asked; the others have an attempt of their own", () => {
    const { fill, join, leader } = begin();
    const waiter = join();
    fill.onError(ERROR);
    expect([leader.seen, waiter.seen]).toEqual(["failed", "released"]);
    expect(leader.error).toBe(ERROR);
  });

  test("before the head, with something stored that may stand in", () => {
    const { plan, fill, join, leader } = begin();
    const waiter = join();
    plan.standInFor = () => ({ head: HEAD, content: [bytes("old")], length: 3 });
    fill.onError(ERROR);
    expect([leader.seen, waiter.seen]).toEqual(["200:old", "200:old"]);
  });

  test("within the content every reader sees it break off, and nothing is stored", () => {
    const { plan, fill, join, leader, budget } = begin();
    const slow = join();
    slow.appetite = 1;
    fill.onHead(HEAD);
    fill.onData(bytes("abc"));
    fill.onData(bytes("de"));
    fill.onError(ERROR);
    expect([leader.seen, slow.seen]).toEqual(["broken:abcde", "broken:abc"]);
    expect([plan.stored, budget.usedBytes]).toEqual([null, 0]);
    slow.eat();
    expect(slow.seen).toBe("broken:abc");
  });

  test("a late reader that has seen nothing yet is released", async () => {
    const { fill, join } = begin();
    fill.onHead(HEAD);
    const late = join();
    fill.onError(ERROR);
    await settled();
    expect(late.seen).toBe("released");
  });

  test("the source is not aborted after it has ended", () => {
    const { fill, source, leader } = begin();
    fill.onError(ERROR);
    leader.ticket?.leave();
    fill.attach(source);
    expect(source.aborts).toBe(0);
  });
});

describe("a response that only informs", () => {
  test("gives each reader an answer from the store; its content is dropped", () => {
    const { plan, fill, join, leader, source } = begin();
    const waiter = join();
    plan.verdict = {
      kind: "answer",
      answerFor: (reader) => ({ head: HEAD, content: [bytes(reader.request.path)], length: 1 }),
    };
    fill.onHead({ status: 503, reason: "", fields: [] });
    expect([leader.seen, waiter.seen]).toEqual(["200:/", "200:/"]);
    expect(fill.onData(bytes("0123456789"))).toBe(true);
    expect(source.aborts).toBe(0);
    fill.onData(bytes("x"));
    expect(source.aborts).toBe(1);
    leader.ticket?.leave();
  });

  test("that is useless sends everybody back", () => {
    const { plan, fill, join, leader } = begin();
    const waiter = join();
    plan.verdict = { kind: "retry" };
    fill.onHead({ status: 304, reason: "", fields: [] });
    fill.onEnd([]);
    expect([leader.seen, waiter.seen]).toEqual(["released", "released"]);
  });
});

describe("readers that act while they are called", () => {
  test("leaving on the head, on data, or joining again on release", () => {
    const { plan, fill, join, leader, source } = begin();
    const [onHead, onData] = [join(), join()];
    onHead.onHead = () => onHead.ticket?.leave();
    onData.onData = () => {
      onData.ticket?.leave();
      return true;
    };
    const other = join("/other");
    const again = new RecordingReader(get("/again"));
    other.onReleased = () => {
      again.ticket = fill.join(again);
    };
    plan.admitted = (path) => path !== "/other";
    fill.onHead(HEAD);
    fill.onData(bytes("abcdef"));
    leader.ticket?.leave();
    expect(source.aborts).toBe(0);
    again.ticket?.leave();
    expect(source.aborts).toBe(1);
  });
});
