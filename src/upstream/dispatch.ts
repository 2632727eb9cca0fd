// Owns a call: one request on its way to one answer, over as many attempts as the rules allow (RFC
// 9110 section 9.2.2). It picks candidates, waits in queues, retries, and ends exactly once. Knows
// no sockets.

import { FAILURES, GatewayError, type ReasonCode } from "../http/errors.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import type {
  Attempt,
  AttemptListener,
  OriginCall,
  OriginHandler,
  OriginRequest,
} from "./attempt.ts";
import type { Timed } from "./deadlines.ts";
import { H2Attempt } from "./h2-attempt.ts";
import { PooledAttempt } from "./pooled-attempt.ts";
import type { Grant } from "./retry-budget.ts";
import type { Target } from "./target.ts";
import type { Verdict } from "./target-state.ts";
import type { Waiter, WaitQueue } from "./wait-queue.ts";
import { WireAttempt } from "./wire-attempt.ts";
import { needsWire } from "./wire-request.ts";

/** What may be tried again: a failed connect, a reset, an answer with this status. */
export type RetryReason = "connect" | "reset" | number;

/** What a call needs of its cluster. */
export interface CallHost {
  readonly attemptsMax: number;
  readonly queueTimeoutMs: number;
  readonly totalMs: number;
  readonly nowMs: number;
  monotonicMs(): number;
  /** `key`: the hash of what the request is placed by. */
  nextCandidate(tried: readonly Target[], key: number): Target | null;
  /** Any that could start the request now. */
  candidateWithSlot(): Target | null;
  /** Why there is no candidate. */
  refusal(): GatewayError;
  /** Takes a token of the retry budget if there is one and the config wants this retried. */
  takeRetry(reason: RetryReason): Grant;
  retryEnded(): void;
  /** Tells what came of an attempt; `trial` is what the target's breaker gave at its start. */
  answered(target: Target, verdict: Verdict, elapsedMs: number, trial: number): void;
  ended(call: ForwardCall): void;
}

const NONE_TRIED: readonly Target[] = [];

export class ForwardCall implements OriginCall, AttemptListener, Timed, Waiter<ForwardCall> {
  timedIndex = -1;
  waitQueue: WaitQueue<ForwardCall> | null = null;
  nextWaiter: ForwardCall | null = null;
  previousWaiter: ForwardCall | null = null;
  attempts = 0;
  readonly #request: OriginRequest;
  readonly #handler: OriginHandler;
  readonly #host: CallHost;
  #startedMs = 0;
  #attempt: Attempt | null = null;
  #attemptStartedMs = 0;
  /** A half-open breaker waits for what comes of the attempt; else 0. */
  #trial = 0;
  #target: Target | null = null;
  #tried: Target[] | null = null;
  #waitingSinceMs = 0;
  #headPassed = false;
  #staleRetried = false;
  #holdsRetry = false;
  /** Waits for room in the retry budget. */
  #backoff: NodeJS.Timeout | null = null;
  #backoffMs = 0;
  #ended = false;

  constructor(request: OriginRequest, handler: OriginHandler, host: CallHost) {
    this.#request = request;
    this.#handler = handler;
    this.#host = host;
    // Both libraries may destroy the content with an error, for which the wire need not have a
    // listener.
    request.body?.on("error", ignore);
  }

  get target(): string {
    return this.#target?.name ?? "";
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

  /** Ends the call with an error if it has not ended. */
  fail(error: GatewayError): void {
    if (this.#ended) return;
    this.#finish();
    this.#handler.onError(error);
  }

  /** Ends the call because its cluster ends. */
  drain(): void {
    this.fail(new GatewayError("draining", "the upstream is being closed", this.#sendState()));
  }

  checkDeadlines(nowMs: number): void {
    const { totalMs, queueTimeoutMs } = this.#host;
    if (totalMs > 0 && nowMs - this.#startedMs >= totalMs) this.fail(this.#totalExpired());
    else if (this.#attempt !== null) this.#attempt.checkDeadlines(nowMs);
    else if (this.waitQueue !== null && queueTimeoutMs > 0) {
      if (nowMs - this.#waitingSinceMs >= queueTimeoutMs) this.fail(queueExpired());
    }
  }

  // ── what the attempt tells ─────────────────────────────────────────────────────────────────────

  interim(head: ResponseHead): void {
    this.#handler.onInterim(head);
  }

  head(head: ResponseHead): void {
    const target = this.#target;
    if (target !== null) {
      const nowMs = this.#host.monotonicMs();
      const elapsedMs = nowMs - this.#attemptStartedMs;
      target.latency.observe(elapsedMs, nowMs);
      this.#tell(target, verdictOf(head.status), elapsedMs);
      if (head.status >= 500 && this.#retryStatus(target, head.status)) return;
    }
    this.#headPassed = true;
    this.#handler.onHead(head);
  }

  data(chunk: Uint8Array): boolean {
    return this.#handler.onData(chunk);
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
    if (FAILURES[error.code].source === "upstream") {
      target.failure(error.code);
      // A stale connection says nothing about the origin's health.
      if (!(attempt.reused && error.code === "upstream_reset")) {
        const nowMs = this.#host.monotonicMs();
        target.latency.observe(FAILURE_COST_MS, nowMs);
        // Once the head was there, the attempt has been judged.
        const elapsedMs = Math.max(FAILURE_COST_MS, nowMs - this.#attemptStartedMs);
        if (!this.#headPassed) this.#tell(target, "fault", elapsedMs);
      }
    }
    if (this.#headPassed || !this.#retry(attempt, target, error)) this.fail(error);
  }

  // ── candidates and retries ─────────────────────────────────────────────────────────────────────

  /** Starts on a candidate with a free slot or waits at one; the error if there is none. */
  #place(): GatewayError | null {
    let saturated = false;
    for (;;) {
      let target = this.#host.nextCandidate(this.#tried ?? NONE_TRIED, this.#request.key);
      if (target === null) return saturated ? queueFull() : this.#host.refusal();
      // Rather a free connection elsewhere than a place in the queue of the best.
      if (!target.hasSlot && this.#tried === null)
        target = this.#host.candidateWithSlot() ?? target;
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
      this.#tried ??= [];
      this.#tried.push(target);
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
    const attempt = createAttempt(this.#request, this, target, connection);
    this.#attempt = attempt;
    attempt.start();
  }

  /** Decides on another attempt and starts it; false if the failure is final. */
  #retry(attempt: Attempt, target: Target, error: GatewayError): boolean {
    if (attempt.responseBegun || !error.retryable) return false;
    const untouched = !attempt.sent;
    if (!untouched && !(this.#request.idempotent && this.#request.body === null)) return false;
    // The keep-alive race: the origin closed an idle connection while our request was under way. It
    // gets a fresh connection, once, outside of the budget: nothing is wrong with the origin.
    if (attempt.reused && error.code === "upstream_reset" && !this.#staleRetried) {
      this.#staleRetried = true;
      target.occupy();
      this.#start(target, "fresh");
      return true;
    }
    const reason = RETRY_REASONS.get(error.code);
    if (reason === undefined) return false;
    const grant = this.#tryAnother(target, reason);
    if (grant === "busy") this.#retryLater(target, reason, error);
    return grant !== "spent";
  }

  /**
   * A target that dies takes many requests with it at once: those that the budget has no room for
   * at this moment wait a little, each by its own chance, rather than fail.
   */
  #retryLater(target: Target, reason: RetryReason, error: GatewayError): void {
    const waitMs = BACKOFF_MS * (0.5 + Math.random());
    this.#backoffMs += waitMs;
    this.#backoff = setTimeout(() => {
      this.#backoff = null;
      const grant = this.#backoffMs > BACKOFF_MS_MAX ? "spent" : this.#tryAnother(target, reason);
      if (grant === "busy") this.#retryLater(target, reason, error);
      else if (grant === "spent") this.fail(error);
    }, waitMs);
  }

  /**
   * Drops an answer by which the origin says that it cannot serve, if another target may be asked
   * instead.
   */
  #retryStatus(target: Target, status: number): boolean {
    const { idempotent, body } = this.#request;
    if (!idempotent || body !== null) return false;
    const attempt = this.#attempt;
    if (this.#tryAnother(target, status) !== "taken") return false;
    attempt?.abort();
    return true;
  }

  /**
   * Starts or queues an attempt on a target that was not tried yet; "spent" if the rules or the
   * targets do not allow.
   */
  #tryAnother(target: Target, reason: RetryReason): Grant {
    if (this.attempts - (this.#staleRetried ? 1 : 0) >= this.#host.attemptsMax) return "spent";
    // Each attempt counts, not each request.
    if (this.#holdsRetry) this.#host.retryEnded();
    const grant = this.#host.takeRetry(reason);
    this.#holdsRetry = grant === "taken";
    if (!this.#holdsRetry) return grant;
    this.#tried ??= [];
    this.#tried.push(target);
    return this.#place() === null ? "taken" : "spent";
  }

  #totalExpired(): GatewayError {
    return this.#headPassed
      ? new GatewayError("body_stalled", "total time is over")
      : new GatewayError("headers_timeout", "total time is over", this.#sendState());
  }

  #sendState(): { beforeSend: boolean } {
    return { beforeSend: this.attempts < 2 && this.#attempt?.sent !== true };
  }

  #tell(target: Target, verdict: Verdict, elapsedMs: number): void {
    const trial = this.#trial;
    this.#trial = 0;
    this.#host.answered(target, verdict, elapsedMs, trial);
  }

  #finish(): void {
    this.#ended = true;
    if (this.#trial !== 0) this.#target?.state.breaker.trialAbandoned(this.#trial);
    if (this.#backoff !== null) clearTimeout(this.#backoff);
    this.waitQueue?.remove(this);
    this.#attempt?.abort();
    if (this.#holdsRetry) this.#host.retryEnded();
    this.#host.ended(this);
  }
}

/** HTTP/2 where it was asked for; else TLS over undici and the rest over connections of our own. */
function createAttempt(
  request: OriginRequest,
  listener: AttemptListener,
  target: Target,
  connection: "pooled" | "fresh",
): Attempt {
  if (target.h2 !== null) return new H2Attempt(request, listener, target, target.h2);
  if (target.secure && !needsWire(request)) {
    return new PooledAttempt(request, listener, target, connection);
  }
  return new WireAttempt(request, listener, target, connection);
}

const RETRY_REASONS: ReadonlyMap<ReasonCode, RetryReason> = new Map([
  ["connect_refused", "connect"],
  ["connect_timeout", "connect"],
  ["upstream_reset", "reset"],
]);

/** How long a retry waits for room on average, each time and in all. */
const BACKOFF_MS = 10;
const BACKOFF_MS_MAX = 1000;

/**
 * What a failure counts as in a target's latency: a target that refuses at once must not look like
 * the fastest.
 */
const FAILURE_COST_MS = 1000;

/** 502, 503 and 504 are how an origin, or a gateway in front of it, says that it cannot serve. */
function verdictOf(status: number): Verdict {
  if (status < 500) return "good";
  return status === 502 || status === 503 || status === 504 ? "fault" : "error";
}

function failLater(call: ForwardCall, error: GatewayError): void {
  call.fail(error);
}

function queueFull(): GatewayError {
  return new GatewayError("queue_full", "every queue is full", { beforeSend: true });
}

function queueExpired(): GatewayError {
  return new GatewayError("queue_full", "no free connection in time", { beforeSend: true });
}

function ignore(): void {}
