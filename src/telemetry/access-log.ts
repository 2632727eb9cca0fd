// Owns the access log: one JSON line for each exchange, in printable ASCII whatever a client sent.
// `writeHit` is hot: it copies prepared bytes into the sink's batch and allocates nothing. Fields
// are documented in docs/access-log.md. Never logs a query, a field value or content.

import type { Clock } from "../clock.ts";
import type { Sink } from "./sink.ts";

/** The parts of a line that are known before the exchange ends. */
export interface AccessSubject {
  readonly method: string;
  readonly authority: string;
  /** As sent; the log leaves the query out. */
  readonly path: string;
  readonly endpoint: string;
  /** The Cache-Status outcome in one word; "" where no cache was asked. */
  readonly cache: string;
}

export interface AccessPeer {
  readonly address: string;
  /** HTTP version: "1.0", "1.1", "2" or "3". */
  readonly version: string;
}

/** An exchange that has ended. */
export interface AccessSummary extends AccessSubject, AccessPeer {
  readonly requestId: string;
  readonly status: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly target: string;
  /** The tries before the last; "" without any. */
  readonly retried: string;
  /** What answered in the upstream's place, and why; "" where nothing did. */
  readonly fallback: string;
  readonly reason: string;
  /** For humans; never a field value. */
  readonly detail: string;
}

/**
 * Longest text of a field as escaped, and of a request id in characters; the rest is cut off. A
 * line fits its batch.
 */
const TEXT_BYTES_MAX = 4096;
const REQUEST_ID_LENGTH_MAX = 256;
/** "\\u001b" is the longest that a character becomes. */
const ESCAPE_BYTES_MAX = 6;
/** Digits, names and punctuation of a line, apart from its fragments and id. */
const FIXED_BYTES_MAX = 256;

/** Up to the request id; the time is written into a copy of it once a millisecond. */
const LINE_START =
  '{"level":"info","time":"YYYY-MM-DDTHH:MM:SS.mmmZ","msg":"access","request_id":"';
const TIME_START = LINE_START.indexOf("YYYY");
const BYTES_NAME = Buffer.from(',"bytes":');
const DURATION_NAME = Buffer.from(',"duration_ms":');

/**
 * Microseconds; a duration that is not finite comes from a broken clock, and must not break the
 * line too.
 */
const DURATION_MAX = Number.MAX_SAFE_INTEGER;

const ZERO = 0x30;
const POINT = 0x2e;

/**
 * The bytes of a hit's line that its stored response determines. Made once, when the response is
 * stored.
 */
export function hitFragment(subject: AccessSubject): Uint8Array {
  return Buffer.from(`"${subjectText(subject)},"status":`);
}

/** The bytes of a line that the connection determines. Made once for each connection. */
export function peerFragment(peer: AccessPeer): Uint8Array {
  return Buffer.from(`${peerText(peer)}}\n`);
}

export class AccessLog {
  readonly #sink: Sink;
  readonly #clock: Clock;
  /** How a line of this millisecond starts. */
  readonly #start = Buffer.from(LINE_START);
  #timeMs = -1;

  constructor(sink: Sink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Lines that were dropped because the sink was slow. */
  get dropped(): number {
    return this.#sink.dropped;
  }

  /**
   * Logs a hit. The fragments come from `hitFragment` and `peerFragment`; the id may be a client's,
   * and is escaped.
   */
  writeHit(
    subject: Uint8Array,
    peer: Uint8Array,
    requestId: string,
    status: number,
    bytes: number,
    durationMs: number,
  ): void {
    const idLength = Math.min(requestId.length, REQUEST_ID_LENGTH_MAX);
    const sink = this.#sink;
    const fragmentBytes = subject.length + peer.length + idLength * ESCAPE_BYTES_MAX;
    let at = sink.reserve(FIXED_BYTES_MAX + fragmentBytes);
    if (at < 0) return;
    const out = sink.bytes;
    this.#renderTime();
    out.set(this.#start, at);
    at = writeText(out, at + LINE_START.length, requestId, idLength);
    out.set(subject, at);
    at = writeInteger(out, at + subject.length, status);
    out.set(BYTES_NAME, at);
    at = writeInteger(out, at + BYTES_NAME.length, bytes);
    out.set(DURATION_NAME, at);
    at = writeMilliseconds(out, at + DURATION_NAME.length, durationMs);
    out.set(peer, at);
    sink.commit(at + peer.length);
  }

  /** Logs any exchange. */
  write(summary: AccessSummary): void {
    let rest = "";
    if (summary.target !== "") rest += `,"target":${quote(summary.target)}`;
    if (summary.retried !== "") rest += `,"retried":${quote(summary.retried)}`;
    if (summary.fallback !== "") rest += `,"fallback":${quote(summary.fallback)}`;
    if (summary.reason !== "") rest += `,"reason":${quote(summary.reason)}`;
    if (summary.detail !== "") rest += `,"detail":${quote(summary.detail)}`;
    const subject = hitFragment(summary);
    const peer = Buffer.from(`${peerText(summary)}${rest}}\n`);
    this.writeHit(
      subject,
      peer,
      summary.requestId,
      summary.status,
      summary.bytes,
      summary.durationMs,
    );
  }

  #renderTime(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs === this.#timeMs) return;
    this.#timeMs = nowMs;
    this.#start.write(new Date(nowMs).toISOString(), TIME_START, "latin1");
  }
}

function subjectText(subject: AccessSubject): string {
  const query = subject.path.indexOf("?");
  const path = query < 0 ? subject.path : subject.path.slice(0, query);
  let text = `,"method":${quote(subject.method)},"host":${quote(subject.authority)}`;
  text += `,"path":${quote(path)},"endpoint":${quote(subject.endpoint)}`;
  if (subject.cache !== "") text += `,"cache":${quote(subject.cache)}`;
  return text;
}

function peerText(peer: AccessPeer): string {
  return `,"client":${quote(peer.address)},"version":${quote(peer.version)}`;
}

/**
 * A JSON string of printable ASCII: a line can be neither broken nor made to steer the terminal
 * that shows it.
 */
function quote(text: string): string {
  const cut = text.length > TEXT_BYTES_MAX ? text.slice(0, TEXT_BYTES_MAX) : text;
  if (/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(cut)) return `"${cut}"`;
  const escaped = escapeText(cut);
  if (escaped.length <= TEXT_BYTES_MAX) return `"${escaped}"`;
  return `"${escapeText(cut.slice(0, TEXT_BYTES_MAX / ESCAPE_BYTES_MAX))}"`;
}

function escapeText(text: string): string {
  return text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, escapeUnit);
}

function escapeUnit(unit: string): string {
  if (unit === '"' || unit === "\\") return `\\${unit}`;
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Writes the characters of a request id, escaping as `quote` does. */
function writeText(out: Buffer, start: number, text: string, length: number): number {
  let at = start;
  for (let i = 0; i < length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x20 && unit <= 0x7e && unit !== 0x22 && unit !== 0x5c) out[at++] = unit;
    else at += out.write(escapeUnit(text.charAt(i)), at, "latin1");
  }
  return at;
}

/** Writes a whole number without making a string. */
function writeInteger(out: Buffer, start: number, value: number): number {
  let rest = value > 0 ? Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER) : 0;
  let end = start + 1;
  for (let scale = 10; scale <= rest; scale *= 10) end += 1;
  for (let at = end - 1; at >= start; at -= 1) {
    const tenth = Math.floor(rest / 10);
    out[at] = ZERO + (rest - tenth * 10);
    rest = tenth;
  }
  return end;
}

/** Writes milliseconds with three decimals. */
function writeMilliseconds(out: Buffer, start: number, durationMs: number): number {
  const microseconds = durationMs > 0 ? Math.min(Math.round(durationMs * 1000), DURATION_MAX) : 0;
  const whole = Math.floor(microseconds / 1000);
  const fraction = microseconds - whole * 1000;
  const at = writeInteger(out, start, whole);
  out[at] = POINT;
  out[at + 1] = ZERO + Math.floor(fraction / 100);
  out[at + 2] = ZERO + (Math.floor(fraction / 10) % 10);
  out[at + 3] = ZERO + (fraction % 10);
  return at + 4;
}
