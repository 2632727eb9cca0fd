// Owns a call: one request on its way to one answer, over as many attempts as the rules allow (RFC
// 9110 section 9.2.2). It picks candidates, waits in queues, retries, and ends exactly once. Knows
// no sockets.

import { GatewayError } from "../http/errors.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import type { Attempt, OriginCall, OriginHandler, OriginRequest } from "./attempt.ts";
import { noteAnswer, noteFailure } from "./attempt-accounts.ts";
import { createAttempt } from "./attempt-kinds.ts";
import { type ContentTape, tapeFor } from "./content-tape.ts";
import type { Timed } from "./deadlines.ts";
import { Hedge, type HedgedCall, type HedgeHost } from "./hedge.ts";
import { Retries, type RetryHost } from "./retries.ts";
import { reasonOf, retryAfterMs, type RetryReason, type Try } from "./retry-rules.ts";
import type { Target } from "./target.ts";
import type { Waiter, WaitQueue } from "./wait-queue.ts";

/** What a call needs of its cluster. */
export interface CallHost extends RetryHost, HedgeHost {
  readonly queueTimeoutMs: number;
  readonly nowMs: number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  nextCandidate(tried: readonly Target[], request: OriginRequest): Target | null;
  /** Any that could start the request now. */
  candidateWithSlot(): Target | null;
  /** Why there is no candidate. */
  refusal(): GatewayError;
  /** By Retry-After a target wants to be left alone. */
  asksForRest(target: Target, forMs: number): void;
  /** When a second attempt may start beside a first one; null: not at all. */
  hedgeAfterMs(): number | null;
  ended(call: ForwardCall): void;
}

const NONE_TRIED: readonly Target[] = [];
const NO_TRIES: readonly Try[] = [];

export class ForwardCall implements OriginCall, HedgedCall, Timed, Waiter<ForwardCall> {
  timedIndex = -1;
  waitQueue: WaitQueue<ForwardCall> | null = null;
  nextWaiter: ForwardCall | null = null;
  previousWaiter: ForwardCall | null = null;
  attempts = 0;
  /** It has a place of the adaptive limit, and gives it back. */
  holdsPlace = false;
  readonly #request: OriginRequest;
  readonly #handler: OriginHandler;
  readonly #host: CallHost;
  /** Where the content can be sent again; null where there is none, or it is sent once. */
  readonly #tape: ContentTape | null;
  #startedMs = 0;
  #attempt: Attempt | null = null;
  #attemptStartedMs = 0;
  /** A half-open breaker waits for what comes of the attempt; else 0. */
  #trial = 0;
  #target: Target | null = null;
  /** null until something fails. */
  #retries: Retries | null = null;
  /** A second attempt: planned, running, adopted or over. */
  #hedge: Hedge | null = null;
  #waitingSinceMs = 0;
  #headPassed = false;
  /** Waits before the next attempt, or for room in the retry budget. */
  #waiting: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(request: OriginRequest, handler: OriginHandler, host: CallHost) {
    this.#request = request;
    this.#handler = handler;
    this.#host = host;
    // Both libraries may destroy the content with an error, for which the wire need not have a
    // listener.
    request.body?.on("error", ignore);
    this.#tape = request.body === null ? null : tapeFor(request, request.body, host.retryRules);
  }

  get target(): string {
    return this.#target?.name ?? "";
  }

  get history(): readonly Try[] {
    return this.#retries?.history ?? NO_TRIES;
  }

  /** What brings its client back to the target asked last. */
  get stickyToken(): string {
    return this.#target?.stickyTokens[0] ?? "";
  }

  /** Finds a target. Failures are told later, so that `forward` has returned by then. */
  begin(): void {
    this.#startedMs = this.#host.nowMs;
    const error = this.#place();
    if (error !== null) process.nextTick(failLater, this, error);
  }

  resume(): void {
    this.#attempt?.resume();
  }

  giveBack(): void {
    this.#attempt?.giveBack();
  }

  abort(): void {
    if (this.#ended) return;
    this.#finish();
  }

  /** A target from whose queue the call was taken gives it a slot. */
  granted(target: Target): void {
    this.#start(target, "pooled");
  }

  /** It runs or waits at this target. */
  isAt(target: Target): boolean {
    return this.#target === target;
  }

  /** Ends the call with an error if it has not ended. */
  fail(error: GatewayError): void {
    if (this.#ended) return;
    this.#finish();
    error.tries = Math.max(1, this.attempts);
    this.#handler.onError(error);
  }

  /** Ends the call because its cluster ends. */
  drain(): void {
    this.fail(new GatewayError("draining", "the upstream is being closed", this.#sendState()));
  }

  checkDeadlines(nowMs: number): void {
    const { totalMs, queueTimeoutMs } = this.#host;
    if (totalMs > 0 && nowMs - this.#startedMs >= totalMs) this.fail(this.#totalExpired());
    else if (this.#attempt !== null) {
      this.#hedge?.checkDeadlines(nowMs);
      this.#attempt.checkDeadlines(nowMs);
    } else if (this.waitQueue !== null && queueTimeoutMs > 0) {
      if (nowMs - this.#waitingSinceMs >= queueTimeoutMs)
        this.fail(queueFull("no free connection in time"));
    }
  }

  // ── what the attempt tells ─────────────────────────────────────────────────────────────────────

  interim(head: ResponseHead): void {
    this.#handler.onInterim(head);
  }

  head(head: ResponseHead): void {
    const target = this.#target;
    if (target !== null) {
      const trial = this.#trial;
      this.#trial = 0;
      noteAnswer(this.#host, target, head.status, this.#attemptStartedMs, trial);
      if (this.#hedge?.prevails(head.status) === true) {
        const first = this.#attempt;
        this.#adopt(String(head.status));
        first?.abort();
        return;
      }
      if (head.status >= 500 && this.#retryStatus(target, head)) return;
    }
    this.#headPassed = true;
    this.#handler.onHead(head);
  }

  data(chunk: Uint8Array, headroom: number): boolean {
    return this.#handler.onData(chunk, headroom);
  }

  end(trailers: FieldLines): void {
    if (this.#ended) return;
    this.#finish();
    this.#handler.onEnd(trailers);
  }

  failed(error: GatewayError): void {
    const attempt = this.#attempt;
    const target = this.#target;
    if (this.#ended || attempt === null || target === null) return;
    const about = {
      startedMs: this.#attemptStartedMs,
      trial: this.#trial,
      headPassed: this.#headPassed,
    };
    if (noteFailure(this.#host, target, attempt, error, about)) this.#trial = 0;
    if (this.#hedge?.running === true) {
      this.#adopt(error.code);
      return;
    }
    this.#hedge?.cancel();
    if (this.#headPassed || !this.#retry(attempt, target, error)) this.fail(error);
  }

  // ── candidates and retries ─────────────────────────────────────────────────────────────────────

  /** Starts on a candidate with a free slot or waits at one; the error if there is none. */
  #place(): GatewayError | null {
    let tried = this.#retries?.tried ?? NONE_TRIED;
    let saturated = false;
    for (;;) {
      let target = this.#host.nextCandidate(tried, this.#request);
      if (target === null) return saturated ? queueFull("all are full") : this.#host.refusal();
      // Rather a free connection elsewhere than a place in the queue of the best; but who comes
      // back to its target waits there.
      const mayMove = tried.length === 0 && !target.stickyTokens.includes(this.#request.sticky);
      if (mayMove && !target.hasSlot) target = this.#host.candidateWithSlot() ?? target;
      if (target.hasSlot) {
        target.occupy();
        this.#start(target, "pooled");
        return null;
      }
      if (target.waiting.push(this)) {
        this.#target = target;
        this.#attempt = null;
        this.#waitingSinceMs = this.#host.nowMs;
        return null;
      }
      saturated = true;
      target.failure("queue_full");
      tried = [...tried, target];
    }
  }

  #start(target: Target, connection: "pooled" | "fresh"): void {
    if (this.#trial !== 0) this.#target?.state.breaker.trialAbandoned(this.#trial);
    this.#target = target;
    this.attempts += 1;
    if (this.attempts === 1) target.requests += 1;
    else target.retries += 1;
    this.#attemptStartedMs = this.#host.monotonicMs();
    this.#trial = target.state.breaker.begin();
    target.outlook.asked(target.inFlight - 1, this.#attemptStartedMs);
    const request =
      this.#tape === null ? this.#request : { ...this.#request, body: this.#tape.open() };
    const attempt = createAttempt(request, this, target, connection);
    this.#attempt = attempt;
    if (this.attempts === 1 && this.#request.body === null) this.#planHedge(target);
    attempt.start();
  }

  // ── hedging ────────────────────────────────────────────────────────────────────────────────────

  #planHedge(first: Target): void {
    const afterMs = this.#request.idempotent ? this.#host.hedgeAfterMs() : null;
    if (afterMs === null) return;
    this.#hedge = new Hedge(this.#request, first, this, this.#host, afterMs);
  }

  hedgeStarted(): void {
    this.attempts += 1;
    this.#host.retried("hedge");
  }

  hedgeWon(): void {
    this.#host.hedgeWon();
    const first = this.#attempt;
    const elapsedMs = this.#host.monotonicMs() - this.#attemptStartedMs;
    if (this.#target !== null) this.#host.overtaken(this.#target, elapsedMs, this.#trial);
    this.#trial = 0;
    this.#adopt("overtaken");
    first?.abort();
  }

  hedgeLost(target: Target, outcome: string): void {
    this.#retries ??= new Retries(this.#host, this.#startedMs);
    this.#retries.noteLost(target, outcome);
  }

  /** The second attempt is the one that counts; the first has ended so. */
  #adopt(outcome: string): void {
    const hedge = this.#hedge;
    if (hedge === null) return;
    if (this.#target !== null) this.hedgeLost(this.#target, outcome);
    if (this.#trial !== 0) this.#target?.state.breaker.trialAbandoned(this.#trial);
    this.#target = hedge.target;
    this.#attempt = hedge.attempt;
    this.#attemptStartedMs = hedge.startedMs;
    this.#trial = hedge.trial;
    hedge.adopt();
  }

  // ───────────────────────────────────────────────────────────────────────────────────────────────

  /** The request may reach an origin twice, and its content can be sent again. */
  get #repeatable(): boolean {
    const { idempotent, body } = this.#request;
    return idempotent && (body === null || this.#tape?.replayable === true);
  }

  /** Decides on another attempt and starts it; false if the failure is final. */
  #retry(attempt: Attempt, target: Target, error: GatewayError): boolean {
    if (attempt.responseBegun || !error.retryable) return false;
    if (attempt.sent && !this.#repeatable) return false;
    // The keep-alive race: the origin closed an idle connection while our request was under way. It
    // gets a fresh connection, once, outside of the budget: nothing is wrong with the origin.
    const retries = (this.#retries ??= new Retries(this.#host, this.#startedMs));
    if (attempt.reused && error.code === "upstream_reset" && !retries.staleReplaced) {
      retries.staleReplaced = true;
      retries.note(target, "stale_connection");
      target.occupy();
      this.#start(target, "fresh");
      return true;
    }
    const reason = reasonOf(error.code, attempt.refused);
    if (reason === null) return false;
    const outcome = reason === "refused-stream" ? "refused_stream" : error.code;
    return this.#tryAgain(retries, target, reason, outcome, error);
  }

  /** Drops an answer by which the origin says that it cannot serve, if there is a better chance. */
  #retryStatus(target: Target, { status, fields }: ResponseHead): boolean {
    if (status === 503) {
      const afterMs = retryAfterMs(fields, this.#host.wallMs());
      if (afterMs > 0) this.#host.asksForRest(target, afterMs);
    }
    if (!this.#repeatable) return false;
    const attempt = this.#attempt;
    const retries = (this.#retries ??= new Retries(this.#host, this.#startedMs));
    if (!this.#tryAgain(retries, target, status, String(status), null)) return false;
    attempt?.abort();
    return true;
  }

  /**
   * Starts, queues or plans another attempt; false if there will be none. A target that dies takes
   * many requests with it at once: those that the budget has no room for at this moment wait a
   * little, each by its own chance, rather than fail with `error`. null: there is an answer.
   */
  #tryAgain(
    retries: Retries,
    target: Target,
    reason: RetryReason,
    outcome: string,
    error: GatewayError | null,
  ): boolean {
    const grant = retries.take(target, reason, outcome, this.attempts);
    if (grant === "taken") {
      if (retries.waitMs === 0) return this.#place() === null;
      this.#waiting = setTimeout(placeLater, retries.waitMs, this);
      return true;
    }
    const roomMs = grant === "busy" && error !== null ? retries.roomWaitMs() : null;
    if (roomMs === null || error === null) return false;
    this.#waiting = setTimeout(() => {
      this.#waiting = null;
      if (!this.#tryAgain(retries, target, reason, outcome, error)) this.fail(error);
    }, roomMs);
    return true;
  }

  /** The wait before an attempt is over, or the target whose queue it was in has left. */
  moved(): void {
    this.#waiting = null;
    const error = this.#place();
    if (error !== null) this.fail(error);
  }

  #totalExpired(): GatewayError {
    return this.#headPassed
      ? new GatewayError("body_stalled", "total time is over")
      : new GatewayError("headers_timeout", "total time is over", this.#sendState());
  }

  #sendState(): { beforeSend: boolean } {
    return { beforeSend: this.attempts < 2 && this.#attempt?.sent !== true };
  }

  #finish(): void {
    this.#ended = true;
    if (this.#trial !== 0) this.#target?.state.breaker.trialAbandoned(this.#trial);
    if (this.#waiting !== null) clearTimeout(this.#waiting);
    this.waitQueue?.remove(this);
    this.#attempt?.abort();
    this.#tape?.close();
    this.#hedge?.cancel();
    this.#retries?.release();
    this.#host.ended(this);
  }
}

function failLater(call: ForwardCall, error: GatewayError): void {
  call.fail(error);
}

function placeLater(call: ForwardCall): void {
  call.moved();
}

function queueFull(detail: string): GatewayError {
  return new GatewayError("queue_full", detail, { beforeSend: true });
}

function ignore(): void {}
