// Owns the response that is on its way from the origin server and shared by all who wait for it
// (RFC 9111 section 4). One source pushes, each reader has its own pace. Knows neither policy nor
// stores: a plan decides on the head.

import type { GatewayError } from "../http/errors.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../http/message.ts";
import type { Answer } from "./answer.ts";
import type { ExchangeTimes } from "./policy/freshness.ts";
import type { FillPlan, StoredAnswer } from "./fill-contract.ts";
import { Cursor, type Role } from "./fill-cursor.ts";
import type { FillBudget, FillLimits } from "./fill-limits.ts";

/** The call to the origin server; `resume` after `onData` returned false. */
export interface FillSource {
  resume(): void;
  /** Idempotent; nothing is pushed afterwards. */
  abort(): void;
}

/**
 * One exchange that wants the response. Exactly one of onAnswer, onEnd, onError and onRelease is
 * its last call.
 */
export interface FillReader {
  readonly request: RequestHead;
  onInterim(head: ResponseHead): void;
  /** The source's fields, with Cache-Status. `length` is -1 where it is not known. */
  onHead(head: ResponseHead, length: number): void;
  /**
   * A stored response answers instead: it was validated, or stands in for a failed origin server.
   */
  onAnswer(answer: Answer): void;
  /** False: no more until the ticket's `resume`. The bytes must not be changed. */
  onData(chunk: Uint8Array): boolean;
  onEnd(trailers: FieldLines): void;
  /** Before the head: answer with the error. After it: break the response off. */
  onError(error: GatewayError): void;
  /**
   * Nothing came: look up and join again, with one wait more. `error`: the call that it waited for
   * failed; null: the response is not for this reader.
   */
  onRelease(error: GatewayError | null): void;
}

/** A reader's end of the fill. */
export interface FillTicket {
  resume(): void;
  /** The reader is gone: no call follows. The last one to leave aborts the source. */
  leave(): void;
}

type FillState = "waiting" | "storing" | "passing" | "draining" | "ended";

/**
 * Takes what an origin call pushes (onInterim, onHead, onData, then onEnd or onError) and hands it
 * to its readers.
 */
export class Fill {
  readonly #plan: FillPlan;
  readonly #limits: FillLimits;
  readonly #budget: FillBudget;
  readonly #cursors = new Set<Cursor>();
  #state: FillState = "waiting";
  #source: FillSource | null = null;
  #sourcePaused = false;
  /** Known before the head. */
  #isLeadersAlone = false;
  #head: ResponseHead | null = null;
  #trailers: FieldLines | null = null;
  /** Content that some reader still needs; the first is number `#firstPiece`. */
  #pieces: Uint8Array[] = [];
  #firstPiece = 0;
  #receivedBytes = 0;
  #budgetedBytes = 0;
  #drainedBytes = 0;

  constructor(plan: FillPlan, limits: FillLimits, budget: FillBudget) {
    this.#plan = plan;
    this.#limits = limits;
    this.#budget = budget;
  }

  get readerCount(): number {
    return this.#cursors.size;
  }

  /** This request may wait for the head, or have what has arrived and follow. */
  admits(request: RequestHead): boolean {
    if (this.#state !== "waiting" && this.#state !== "storing") return false;
    return !this.#isLeadersAlone && this.#plan.admits(request);
  }

  /** The first reader leads: it gets the response even if that is not one to share. */
  join(
    reader: FillReader,
    role: Role = this.#cursors.size === 0 ? "leader" : "collapsed",
  ): FillTicket {
    const cursor = new Cursor(this, reader, role);
    this.#cursors.add(cursor);
    // A late reader must have its ticket before the first call.
    if (this.#head !== null) queueMicrotask(() => this.#catchUp(cursor));
    return cursor;
  }

  /** The call that pushes into this fill. */
  attach(source: FillSource): void {
    this.#source = source;
    if (this.#state === "ended" && this.#trailers === null) source.abort();
  }

  /** For the leader alone: nobody knows yet whether the others may see this response. */
  onInterim(head: ResponseHead): void {
    for (const cursor of this.#cursors) {
      if (cursor.role === "leader") cursor.reader.onInterim(head);
    }
  }

  /** The head of a response that another worker asked the origin server for. */
  onPeerHead(head: ResponseHead, times: ExchangeTimes): void {
    this.#plan.cameFromPeer(times);
    this.onHead(head);
  }

  onHead(head: ResponseHead): void {
    if (this.#state !== "waiting") return;
    const verdict = this.#plan.decide(head);
    if (verdict.kind === "answer" || verdict.kind === "retry") {
      this.#state = "draining";
      this.#plan.close();
      this.#answerAll(verdict.kind === "answer" ? verdict.answerFor : () => null);
      return;
    }
    this.#head = head;
    this.#state = verdict.kind === "store" ? "storing" : "passing";
    if (this.#state === "passing") this.#plan.close();
    for (const cursor of this.#cursors) {
      if (this.#keeps(cursor)) cursor.start(head, this.#plan);
      else this.#release(cursor);
    }
  }

  /** False: paused until the source's `resume`. The chunk is the fill's from now on. */
  onData(chunk: Uint8Array): boolean {
    if (this.#state === "draining") return this.#drain(chunk);
    if (this.#state !== "storing" && this.#state !== "passing") return true;
    this.#receivedBytes += chunk.length;
    if (this.#state === "storing") this.#account(chunk.length);
    this.#pieces.push(chunk);
    for (const cursor of this.#cursors) this.#pump(cursor);
    if (this.#state !== "passing") return true;
    this.#dropRead();
    this.#sourcePaused = this.#isWindowFull();
    return !this.#sourcePaused;
  }

  onEnd(trailers: FieldLines): void {
    if (this.#state === "storing") this.#plan.complete(this.#pieces);
    this.#plan.close();
    this.#state = "ended";
    this.#trailers = trailers;
    for (const cursor of this.#cursors) this.#pump(cursor);
    this.#settle();
  }

  onError(error: GatewayError): void {
    if (this.#state === "ended") return;
    const answerFor = this.#state === "waiting" ? this.#plan.standIn(error) : undefined;
    this.#state = "ended";
    this.#trailers = [];
    this.#plan.close();
    for (const cursor of this.#takeAll()) {
      const answer = answerFor?.(cursor.reader) ?? null;
      if (answer !== null) cursor.reader.onAnswer(answer);
      // Who has had a head sees the response break off. Without one only the request that was sent
      // fails; the others have an attempt of their own.
      else if (cursor.started || cursor.role === "leader") cursor.reader.onError(error);
      else cursor.reader.onRelease(error);
    }
    this.#settle();
  }

  /** Somebody waits for a head. */
  get isWanted(): boolean {
    return this.#state === "waiting";
  }

  /** Another worker has learnt that this response is not one to share: only the leader waits on. */
  releaseFollowers(): void {
    if (this.#state !== "waiting") return;
    this.#isLeadersAlone = true;
    this.#plan.close();
    for (const cursor of this.#cursors) if (cursor.role !== "leader") this.#release(cursor);
  }

  /**
   * A stored response answers. A source that was asked meanwhile is let finish: breaking it off
   * would cost a connection to the origin server.
   */
  onRecalled(answerFor: StoredAnswer): void {
    if (this.#state !== "waiting") return;
    this.#state = this.#source === null ? "ended" : "draining";
    if (this.#source === null) this.#trailers = [];
    this.#plan.close();
    this.#answerAll(answerFor);
  }

  /** A reader can take more. */
  continue(cursor: Cursor): void {
    this.#pump(cursor);
    this.#unblock();
    this.#settle();
  }

  /** A reader is gone; without any, nobody pays for the rest of the response. */
  remove(cursor: Cursor): void {
    this.#cursors.delete(cursor);
    if (this.#cursors.size === 0 && this.#state !== "ended" && this.#state !== "draining") {
      this.#abort();
    }
    this.#unblock();
    this.#settle();
  }

  #answerAll(answerFor: StoredAnswer): void {
    for (const { reader } of this.#takeAll()) {
      const answer = answerFor(reader);
      if (answer === null) reader.onRelease(null);
      else reader.onAnswer(answer);
    }
  }

  #keeps(cursor: Cursor): boolean {
    if (cursor.role === "leader") return true;
    return this.#state === "storing" && this.#plan.admits(cursor.reader.request);
  }

  #release(cursor: Cursor): void {
    cursor.leave();
    cursor.reader.onRelease(null);
  }

  #catchUp(cursor: Cursor): void {
    if (!cursor.active || this.#head === null) return;
    if (!this.#keeps(cursor) || this.#firstPiece > 0) {
      this.#release(cursor);
      return;
    }
    cursor.start(this.#head, this.#plan);
    this.#pump(cursor);
    this.#settle();
  }

  /** Hands over what the reader has not had, as far as it takes it. */
  #pump(cursor: Cursor): void {
    while (cursor.active && cursor.started && !cursor.paused) {
      const piece = this.#pieces[cursor.piece - this.#firstPiece];
      if (piece === undefined) break;
      cursor.piece++;
      if (!cursor.reader.onData(piece)) cursor.paused = true;
    }
    const atEnd = cursor.piece === this.#firstPiece + this.#pieces.length;
    if (!cursor.active || !cursor.started || !atEnd || this.#trailers === null) return;
    this.#cursors.delete(cursor);
    cursor.end();
    cursor.reader.onEnd(this.#trailers);
  }

  /**
   * Reserves room for a chunk that is kept; without it the response is passed on without being
   * stored.
   */
  #account(bytes: number): void {
    const fits = this.#receivedBytes <= this.#limits.objectBytesMax;
    if (fits && this.#budget.take(bytes)) {
      this.#budgetedBytes += bytes;
      return;
    }
    this.#state = "passing";
    this.#plan.abandon(fits ? "over_budget" : "too_large");
    this.#plan.close();
    this.#releaseBudget();
  }

  /** Lets go of pieces that every reader has had. */
  #dropRead(): void {
    let slowest = this.#firstPiece + this.#pieces.length;
    for (const cursor of this.#cursors) slowest = Math.min(slowest, cursor.piece);
    const count = slowest - this.#firstPiece;
    if (count === 0) return;
    this.#pieces = count === this.#pieces.length ? [] : this.#pieces.slice(count);
    this.#firstPiece = slowest;
  }

  /** A single reader sets the pace at once; several may be apart. */
  #isWindowFull(): boolean {
    let bytes = 0;
    for (const piece of this.#pieces) bytes += piece.length;
    const mayLag = this.#mayLag(bytes - this.#limits.windowBytesMax);
    if (this.#cursors.size > 1) return !mayLag;
    return bytes > 0 || this.#isPaused();
  }

  /** Beyond the window the budget pays for what the slowest has not taken. */
  #mayLag(bytes: number): boolean {
    const moreBytes = Math.max(0, bytes) - this.#budgetedBytes;
    if (moreBytes > 0 && bytes > this.#limits.lagBytesMax) return false;
    if (moreBytes > 0 && !this.#budget.take(moreBytes)) return false;
    if (moreBytes < 0) this.#budget.release(-moreBytes);
    this.#budgetedBytes += moreBytes;
    return true;
  }

  #isPaused(): boolean {
    for (const cursor of this.#cursors) if (cursor.paused) return true;
    return false;
  }

  #unblock(): void {
    if (this.#state !== "passing") return;
    this.#dropRead();
    // Whatever comes of it, what was taken is given back to the budget.
    const isFull = this.#isWindowFull();
    if (!this.#sourcePaused || isFull) return;
    this.#sourcePaused = false;
    this.#source?.resume();
  }

  #drain(chunk: Uint8Array): boolean {
    this.#drainedBytes += chunk.length;
    if (this.#drainedBytes <= this.#limits.drainBytesMax) return true;
    this.#state = "ended";
    this.#source?.abort();
    return false;
  }

  #abort(): void {
    this.#state = "ended";
    this.#plan.close();
    this.#source?.abort();
  }

  /**
   * Ends every cursor before any reader is called, so that none of them can come back into this
   * fill.
   */
  #takeAll(): Cursor[] {
    const cursors = [...this.#cursors];
    this.#cursors.clear();
    for (const cursor of cursors) cursor.end();
    return cursors;
  }

  /** Nothing is kept longer than somebody needs it. */
  #settle(): void {
    if (this.#state !== "ended" || this.#cursors.size > 0) return;
    this.#pieces = [];
    this.#releaseBudget();
  }

  #releaseBudget(): void {
    this.#budget.release(this.#budgetedBytes);
    this.#budgetedBytes = 0;
  }
}
