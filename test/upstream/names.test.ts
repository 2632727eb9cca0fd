// Names of targets against a real name server: kinds of answers and failures, TTLs and their
// bounds, both families, services.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { hostsAddresses, type NamePlace, placesOf } from "../../src/upstream/name-places.ts";
import { type NameAnswer, NameResolver } from "../../src/upstream/name-resolver.ts";
import { NameWatch, type WatchedName } from "../../src/upstream/name-watch.ts";
import { type DnsServer, startDnsServer } from "../support/dns-server.ts";

let dns: DnsServer;
beforeEach(async () => {
  dns = await startDnsServer();
});
afterEach(() => dns.close());

function resolver(family: "auto" | "4" | "6" = "auto"): NameResolver {
  return new NameResolver({ servers: [dns.address], family, timeoutMs: 100 });
}

/** "address:port weight/priority", with + between addresses of one place. */
function shown(answer: NameAnswer): unknown {
  if ("failure" in answer) return answer.failure;
  const places = answer.places.map(({ addresses, port, weight, priority }) => {
    const more = port === null ? "" : `:${port} ${weight}/${priority}`;
    return `${addresses.join("+")}${more}`;
  });
  return [...places, `ttl ${answer.ttlSeconds}`];
}

type Set = Parameters<DnsServer["set"]>[1];

const ANSWERS: [string, "auto" | "4" | "6", Set, unknown][] = [
  [
    "A: each address is a place",
    "auto",
    { A: ["10.0.0.2", "10.0.0.1"], ttl: 7 },
    ["10.0.0.1", "10.0.0.2", "ttl 7"],
  ],
  [
    "A and AAAA: IPv4",
    "auto",
    { A: ["10.0.0.1", "10.0.0.2"], AAAA: ["fd00::1"] },
    ["10.0.0.1", "10.0.0.2", "ttl 60"],
  ],
  [
    "one of each: one place",
    "auto",
    { A: ["10.0.0.1"], AAAA: ["fd00::1"] },
    ["10.0.0.1+fd00::1", "ttl 60"],
  ],
  ["AAAA alone", "auto", { AAAA: ["fd00::1"] }, ["fd00::1", "ttl 60"]],
  ["family 6", "6", { A: ["10.0.0.1"], AAAA: ["fd00::1"] }, ["fd00::1", "ttl 60"]],
  ["family 4", "4", { A: ["10.0.0.1"], AAAA: ["fd00::1"] }, ["10.0.0.1", "ttl 60"]],
  ["family 4 of a name that has none", "4", { AAAA: ["fd00::1"] }, "nodata"],
  ["no such name", "auto", "nxdomain", "nxdomain"],
  ["no addresses", "auto", {}, "nodata"],
  ["SERVFAIL", "auto", "servfail", "servfail"],
  ["REFUSED", "auto", "refused", "refused"],
  ["no answer", "auto", "silent", "timeout"],
];

test.each(ANSWERS)("%s", async (_name, family, answer, expected) => {
  dns.set("api.test", answer);
  expect(shown(await resolver(family).resolve("api.test"))).toEqual(expected);
});

test("RFC 2782: priority, weight and port of each record, at each address", async () => {
  const record = { priority: 10, weight: 0, port: 8080, name: "a.test" };
  dns.set("_http._tcp.api.test", {
    SRV: [record, { ...record, weight: 5, name: "b.test" }, { ...record, priority: 20, port: 81 }],
  });
  dns.set("a.test", { A: ["10.0.0.1"], ttl: 9 });
  dns.set("b.test", { A: ["10.0.0.2", "10.0.0.3"], ttl: 30 });
  const subject = resolver();
  const all = ["10.0.0.1:81 1/1", "10.0.0.1:8080 1/0", "10.0.0.2:8080 5/0", "10.0.0.3:8080 5/0"];
  const asked = async (): Promise<unknown> =>
    shown(await subject.resolveService("_http._tcp.api.test"));
  expect(await asked()).toEqual([...all, "ttl 9"]);
  // A name that fails for now keeps its places; one that the records drop is gone.
  dns.set("b.test", "servfail");
  expect(await asked()).toEqual([...all, "ttl 9"]);
  dns.set("_http._tcp.api.test", { SRV: [record] });
  expect(await asked()).toEqual(["10.0.0.1:8080 1/0", "ttl 9"]);
  dns.set("_http._tcp.api.test", { SRV: [{ ...record, name: "." }] });
  expect(await asked()).toBe("nodata");
  dns.set("_http._tcp.api.test", "nxdomain");
  expect(await asked()).toBe("nxdomain");
});

test("the hosts file counts before the system's name servers, and its other names too", () => {
  const text =
    "127.0.0.1 localhost\n10.1.1.1\tapi.test API # 10.9.9.9 api.test\nfd00::5 api.test\n";
  expect(placesOf(hostsAddresses(text, "api"), "auto")).toEqual([["10.1.1.1"]]);
  expect(placesOf(hostsAddresses(text, "Api.test"), "auto")).toEqual([["10.1.1.1", "fd00::5"]]);
  expect(hostsAddresses(text, "test")).toEqual([]);
});

describe("watching", () => {
  const watched: WatchedName = { key: "http://api.test", name: "api.test", kind: "host" };
  let watch: NameWatch;
  let moves: string[];
  let failures: (string | null)[];
  let isTaken = true;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    moves = [];
    failures = [];
    isTaken = true;
    const shownPlaces = (places: readonly NamePlace[]): string =>
      places.map(({ addresses }) => addresses.join("+")).join();
    watch = new NameWatch(
      resolver("4"),
      { ttlMsMin: 1000, ttlMsMax: 60_000, retryMs: 5000 },
      {
        moved: async (_watched, places) => isTaken && moves.push(shownPlaces(places)) > 0,
        failing: (_watched, failure) => void failures.push(failure),
      },
      () => 0.5,
    );
  });
  afterEach(() => {
    watch.close();
    vi.useRealTimers();
  });

  const lookups = (): number => watch.reading().lookups.reduce((sum, [, count]) => sum + count, 0);
  async function looked(count: number): Promise<void> {
    // Sockets are real: only the timers of the watch are not.
    await vi.waitUntil(() => lookups() === count && vi.getTimerCount() === 1, { timeout: 3000 });
  }
  async function after(ms: number, count: number): Promise<void> {
    vi.advanceTimersByTime(ms - 1);
    expect(lookups()).toBe(count - 1);
    vi.advanceTimersByTime(1);
    await looked(count);
  }

  test("by its TTL, within bounds, and only what is different is told", async () => {
    dns.set("api.test", { A: ["10.0.0.1"], ttl: 20 });
    watch.follow([watched]);
    await looked(1);
    watch.follow([watched]);
    await after(19_000, 2);
    dns.set("api.test", { A: ["10.0.0.2", "10.0.0.1"], ttl: 0 });
    await after(19_000, 3);
    expect(moves).toEqual(["10.0.0.1", "10.0.0.1,10.0.0.2"]);
    dns.set("api.test", { A: ["10.0.0.1", "10.0.0.2"], ttl: 86_400 });
    await after(1000, 4);
    await after(57_000, 5);
    expect(moves).toHaveLength(2);
    expect(failures).toEqual([]);
    expect(watch.reading().names).toEqual([{ name: "api.test", addresses: 2, failing: false }]);
    watch.follow([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("failures are told once each, asked later and later; the last answer stays", async () => {
    dns.set("api.test", { A: ["10.0.0.1"], ttl: 1 });
    watch.follow([watched]);
    await looked(1);
    dns.set("api.test", "servfail");
    await after(1000, 2);
    await after(5000, 3);
    dns.set("api.test", "nxdomain");
    await after(10_000, 4);
    expect(watch.reading().names).toEqual([{ name: "api.test", addresses: 1, failing: true }]);
    dns.set("api.test", { A: ["10.0.0.1"], ttl: 1 });
    await after(20_000, 5);
    expect(failures).toEqual(["servfail", "nxdomain", null]);
    expect(moves).toEqual(["10.0.0.1"]);
    expect(Object.fromEntries(watch.reading().lookups)).toMatchObject({
      found: 2,
      servfail: 2,
      nxdomain: 1,
      timeout: 0,
    });
  });

  test("what could not be taken in is told again", async () => {
    dns.set("api.test", { A: ["10.0.0.1"], ttl: 1000 });
    isTaken = false;
    watch.follow([watched]);
    await looked(1);
    isTaken = true;
    await after(5000, 2);
    expect(moves).toEqual(["10.0.0.1"]);
  });
});
