// Hot. Owns the way of a plain cache hit: from a HeadRecord to the bytes of a stored response,
// without a promise, a Request or Hono (RFC 9111 section 4). What the route asks of a hit was
// compiled onto the entry when it was stored.

import {
  FIELD_AUTHORIZATION,
  FIELD_CACHE_CONTROL,
  FIELD_IF_MATCH,
  FIELD_IF_MODIFIED_SINCE,
  FIELD_IF_NONE_MATCH,
  FIELD_IF_RANGE,
  FIELD_IF_UNMODIFIED_SINCE,
  FIELD_NAME_LENGTH_AND_ID,
  FIELD_NAME_START,
  FIELD_PRAGMA,
  FIELD_RANGE,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FIELD_X_FORWARDED_FOR,
  FIELD_X_REQUEST_ID,
  METHOD_GET,
  METHOD_HEAD,
  RECORD_FIELD_COUNT,
  RECORD_FIELDS,
  RECORD_METHOD,
  RECORD_PRESENT_LOW,
} from "../../assembly/layout.ts";
import type { CacheEntry } from "../cache/cache-entry.ts";
import type { MemoryStore } from "../cache/memory-store.ts";
import type { RawFields } from "../cache/policy/vary.ts";
import type { StoredResponse } from "../cache/stored-response.ts";
import type { Clock } from "../clock.ts";
import type { Core } from "../core/core.ts";
import type { ClientAddress } from "../http/exchange.ts";
import { type AccessLog, hitFragment, peerFragment } from "../telemetry/access-log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { clientBehind } from "./forwarding.ts";
import type { RequestIds } from "./request-ids.ts";
import type { TrustNetwork } from "./trust-network.ts";

/**
 * Requests with one of these are for the policy: their answer may not be the stored response as it
 * is.
 */
const DECIDED_BY_POLICY_LOW =
  (1 << FIELD_AUTHORIZATION) |
  (1 << FIELD_CACHE_CONTROL) |
  (1 << FIELD_PRAGMA) |
  (1 << FIELD_RANGE) |
  (1 << FIELD_IF_NONE_MATCH) |
  (1 << FIELD_IF_MODIFIED_SINCE) |
  (1 << FIELD_IF_MATCH) |
  (1 << FIELD_IF_UNMODIFIED_SINCE) |
  (1 << FIELD_IF_RANGE);

export interface HitPathOptions {
  readonly core: Core;
  readonly store: MemoryStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly accessLog: AccessLog | null;
  readonly ids: RequestIds;
  /** Who is believed; null: nobody. A request that brings its X-Request-Id then is no plain hit. */
  readonly trust: TrustNetwork | null;
  /** Counts a hit in the cache's statistics. */
  readonly countHit: () => void;
}

export class HitPath implements RawFields {
  /** Written after the bytes that `find` returned; null when those are the whole response. */
  tail: Uint8Array | null = null;
  readonly #options: HitPathOptions;
  readonly #decidedByPolicyLow: number;
  /** Word index of the record that `fieldEquals` reads. */
  #base = 0;
  #input = 0;
  // The hit that `written` will account for.
  #entry: CacheEntry | null = null;
  #stored: StoredResponse | null = null;
  #isHead = false;
  #idNumber = 0;
  #bytes = 0;

  constructor(options: HitPathOptions) {
    this.#options = options;
    this.#decidedByPolicyLow =
      DECIDED_BY_POLICY_LOW | (options.trust === null ? 0 : 1 << FIELD_X_REQUEST_ID);
  }

  find(record: number, input: number, secure: 0 | 1): Uint8Array | null {
    const { core, store, clock, ids } = this.#options;
    const { words } = core;
    const base = record >>> 2;
    if (((words[base + RECORD_PRESENT_LOW] ?? 0) & this.#decidedByPolicyLow) !== 0) return null;
    const method = (words[base + RECORD_METHOD] ?? 0) & 0xff;
    if (method !== METHOD_GET && method !== METHOD_HEAD) return null;
    const keyLength = core.requestKey(record, input, secure);
    if (keyLength === 0) return null;
    const hash = core.keyHashAddress >>> 2;
    const h0 = (words[hash] ?? 0) | 0;
    const entry = store.lookup(core, core.keyAddress, keyLength, h0, (words[hash + 1] ?? 0) | 0);
    if (entry === undefined) return null;
    this.#base = base;
    this.#input = input;
    const stored = entry.selectRaw(this);
    const nowMs = clock.nowMs();
    if (stored === null || nowMs < stored.hitFromMs || nowMs >= stored.hitUntilMs) return null;
    if (!stored.rules.plain) return null;
    store.use(entry);
    this.#entry = entry;
    this.#stored = stored;
    this.#isHead = method === METHOD_HEAD;
    this.#idNumber = ids.nextNumber();
    const view = this.#isHead
      ? stored.headView(nowMs, this.#idNumber)
      : stored.view(nowMs, this.#idNumber);
    this.tail = this.#isHead ? null : stored.tail;
    this.#bytes = view.length + (this.tail === null ? 0 : this.tail.length);
    return view;
  }

  /**
   * The request's only line of the field has exactly this value; null: it has no such line (see
   * RawFields).
   */
  fieldEquals(id: number, nameLower: string, value: string | null): boolean {
    const { words } = this.#options.core;
    const count = words[this.#base + RECORD_FIELD_COUNT] ?? 0;
    let found = -1;
    for (let index = 0; index < count; index++) {
      const at = this.#base + RECORD_FIELDS + index * FIELD_WORDS;
      const nameWord = words[at + FIELD_NAME_LENGTH_AND_ID] ?? 0;
      if (nameWord >>> 16 !== id) continue;
      if (id === 0 && !this.#isNamed(at, nameWord & 0xffff, nameLower)) continue;
      if (found >= 0) return false;
      found = at;
    }
    if (found < 0) return value === null;
    return value !== null && this.#hasValue(found, value);
  }

  #isNamed(at: number, length: number, nameLower: string): boolean {
    if (length !== nameLower.length) return false;
    const { bytes, words } = this.#options.core;
    const start = this.#input + (words[at + FIELD_NAME_START] ?? 0);
    for (let index = 0; index < length; index++) {
      const byte = bytes[start + index] ?? 0;
      const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
      if (lower !== nameLower.charCodeAt(index)) return false;
    }
    return true;
  }

  #hasValue(at: number, value: string): boolean {
    const { bytes, words } = this.#options.core;
    const length = words[at + FIELD_VALUE_LENGTH] ?? 0;
    if (length !== value.length) return false;
    const start = this.#input + (words[at + FIELD_VALUE_START] ?? 0);
    for (let index = 0; index < length; index++) {
      if (bytes[start + index] !== value.charCodeAt(index)) return false;
    }
    return true;
  }

  /** Accounts for the hit that `find` returned last, once its bytes went to the socket. */
  written(pending: boolean, startedMs: number, client: ClientAddress): void {
    const stored = this.#stored;
    if (stored === null) return;
    const { metrics, accessLog, clock, ids, countHit } = this.#options;
    if (pending) stored.detach();
    const rules = stored.rules;
    const durationMs = clock.monotonicMs() - startedMs;
    metrics.record(
      this.#isHead ? rules.headRow : rules.getRow,
      stored.status,
      durationMs,
      this.#bytes,
    );
    countHit();
    if (accessLog === null) return;
    accessLog.writeHit(
      this.#fragment(stored),
      this.#peer(client),
      ids.text(this.#idNumber),
      stored.status,
      this.#isHead ? 0 : stored.contentLength,
      durationMs,
    );
  }

  /** The client's part of the log line; behind a trusted peer that is not the connection's. */
  #peer(client: ClientAddress): Uint8Array {
    const { trust, core } = this.#options;
    const present = core.words[this.#base + RECORD_PRESENT_LOW] ?? 0;
    if (trust === null || (present & (1 << FIELD_X_FORWARDED_FOR)) === 0) return peerBytes(client);
    const fields = ["x-forwarded-for", this.#joined(FIELD_X_FORWARDED_FOR)];
    const address = clientBehind(fields, client.address, (peer) => trust.has(peer));
    return peerFragment({ address, version: "1.1" });
  }

  /** The value of a well-known field of the record that `find` read last. */
  #joined(id: number): string {
    const { words, bytes } = this.#options.core;
    const values: string[] = [];
    for (let index = 0; index < (words[this.#base + RECORD_FIELD_COUNT] ?? 0); index++) {
      const at = this.#base + RECORD_FIELDS + index * FIELD_WORDS;
      if ((words[at + FIELD_NAME_LENGTH_AND_ID] ?? 0) >>> 16 !== id) continue;
      const start = this.#input + (words[at + FIELD_VALUE_START] ?? 0);
      const end = start + (words[at + FIELD_VALUE_LENGTH] ?? 0);
      values.push(String.fromCharCode(...bytes.subarray(start, end)));
    }
    return values.join(", ");
  }

  #fragment(stored: StoredResponse): Uint8Array {
    if (!this.#isHead && stored.logFragment !== null) return stored.logFragment;
    const fragment = hitFragment({
      method: this.#isHead ? "HEAD" : "GET",
      authority: this.#entry?.key.authority ?? "",
      path: stored.path,
      endpoint: stored.rules.endpoint,
      cache: "hit",
    });
    if (!this.#isHead) stored.logFragment = fragment;
    return fragment;
  }
}

/** Hits are HTTP/1.1: an HTTP/1.0 client needs another Connection field. */
function peerBytes(client: ClientAddress): Uint8Array {
  client.logFragment ??= peerFragment({ address: client.address, version: "1.1" });
  return client.logFragment;
}
