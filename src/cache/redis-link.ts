// Owns one connection to a Redis and whether it may be used: the circuit breaker of the second
// tier. It is up, down for a while, or probed; only the link itself probes, so no request ever
// waits for a Redis that does not answer. Knows no values.

import type { Clock } from "../clock.ts";
import { CONNECT_TIMEOUT_MS, type RedisClient } from "./redis-client.ts";
import { codeOf, deadline, type RedisReason, reasonOf } from "./redis-failure.ts";
import { type PaceTimes, RedisPace } from "./redis-pace.ts";

/** Between two checks that the connection still answers. */
const CHECK_MS = 1000;
const CHECK_TIMEOUT_MS = 500;
/** From the first wait to the longest, doubled until a command succeeds. */
const DOWN_MS = 250;
const DOWN_MS_MAX = 5000;
/** Failures in a row that take the link down. */
const FAILURES_MAX = 5;

export type LinkState = "closed" | "up" | "down" | "probing";

export interface LinkEvents {
  up(): void;
  /** `code`: the system's name of the error, or "". */
  down(reason: RedisReason, code: string): void;
}

export interface LinkParts {
  /** A client that is not connected. */
  readonly connect: () => Promise<RedisClient>;
  readonly connectMs: number;
  readonly clock: Clock;
  readonly times: PaceTimes;
}

/** A connection while it is the link's. */
interface Session {
  readonly client: RedisClient;
  readonly pace: RedisPace;
  /** The last error that the socket told of: what a command says of it is only that it is gone. */
  error: unknown;
}

export class RedisLink {
  state: LinkState = "closed";
  /** What Redis's clock shows less what ours does. */
  clockOffsetMs = 0;
  /** Times that it went down. */
  downs = 0;
  readonly #parts: LinkParts;
  readonly #events: LinkEvents;
  #session: Session | null = null;
  #failures = 0;
  #waitMs = DOWN_MS;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: LinkParts, events: LinkEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Null while it must not be used. */
  get client(): RedisClient | null {
    return this.state === "up" ? (this.#session?.client ?? null) : null;
  }

  /** What is asked now will be answered in time, as far as anybody knows. */
  get isReadable(): boolean {
    return this.state === "up" && this.#session?.pace.isBehind === false;
  }

  /** Most answers were late: whoever reads should not wait for this one. */
  get isSlow(): boolean {
    return this.#session?.pace.isSlow === true;
  }

  /** Resolves when the first probe has ended, one way or the other. Never rejects. */
  async open(): Promise<void> {
    if (this.state === "closed") await this.#probe();
  }

  close(): void {
    this.state = "closed";
    this.#drop();
  }

  /** Whoever waits does so for a limited time; `late` as of RedisPace. */
  watch<T>(client: RedisClient, reply: Promise<T>, late: () => void): Promise<T> {
    const session = this.#session;
    // The connection was given up meanwhile, and the reply with it.
    if (client !== session?.client) return deadline(reply, this.#parts.times.timeoutMs);
    return session.pace.watch(reply, this.#parts.times, late);
  }

  succeed(): void {
    this.#failures = 0;
    this.#waitMs = DOWN_MS;
  }

  /** A command failed. Some say at once that no other will do better. */
  fail(reason: RedisReason, client: RedisClient): void {
    // A reply that came late, of a connection that is gone already, says nothing of this one.
    if (client !== this.client || HARMLESS.has(reason)) return;
    this.#failures++;
    if (this.#failures >= FAILURES_MAX || reason === "unavailable") this.#goDown(reason, "");
  }

  async #probe(): Promise<void> {
    this.state = "probing";
    let session: Session | null = null;
    try {
      const client = await this.#parts.connect();
      const pace = new RedisPace(() => {
        if (client === this.client) this.#goDown("timeout", "");
      });
      const own: Session = { client, pace, error: null };
      session = own;
      if (this.#isClosed()) return;
      this.#session = own;
      client.on("error", (error) => {
        own.error = error;
      });
      await deadline(client.connect(), this.#parts.connectMs);
      await this.#readClock(own, CONNECT_TIMEOUT_MS);
      if (this.#session !== own) client.disconnect();
      else this.#goUp(own);
    } catch (error) {
      if (this.#isClosed() || session !== this.#session) session?.client.disconnect();
      else this.#fellThrough(session?.error ?? error);
    }
  }

  #isClosed(): boolean {
    return this.state === "closed";
  }

  #fellThrough(error: unknown): void {
    this.#goDown(reasonOf(error), codeOf(error));
  }

  #goUp(session: Session): void {
    this.state = "up";
    this.#failures = 0;
    const lost = (): void => {
      if (session === this.#session && this.state === "up") {
        this.#goDown("connection", codeOf(session.error));
      }
    };
    session.client.once("close", lost);
    session.client.once("end", lost);
    this.#schedule(CHECK_MS, () => void this.#check(session));
    this.#events.up();
  }

  async #check(session: Session): Promise<void> {
    try {
      await this.#readClock(session, CHECK_TIMEOUT_MS);
      if (session !== this.#session) return;
      this.#waitMs = DOWN_MS;
      this.#schedule(CHECK_MS, () => void this.#check(session));
    } catch (error) {
      if (session === this.#session) this.#fellThrough(error);
    }
  }

  async #readClock({ client, pace }: Session, timeoutMs: number): Promise<void> {
    const { clock, times } = this.#parts;
    const beforeMs = clock.nowMs();
    const reply = pace.watch(client.time(), { lateMs: times.lateMs, timeoutMs }, () => undefined);
    const [seconds, microseconds] = await reply;
    const betweenMs = (beforeMs + clock.nowMs()) / 2;
    this.clockOffsetMs = Number(seconds) * 1000 + Number(microseconds) / 1000 - betweenMs;
  }

  /** The connection is given up, with everything that still waits on it. */
  #goDown(reason: RedisReason, code: string): void {
    this.state = "down";
    this.downs++;
    this.#drop();
    // Instances that lost one Redis at one time do not come back at one time.
    const waitMs = this.#waitMs * (0.5 + Math.random() / 2);
    this.#waitMs = Math.min(DOWN_MS_MAX, this.#waitMs * 2);
    this.#schedule(waitMs, () => void this.#probe());
    this.#events.down(reason, code);
  }

  #drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const session = this.#session;
    this.#session = null;
    session?.client.disconnect();
  }

  #schedule(delayMs: number, action: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delayMs);
    this.#timer.unref();
  }
}

/** These say nothing of the next command. */
const HARMLESS: ReadonlySet<RedisReason> = new Set(["full", "reply", "moved"]);
