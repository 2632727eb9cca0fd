// Hot on hits. Owns a stored response: its metadata, and its bytes ready to write, so that a hit is
// one view and one write (RFC 9111 section 4). Knows neither keys nor stores nor how the metadata
// was decided.

import { STATUS_CODES } from "node:http";
import { fieldValues, trimOws, withoutFields } from "../http/fields.ts";
import type { ResponseHead } from "../http/message.ts";
import type { ByteRange } from "../http/ranges.ts";
import { ContentParts } from "./content-parts.ts";
import { ageSeconds } from "./policy/freshness.ts";
import type { StoredMetadata } from "./policy/metadata.ts";
import type { SelectingField } from "./policy/vary.ts";

/** What every stored response of one cache writes the same way. */
export interface HitFormat {
  /** Our name in Cache-Status (RFC 9211 section 2), an sf-token. */
  readonly cacheName: string;
  /**
   * The first 16 of the 24 characters of X-Request-Id, random for each process; 8 hex digits of a
   * counter follow.
   */
  readonly requestIdPrefix: string;
}

/**
 * What a route asks of hits on its responses, compiled when it was built. One object for all
 * entries of a route and a config.
 */
export interface HitRules {
  /** Name of the route: the `endpoint` label. */
  readonly endpoint: string;
  /** Where the gateway counts a GET and a HEAD of this route. */
  readonly getRow: number;
  readonly headRow: number;
  /**
   * False: a hit is never plain, because middleware runs, a field is added to each response, or
   * the rules are retired.
   */
  plain: boolean;
  /** Another config serves since. */
  isRetired: boolean;
  /**
   * Where responses come from and how they are cached, in one word. Under another config they
   * belong to a route with the same word, and to no other.
   */
  readonly source: string;
}

export interface StoredParts {
  readonly head: ResponseHead;
  readonly metadata: StoredMetadata;
  /** What the request sent for each field that Vary names; empty without Vary. */
  readonly selecting: readonly SelectingField[];
  readonly format: HitFormat;
  readonly rules: HitRules;
  /** Path without its query, for the log. */
  readonly path: string;
  /** What it can be purged by. */
  readonly tags: readonly string[];
}

/**
 * Below it a copy is cheaper than a second view in the write; above it the content is shared and
 * never copied again.
 */
export const CONTIGUOUS_BYTES_MAX = 16_384;

/**
 * What one costs besides its bytes and strings: object, metadata, views, the record that the engine
 * keeps of each buffer outside its heap, and the log fragment of the first hit. Resident memory of
 * 100,000 small entries is 2.9 KiB each, of which the lines of a usual head are 0.4; a test fails
 * when heap and buffers alone take more than is counted.
 */
const STORED_OVERHEAD_BYTES = 2_100;

export class StoredResponse {
  readonly status: number;
  readonly selecting: readonly SelectingField[];
  /** Those of the config that serves, once a request of it came by. */
  rules: HitRules;
  readonly path: string;
  readonly tags: readonly string[];
  /** Of the whole representation. */
  readonly contentLength: number;
  /** What there is of the content where that is not all (RFC 9111 section 3.3): no plain hit. */
  readonly parts: ContentParts | null;
  /** A plain request is a hit from here on … (milliseconds, wall clock) */
  readonly hitFromMs: number;
  /** … until before here. 0 where each use needs a decision of the policy. */
  hitUntilMs: number;
  /** Purged or made invalid: whoever still holds it has had it from before, and keeps it no more. */
  isWithdrawn = false;

  /**
   * The part of a hit's log line that this response determines; prepared by the gateway when first
   * needed.
   */
  logFragment: Uint8Array | null = null;

  /**
   * Written after `view` when the two are not one piece; null when `view` is the whole response.
   */
  tail: Uint8Array | null;

  #metadata: StoredMetadata;
  readonly #format: HitFormat;
  readonly #reason: string;
  /**
   * Members that caches nearer to the origin put into Cache-Status; ours follows them (RFC 9211
   * section 2).
   */
  readonly #upstreamStatus: string;
  readonly #headroom: number;
  readonly #headEnd: number;
  #buffer: Buffer;
  #view: Uint8Array;
  #headView: Uint8Array | null = null;
  #renderedFromMs = Number.POSITIVE_INFINITY;
  #renderedUntilMs = 0;
  #mustMove = false;

  /**
   * `content` is copied into the entry's own buffer when `placement` is "copy"; otherwise, and
   * where it is in parts, it must never change.
   */
  constructor(
    parts: StoredParts,
    content: readonly Uint8Array[] | ContentParts,
    placement: "copy" | "share",
  ) {
    const { metadata, format } = parts;
    this.status = parts.head.status;
    this.#metadata = metadata;
    this.selecting = parts.selecting;
    this.rules = parts.rules;
    this.path = parts.path;
    this.tags = parts.tags;
    this.#format = format;
    this.#reason =
      parts.head.reason === "" ? (STATUS_CODES[parts.head.status] ?? "") : parts.head.reason;
    this.#upstreamStatus = fieldValues(parts.head.fields, "cache-status").map(trimOws).join(", ");
    const isWhole = !(content instanceof ContentParts);
    this.parts = isWhole ? null : content;
    const pieces = isWhole ? content : [];
    let pieceBytes = 0;
    for (const piece of pieces) pieceBytes += piece.length;
    this.contentLength = isWhole ? pieceBytes : content.length;
    this.hitFromMs = metadata.hitFromMs;
    this.hitUntilMs = isWhole ? metadata.hitUntilMs : 0;

    const lines = staticLines(parts.head, this.contentLength);
    this.#headroom = this.#prefix(PREFIX_AGE_MAX, -PREFIX_AGE_MAX).length;
    this.#headEnd = this.#headroom + lines.length;
    const shared = placement === "share" && pieces.length === 1 ? pieces[0] : undefined;
    const contentRoom = shared === undefined ? pieceBytes : 0;
    this.#buffer = Buffer.allocUnsafeSlow(this.#headEnd + contentRoom);
    this.#buffer.write(lines, this.#headroom, "latin1");
    if (shared === undefined) {
      let offset = this.#headEnd;
      for (const piece of pieces) {
        this.#buffer.set(piece, offset);
        offset += piece.length;
      }
    }
    this.tail = shared ?? null;
    this.#view = this.#buffer;
  }

  get metadata(): StoredMetadata {
    return this.#metadata;
  }

  /**
   * Content bytes of a whole response; they never change, and stay valid for whoever holds them.
   */
  get content(): Uint8Array {
    return this.tail ?? this.#buffer.subarray(this.#headEnd);
  }

  /** The content as the constructor takes it, for another version of this response. */
  get kept(): readonly Uint8Array[] | ContentParts {
    return this.parts ?? [this.content];
  }

  /** The range of the content is stored. */
  has(range: ByteRange): boolean {
    return this.parts === null || this.parts.covers(range);
  }

  /** Bytes of a range that is stored. */
  slices({ start, end }: ByteRange): Uint8Array[] {
    return this.parts?.slices({ start, end }) ?? [this.content.subarray(start, end)];
  }

  /** Large content is handed to the next version of this response as it is. */
  get sharesContent(): boolean {
    return this.parts === null && this.contentLength > CONTIGUOUS_BYTES_MAX;
  }

  /** Bytes that this variant takes, all told. */
  get sizeBytes(): number {
    let size = this.#buffer.length + this.path.length + STORED_OVERHEAD_BYTES;
    // Large content may get a second head beside the one that it is in one piece with.
    if (this.sharesContent) size += this.#headEnd;
    if (this.parts !== null) size += this.parts.sizeBytes;
    if (this.tail !== null) size += this.contentLength;
    size += this.#upstreamStatus.length + this.metadata.etag.length;
    for (const field of this.selecting) size += selectingFieldBytes(field);
    for (const tag of this.tags) size += TAG_BYTES + tag.length;
    return size;
  }

  /** Stale from now on: a soft purge. Its stale windows begin now, unless they had begun. */
  expire(nowMs: number): void {
    const { lifetimeSeconds } = this.#metadata;
    const ageSeconds = Math.floor(Math.max(0, nowMs - this.#metadata.bornMs) / 1000);
    this.hitUntilMs = 0;
    if (lifetimeSeconds <= ageSeconds) return;
    this.#metadata = {
      ...this.#metadata,
      lifetimeSeconds: ageSeconds,
      freshnessRule: "fresh_purged",
      hitUntilMs: 0,
    };
  }

  /** A route of another config has it from now on. */
  adopt(rules: HitRules): void {
    if (rules.endpoint !== this.rules.endpoint) this.logFragment = null;
    this.rules = rules;
  }

  /** It leaves the store because it is no longer valid. */
  withdraw(): void {
    this.hitUntilMs = 0;
    this.isWithdrawn = true;
  }

  /**
   * The response to a hit at `nowMs`, with request id number `counter`. The view is valid until the
   * next call of `view` or `headView`; a caller whose write is still pending after its turn must
   * call `detach`. `tail` follows it on the wire where it is not null.
   */
  view(nowMs: number, counter: number): Uint8Array {
    if (this.#mustMove) this.#move();
    if (nowMs >= this.#renderedUntilMs || nowMs < this.#renderedFromMs) this.#render(nowMs);
    writeCounter(this.#buffer, this.#headroom - COUNTER_END, counter);
    return this.#view;
  }

  /** As `view`, without content: the response to HEAD (RFC 9110 section 9.3.2). */
  headView(nowMs: number, counter: number): Uint8Array {
    const view = this.view(nowMs, counter);
    this.#headView ??= view.subarray(0, view.length - this.#contentInView());
    return this.#headView;
  }

  /** Somebody may still read the bytes of the last view: the next one is written elsewhere. */
  detach(): void {
    this.#mustMove = true;
  }

  /** Seconds since the origin server made it (RFC 9111 section 4.2.3). */
  ageSeconds(nowMs: number): number {
    return ageSeconds(this.metadata, nowMs);
  }

  /** Remaining freshness lifetime; negative when stale (RFC 9211 section 2.4). */
  ttlSeconds(nowMs: number): number {
    return this.metadata.lifetimeSeconds - this.ageSeconds(nowMs);
  }

  /**
   * Status and stored field lines, decoded on each call: without Age, Cache-Status and
   * X-Request-Id.
   */
  head(): ResponseHead {
    const text = this.#buffer.toString("latin1", this.#headroom, this.#headEnd - 2);
    const fields: string[] = [];
    for (let start = 0; start < text.length; ) {
      const colon = text.indexOf(":", start);
      const end = text.indexOf("\r\n", colon);
      fields.push(text.slice(start, colon), text.slice(colon + 2, end));
      start = end + 2;
    }
    return { status: this.status, reason: this.#reason, fields };
  }

  /** The Cache-Status value for a use of this response: members of caches before us, then ours. */
  cacheStatus(ours: string): string {
    return this.#upstreamStatus === "" ? ours : `${this.#upstreamStatus}, ${ours}`;
  }

  #contentInView(): number {
    return this.tail === null ? this.contentLength : 0;
  }

  #render(nowMs: number): void {
    const age = this.ageSeconds(nowMs);
    const prefix = this.#prefix(age, this.ttlSeconds(nowMs));
    const start = this.#headroom - prefix.length;
    this.#buffer.write(prefix, start, "latin1");
    this.#view = this.#buffer.subarray(start);
    this.#headView = null;
    const bornMs = this.metadata.bornMs;
    // Lifetimes are whole seconds, so that Age and ttl change at the same instants.
    this.#renderedFromMs = nowMs < bornMs ? Number.NEGATIVE_INFINITY : bornMs + age * 1000;
    this.#renderedUntilMs = bornMs + (age + 1) * 1000;
  }

  #prefix(age: number, ttl: number): string {
    const ours = `${this.#format.cacheName}; hit; ttl=${ttl}`;
    return (
      `HTTP/1.1 ${this.status} ${this.#reason}\r\nCache-Status: ${this.cacheStatus(ours)}\r\n` +
      `Age: ${age}\r\nX-Request-Id: ${this.#format.requestIdPrefix}00000000\r\n`
    );
  }

  /**
   * The old bytes stay with the write that needs them. Large content stays where it is and is
   * shared.
   */
  #move(): void {
    const whole = this.tail === null && this.contentLength <= CONTIGUOUS_BYTES_MAX;
    const length = whole ? this.#buffer.length : this.#headEnd;
    const moved = Buffer.allocUnsafeSlow(length);
    this.#buffer.copy(moved, this.#headroom, this.#headroom, length);
    if (!whole) this.tail ??= this.#buffer.subarray(this.#headEnd);
    this.#buffer = moved;
    this.#renderedUntilMs = 0;
    this.#mustMove = false;
  }
}

/** Ages are at most 2^31 seconds (RFC 9111 section 1.2.2): ten digits. */
const PREFIX_AGE_MAX = 2_147_483_648;
/** From the end of the prefix back to the first digit of the counter: the digits and CRLF. */
const COUNTER_END = 10;
const HEX = Buffer.from("0123456789abcdef", "latin1");

/** A string with its header, and its place in the list. */
const TAG_BYTES = 32;

/** Fields that the prefix or the framing write themselves, and those that end at this hop. */
const NOT_STATIC = new Set(["age", "cache-status", "x-request-id", "content-length"]);

function staticLines(head: ResponseHead, contentLength: number): string {
  const fields = withoutFields(head.fields, NOT_STATIC);
  let lines = "";
  for (let index = 0; index + 1 < fields.length; index += 2) {
    lines += `${fields[index]}: ${fields[index + 1]}\r\n`;
  }
  // A 204 has no content and must not say how much (RFC 9110 section 8.6).
  return head.status === 204 ? `${lines}\r\n` : `${lines}Content-Length: ${contentLength}\r\n\r\n`;
}

/** Two strings with their headers, and the object that holds them. */
function selectingFieldBytes(field: SelectingField): number {
  return 96 + (field.value?.length ?? 0) + field.normalised.length;
}

function writeCounter(buffer: Uint8Array, offset: number, counter: number): void {
  buffer[offset] = HEX[counter >>> 28] ?? 0;
  buffer[offset + 1] = HEX[(counter >>> 24) & 15] ?? 0;
  buffer[offset + 2] = HEX[(counter >>> 20) & 15] ?? 0;
  buffer[offset + 3] = HEX[(counter >>> 16) & 15] ?? 0;
  buffer[offset + 4] = HEX[(counter >>> 12) & 15] ?? 0;
  buffer[offset + 5] = HEX[(counter >>> 8) & 15] ?? 0;
  buffer[offset + 6] = HEX[(counter >>> 4) & 15] ?? 0;
  buffer[offset + 7] = HEX[counter & 15] ?? 0;
}
