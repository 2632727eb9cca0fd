// Hot. Owns a response that is on its way to one reader that nobody may join: what most responses
// are that no cache keeps. As collapse.ts without the sharing, and much cheaper. Stores at its
// reader's pace what turns out to be for storing.

import type { GatewayError } from "../http/errors.ts";
import type { Answer } from "./answer.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import type { FillReader, FillSource, FillTicket } from "./collapse.ts";
import { contentLengthOf, type FillPlan, type StoredAnswer } from "./fill-contract.ts";
import type { FillBudget, FillLimits } from "./fill-limits.ts";

export class SoloFill implements FillTicket {
  readonly #plan: FillPlan;
  readonly #limits: FillLimits;
  readonly #budget: FillBudget;
  readonly #reader: FillReader;
  #source: FillSource | null = null;
  /** Content that is kept for storing; null when it is not to be stored. */
  #pieces: Uint8Array[] | null = null;
  #keptBytes = 0;
  #drainedBytes = 0;
  #headPassed = false;
  /** The reader has had its answer from a stored response; the rest is dropped. */
  #draining = false;
  #ended = false;

  constructor(plan: FillPlan, limits: FillLimits, budget: FillBudget, reader: FillReader) {
    this.#plan = plan;
    this.#limits = limits;
    this.#budget = budget;
    this.#reader = reader;
  }

  /** The call that pushes into this fill. */
  attach(source: FillSource): void {
    this.#source = source;
    if (this.#ended) source.abort();
  }

  onInterim(head: ResponseHead): void {
    if (!this.#ended && !this.#draining) this.#reader.onInterim(head);
  }

  onHead(head: ResponseHead): void {
    if (this.#ended || this.#draining) return;
    const verdict = this.#plan.decide(head);
    if (verdict.kind === "answer" || verdict.kind === "retry") {
      this.#draining = true;
      this.#plan.close();
      this.#answer(verdict.kind === "answer" ? verdict.answerFor(this.#reader) : null);
      return;
    }
    if (verdict.kind === "store") this.#pieces = [];
    else this.#plan.close();
    this.#headPassed = true;
    this.#reader.onHead(this.#plan.headFor(head, "leader"), contentLengthOf(head));
  }

  /** False: paused until the source's `resume`. */
  onData(chunk: Uint8Array): boolean {
    if (this.#ended) return true;
    if (this.#draining) return this.#drain(chunk);
    if (this.#pieces !== null) this.#keep(this.#pieces, chunk);
    return this.#reader.onData(chunk);
  }

  onEnd(trailers: FieldLines): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#pieces !== null) this.#plan.complete(this.#pieces);
    this.#release();
    this.#plan.close();
    if (!this.#draining) this.#reader.onEnd(trailers);
  }

  onError(error: GatewayError): void {
    if (this.#ended) return;
    this.#ended = true;
    const answerFor = this.#headPassed || this.#draining ? undefined : this.#plan.standIn(error);
    this.#release();
    this.#plan.close();
    const answer = answerFor?.(this.#reader) ?? null;
    if (answer !== null) this.#reader.onAnswer(answer);
    else if (!this.#draining) this.#reader.onError(error);
  }

  /** Somebody waits for a head. */
  get isWanted(): boolean {
    return !this.#ended && !this.#headPassed && !this.#draining;
  }

  /** A stored response answers. A source that was asked meanwhile is let finish. */
  onRecalled(answerFor: StoredAnswer): void {
    if (!this.isWanted) return;
    if (this.#source === null) this.#ended = true;
    else this.#draining = true;
    this.#plan.close();
    this.#answer(answerFor(this.#reader));
  }

  // ── FillTicket ─────────────────────────────────────────────────────────────────────────────────

  resume(): void {
    if (!this.#ended) this.#source?.resume();
  }

  leave(): void {
    if (this.#ended || this.#draining) return;
    this.#ended = true;
    this.#release();
    this.#plan.close();
    this.#source?.abort();
  }

  #answer(answer: Answer | null): void {
    if (answer === null) this.#reader.onRelease(null);
    else this.#reader.onAnswer(answer);
  }

  #keep(pieces: Uint8Array[], chunk: Uint8Array): void {
    const fits = this.#keptBytes + chunk.length <= this.#limits.objectBytesMax;
    if (fits && this.#budget.take(chunk.length)) {
      this.#keptBytes += chunk.length;
      pieces.push(chunk);
      return;
    }
    this.#release();
    this.#plan.abandon(fits ? "over_budget" : "too_large");
    this.#plan.close();
  }

  #drain(chunk: Uint8Array): boolean {
    this.#drainedBytes += chunk.length;
    if (this.#drainedBytes <= this.#limits.drainBytesMax) return true;
    this.#ended = true;
    this.#source?.abort();
    return false;
  }

  #release(): void {
    this.#pieces = null;
    this.#budget.release(this.#keptBytes);
    this.#keptBytes = 0;
  }
}
