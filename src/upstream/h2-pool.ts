// Owns the HTTP/2 sessions to one target: which takes the next request, when another is opened,
// when one is closed. How many requests run at all is the target's affair.

import type { GatewayError } from "../http/errors.ts";
import type { Connector } from "./connector.ts";
import { H2Session, type SessionKeeper } from "./h2-session.ts";

/** Who waits for a stream. */
export interface StreamUser {
  granted(session: H2Session): void;
  connectFailed(error: GatewayError): void;
}

export interface H2PoolLimits {
  /** How many sessions there may be. */
  readonly connections: number;
  readonly keepAliveMs: number;
  /** Age at which a session takes no more requests; 0 for never. */
  readonly ageMaxMs: number;
  /** Requests after which it does not; 0 for no limit. */
  readonly requestsMax: number;
}

/** How often sessions are looked at. */
const SWEEP_MS = 500;
/** Waiting requests for which one session is opened; the origin's limit is not known yet. */
const WAITING_PER_SESSION = 100;

export class H2Pool implements SessionKeeper {
  readonly #connector: Connector;
  readonly #authority: string;
  readonly #limits: H2PoolLimits;
  readonly #now: () => number;
  readonly #sessions = new Set<H2Session>();
  readonly #waiting: StreamUser[] = [];
  #goaways = 0;
  #sweeper: NodeJS.Timeout | null = null;

  constructor(connector: Connector, authority: string, limits: H2PoolLimits, now: () => number) {
    this.#connector = connector;
    this.#authority = authority;
    this.#limits = limits;
    this.#now = now;
  }

  /** Streams of all sessions now. */
  get streams(): number {
    let count = 0;
    for (const session of this.#sessions) count += session.streams;
    return count;
  }

  /** Sessions that are open without a stream. */
  get idleCount(): number {
    let count = 0;
    for (const session of this.#sessions) {
      if (!session.connecting && !session.dead && session.streams === 0) count += 1;
    }
    return count;
  }

  get goaways(): number {
    let count = this.#goaways;
    for (const session of this.#sessions) count += session.goaways;
    return count;
  }

  /** `granted` or `connectFailed` follows, perhaps at once. */
  take(user: StreamUser): void {
    const session = this.#waiting.length === 0 ? this.#withRoom() : null;
    if (session !== null) {
      this.#grant(session, user);
      return;
    }
    this.#waiting.push(user);
    this.#openForWaiting();
  }

  /** The user waits no more. Does nothing for one that does not wait. */
  cancel(user: StreamUser): void {
    const index = this.#waiting.indexOf(user);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    if (this.#waiting.length > 0) return;
    for (const session of this.#sessions) if (session.connecting) session.destroy();
  }

  /** A stream of it timed out: it may be dead as a whole. */
  suspect(session: H2Session): void {
    if (!session.ending) session.ping(this.#now());
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }

  sessionReady(): void {
    this.#serve();
  }

  streamEnded(session: H2Session): void {
    if (session.streams === 0 && session.dead) this.#forget(session);
    this.#serve();
  }

  sessionEnded(session: H2Session, error: GatewayError | null): void {
    if (session.streams === 0) this.#forget(session);
    const isLast = ![...this.#sessions].some((other) => !other.ending);
    if (error === null || !isLast) {
      // Not within the callback of a session that is just going.
      process.nextTick(this.#serve);
      return;
    }
    for (const user of this.#waiting.splice(0)) user.connectFailed(error);
  }

  #forget(session: H2Session): void {
    if (this.#sessions.delete(session)) this.#goaways += session.goaways;
  }

  readonly #serve = (): void => {
    while (this.#waiting.length > 0) {
      const session = this.#withRoom();
      if (session === null) break;
      const user = this.#waiting.shift();
      if (user !== undefined) this.#grant(session, user);
    }
    this.#openForWaiting();
  };

  /** The session with the most streams that takes another: the others may become idle. */
  #withRoom(): H2Session | null {
    let chosen: H2Session | null = null;
    for (const session of this.#sessions) {
      if (session.hasRoom && session.streams > (chosen?.streams ?? -1)) chosen = session;
    }
    return chosen;
  }

  #grant(session: H2Session, user: StreamUser): void {
    user.granted(session);
    const { requestsMax } = this.#limits;
    if (requestsMax > 0 && session.served >= requestsMax) session.retire();
  }

  #openForWaiting(): void {
    let connecting = 0;
    let taking = 0;
    for (const session of this.#sessions) {
      if (session.connecting) connecting += 1;
      if (!session.ending) taking += 1;
    }
    const wanted = Math.ceil(this.#waiting.length / WAITING_PER_SESSION);
    while (connecting < wanted && taking < this.#limits.connections) {
      this.#sessions.add(new H2Session(this.#connector, this.#authority, this));
      connecting += 1;
      taking += 1;
    }
    if (this.#sessions.size > 0) this.#sweeper ??= setInterval(this.#sweep, SWEEP_MS).unref();
  }

  readonly #sweep = (): void => {
    const nowMs = this.#now();
    const { ageMaxMs, keepAliveMs } = this.#limits;
    for (const session of this.#sessions) {
      session.checkPing(nowMs);
      if (session.connecting || session.ending) continue;
      const isOld = ageMaxMs > 0 && nowMs - session.openedMs >= ageMaxMs;
      const isIdle = session.streams === 0 && nowMs - session.idleSinceMs >= keepAliveMs;
      if (isOld || isIdle) session.retire();
    }
    if (this.#sessions.size > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  };
}
