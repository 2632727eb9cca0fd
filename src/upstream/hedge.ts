// Owns the second attempt that is started beside a slow first one, for a request that may reach
// origins twice. Whichever answers first is the call's; the other is aborted, and nothing of it
// reaches the client. Takes from the retry budget. Knows no sockets.

import type { GatewayError } from "../http/errors.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import type { Attempt, AttemptListener, OriginRequest } from "./attempt.ts";
import { type Judge, noteAnswer, noteFailure } from "./attempt-accounts.ts";
import { createAttempt } from "./attempt-kinds.ts";
import type { Target } from "./target.ts";
import { verdictOf } from "./target-state.ts";

export interface HedgeRules {
  /** The percentile of the upstream's latency, 0 to 1, after which a second attempt starts. */
  readonly quantile: number;
  /** Never sooner than this. */
  readonly afterMsMin: number;
}

/** What hedges need of their cluster. */
export interface HedgeHost extends Judge {
  /** Where a second attempt beside one at `first` may go now, with its budget taken; or null. */
  takeHedge(first: Target, key: number): Target | null;
  hedgeWon(): void;
  retryEnded(): void;
}

/** The call that the hedge is for; it carries on with whichever attempt is adopted. */
export interface HedgedCall extends AttemptListener {
  /** The second attempt starts: how many attempts there have been is the call's to say. */
  hedgeStarted(): void;
  /** It has a good answer and the first attempt has none. */
  hedgeWon(): void;
  /** It failed or came second, and the first attempt goes on. */
  hedgeLost(target: Target, outcome: string): void;
}

export class Hedge implements AttemptListener {
  target: Target | null = null;
  attempt: Attempt | null = null;
  startedMs = 0;
  trial = 0;
  readonly #request: OriginRequest;
  readonly #first: Target;
  readonly #call: HedgedCall;
  readonly #host: HedgeHost;
  #timer: NodeJS.Timeout | null;
  #adopted = false;
  #holdsToken = false;

  constructor(
    request: OriginRequest,
    first: Target,
    call: HedgedCall,
    host: HedgeHost,
    afterMs: number,
  ) {
    this.#request = request;
    this.#first = first;
    this.#call = call;
    this.#host = host;
    this.#timer = setTimeout(startNow, afterMs, this);
  }

  /** The second attempt is under way beside the first. */
  get running(): boolean {
    return this.attempt !== null && !this.#adopted;
  }

  /** The first attempt has an answer with this status: true if the second may have a better one. */
  prevails(status: number): boolean {
    if (this.running && verdictOf(status) === "fault") return true;
    if (this.running && this.target !== null) this.#call.hedgeLost(this.target, "overtaken");
    if (!this.#adopted) this.cancel();
    return false;
  }

  start(): void {
    this.#timer = null;
    const target = this.#host.takeHedge(this.#first, this.#request.key);
    if (target === null) return;
    this.#holdsToken = true;
    this.#call.hedgeStarted();
    target.retries += 1;
    target.occupy();
    this.target = target;
    this.startedMs = this.#host.monotonicMs();
    this.trial = target.state.breaker.begin();
    target.outlook.asked(target.inFlight - 1, this.startedMs);
    this.attempt = createAttempt(this.#request, this, target, "pooled");
    this.attempt.start();
  }

  /** From now on what the attempt tells is the call's. */
  adopt(): void {
    this.#adopted = true;
  }

  /** The first attempt is the one that counts, or nobody waits any more. */
  cancel(): void {
    const { attempt, target } = this;
    this.#release();
    if (attempt === null || target === null || this.#adopted) return;
    this.attempt = null;
    attempt.abort();
    this.#host.overtaken(target, this.#host.monotonicMs() - this.startedMs, this.trial);
  }

  /** Gives back timer and budget. */
  #release(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#holdsToken) this.#host.retryEnded();
    this.#holdsToken = false;
  }

  checkDeadlines(nowMs: number): void {
    if (this.running) this.attempt?.checkDeadlines(nowMs);
  }

  // ── what the attempt tells ─────────────────────────────────────────────────────────────────────

  /** Only the first attempt's are passed on: two origins' would be mixed. */
  interim(head: ResponseHead): void {
    if (this.#adopted) this.#call.interim(head);
  }

  head(head: ResponseHead): void {
    const { attempt, target } = this;
    if (this.#adopted) {
      this.#call.head(head);
    } else if (verdictOf(head.status) !== "fault") {
      this.#call.hedgeWon();
      this.#call.head(head);
    } else if (attempt !== null && target !== null) {
      noteAnswer(this.#host, target, head.status, this.startedMs, this.trial);
      this.#fail(target, String(head.status));
      attempt.abort();
    }
  }

  data(chunk: Uint8Array, headroom: number): boolean {
    return this.#call.data(chunk, headroom);
  }

  end(trailers: FieldLines): void {
    this.#call.end(trailers);
  }

  failed(error: GatewayError): void {
    const { attempt, target, startedMs, trial } = this;
    if (this.#adopted) {
      this.#call.failed(error);
    } else if (attempt !== null && target !== null) {
      const about = { startedMs, trial, headPassed: false };
      const isDecided = noteFailure(this.#host, target, attempt, error, about);
      if (!isDecided) target.state.breaker.trialAbandoned(trial);
      this.#fail(target, error.code);
    }
  }

  #fail(target: Target, outcome: string): void {
    this.attempt = null;
    this.#release();
    this.#call.hedgeLost(target, outcome);
  }
}

function startNow(hedge: Hedge): void {
  hedge.start();
}
