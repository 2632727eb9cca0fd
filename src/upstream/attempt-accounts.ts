// Owns what is learnt from one attempt, however its call goes on: latency and verdict of its
// target, for balancing, health and breaker.

import { FAILURES, type GatewayError } from "../http/errors.ts";
import type { Attempt } from "./attempt.ts";
import type { Target } from "./target.ts";
import { type Verdict, verdictOf } from "./target-state.ts";

/** Who judges targets. */
export interface Judge {
  monotonicMs(): number;
  /** Tells what came of an attempt; `trial` is what the target's breaker gave at its start. */
  answered(target: Target, verdict: Verdict, elapsedMs: number, trial: number): void;
  /** Another attempt for the same request was faster than this one, which had taken so long. */
  overtaken(target: Target, elapsedMs: number, trial: number): void;
}

/**
 * What a failure counts as in a target's latency: a target that refuses at once must not look like
 * the fastest.
 */
const FAILURE_COST_MS = 1000;

/** Hot. A response head has come. */
export function noteAnswer(
  judge: Judge,
  target: Target,
  status: number,
  startedMs: number,
  trial: number,
): void {
  const nowMs = judge.monotonicMs();
  const elapsedMs = nowMs - startedMs;
  target.latency.observe(elapsedMs, nowMs);
  judge.answered(target, verdictOf(status), elapsedMs, trial);
}

/** No answer, or half of one: then the attempt has been judged. True if the trial was decided. */
export function noteFailure(
  judge: Judge,
  target: Target,
  attempt: Attempt,
  error: GatewayError,
  about: { startedMs: number; trial: number; headPassed: boolean },
): boolean {
  if (FAILURES[error.code].source !== "upstream") return false;
  target.failure(error.code);
  // A stale connection says nothing about the origin's health.
  if (attempt.reused && error.code === "upstream_reset") return false;
  const nowMs = judge.monotonicMs();
  target.latency.observe(FAILURE_COST_MS, nowMs);
  if (about.headPassed) return false;
  const elapsedMs = Math.max(FAILURE_COST_MS, nowMs - about.startedMs);
  judge.answered(target, "fault", elapsedMs, about.trial);
  return true;
}
