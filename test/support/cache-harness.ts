// Owns a cache with everything that the gateway puts around it, as far as a test needs it: clients
// that look up, wait and are released, and an origin server that the test answers for.

import { backgroundReader } from "../../src/cache/background-reader.ts";
import { Cache, type Found, type LedFill } from "../../src/cache/cache.ts";
import { CACHE_DEFAULTS, type CacheOptions } from "../../src/cache/cache-state.ts";
import type { FillReader } from "../../src/cache/collapse.ts";
import type { Forward, RouteCaching } from "../../src/cache/forward.ts";
import type { CacheMode } from "../../src/cache/policy/freshness.ts";
import { Splicing } from "../../src/cache/splice.ts";
import { isExhausted, NO_WAITS, type Waits, waitedInVain } from "../../src/cache/waits.ts";
import { GatewayError } from "../../src/http/errors.ts";
import { getField } from "../../src/http/fields.ts";
import type { RequestHead } from "../../src/http/message.ts";
import { FakeClock } from "./clock.ts";
import { RecordingReader, RecordingSource } from "./fill-reader.ts";
import { FakeKeyMemory } from "./key-memory.ts";
import { DATE, HIT_FORMAT, HIT_RULES, NOW_MS } from "./stored.ts";

/** A request that reached the origin server. */
export class OriginCall {
  readonly forward: Forward;
  readonly fill: LedFill | Splicing;
  readonly source = new RecordingSource();

  constructor(forward: Forward, fill: LedFill | Splicing) {
    this.forward = forward;
    this.fill = fill;
  }

  field(name: string): string | undefined {
    return getField(this.forward.fields, name);
  }

  /** Answers with a whole response. */
  respond(status: number, fields: readonly string[], content = ""): void {
    this.head(status, fields);
    if (content !== "") this.fill.onData(Buffer.from(content, "latin1"));
    this.fill.onEnd([]);
  }

  head(status: number, fields: readonly string[]): void {
    this.fill.onHead({ status, reason: "", fields });
  }

  fail(): void {
    this.fill.onError(new GatewayError("connect_refused", "refused"));
  }
}

export class CacheHarness {
  readonly clock = new FakeClock(NOW_MS);
  readonly memory = new FakeKeyMemory();
  readonly cache: Cache;
  /** Requests that reached the origin server and wait for the test to answer. */
  calls: OriginCall[] = [];
  callCount = 0;
  /** Answers at once where it is set. */
  origin: ((call: OriginCall) => void) | null = null;
  caching: RouteCaching = { mode: { kind: "auto" }, ...PLAIN };

  constructor(options: Partial<CacheOptions> = {}) {
    const all = { ...CACHE_DEFAULTS, format: HIT_FORMAT, ...options };
    this.cache = new Cache(this.memory, this.clock, all);
  }

  set mode(mode: CacheMode) {
    this.caching = { ...this.caching, mode };
  }

  lookup(request: RequestHead): Found {
    const uri = `${request.scheme}://${request.authority}${request.path}`;
    const key = this.memory.key(uri);
    return this.cache.lookup(request, key, this.caching, this.clock.nowMs());
  }

  /** A client's request, as far as it gets without the origin server. */
  send(request: RequestHead): RecordingReader {
    const reader = new RecordingReader(request);
    this.#attempt(reader, NO_WAITS);
    return reader;
  }

  get(path: string, ...fields: string[]): RecordingReader {
    return this.send({ ...BASE, path, fields });
  }

  request(method: string, path: string, ...fields: string[]): RecordingReader {
    return this.send({ ...BASE, method, path, fields });
  }

  /** The next request that reached the origin server. */
  call(): OriginCall {
    const call = this.calls.shift();
    if (call === undefined) throw new Error("nothing reached the origin server");
    return call;
  }

  /** Has a response stored for this path. */
  store(path: string, fields: readonly string[], content: string, request: string[] = []): void {
    this.get(path, ...request);
    this.call().respond(200, ["Date", DATE, ...fields], content);
  }

  #attempt(reader: RecordingReader, waits: Waits): void {
    const found = this.lookup(reader.request);
    if (found.kind === "answer") {
      reader.onAnswer(found.answer);
      if (found.refresh !== null)
        this.#join(found.refresh, backgroundReader(found.refresh.request), NO_WAITS);
      return;
    }
    reader.onReleased = (error) => {
      const after = waitedInVain(waits, error);
      if (error !== null && isExhausted(after)) reader.onError(error);
      else this.#attempt(reader, after);
    };
    reader.ticket = this.#join(found, reader, waits);
  }

  #join(forward: Forward, reader: FillReader, waits: Waits) {
    const { ticket, fill, plan } = this.cache.join(forward, reader, waits);
    if (fill !== null && plan !== null) {
      const { splice } = forward;
      const nowMs = () => this.clock.nowMs();
      const next = splice === null ? fill : new Splicing(splice, plan, fill, nowMs);
      const call = new OriginCall(forward, next);
      this.callCount++;
      fill.attach(call.source);
      if (this.origin === null) this.calls.push(call);
      else this.origin(call);
    }
    return ticket;
  }
}

const PLAIN = { rules: HIT_RULES, keys: null, objectBytesMax: null, tags: [] };

const BASE: RequestHead = {
  method: "GET",
  scheme: "http",
  authority: "a.test",
  path: "/",
  version: "1.1",
  fields: [],
};
