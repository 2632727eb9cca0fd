// Owns a reader of a fill that records what it is told, takes what it is told to take, and checks
// the order of calls.

import type { Answer } from "../../src/cache/answer.ts";
import type { FillReader, FillSource, FillTicket } from "../../src/cache/collapse.ts";
import type { GatewayError } from "../../src/http/errors.ts";
import { getField } from "../../src/http/fields.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../../src/http/message.ts";
import { text } from "./stored.ts";

export function get(path: string, ...fields: string[]): RequestHead {
  return { method: "GET", scheme: "http", authority: "a.test", path, version: "1.1", fields };
}

export class RecordingReader implements FillReader {
  readonly request: RequestHead;
  ticket: FillTicket | null = null;
  head: ResponseHead | null = null;
  length = Number.NaN;
  content = "";
  chunks = 0;
  trailers: FieldLines | null = null;
  answer: Answer | null = null;
  error: GatewayError | null = null;
  interims: number[] = [];
  releases = 0;
  /** Chunks that it takes before it has enough. */
  appetite = Number.POSITIVE_INFINITY;
  onReleased: (error: GatewayError | null) => void = () => undefined;
  #isOver = false;

  constructor(request: RequestHead = get("/")) {
    this.request = request;
  }

  /** "hit" and the like, from our member of Cache-Status. */
  get cacheStatus(): string {
    const fields = this.answer?.head.fields ?? this.head?.fields ?? [];
    return getField(fields, "cache-status") ?? "";
  }

  /** What its client has seen. */
  get seen(): string {
    if (this.error !== null) return this.head === null ? "failed" : `broken:${this.content}`;
    if (this.answer !== null) return `${this.answer.head.status}:${text(this.answer.content)}`;
    if (this.trailers !== null) return `${this.head?.status}:${this.content}`;
    return this.releases > 0 ? "released" : "waiting";
  }

  /** Takes as many chunks as it is offered. */
  eat(count = Number.POSITIVE_INFINITY): void {
    this.appetite = count;
    this.ticket?.resume();
  }

  onInterim(head: ResponseHead): void {
    this.interims.push(head.status);
  }

  onHead(head: ResponseHead, length: number): void {
    this.#expect(this.head === null);
    this.head = head;
    this.length = length;
  }

  onData(chunk: Uint8Array): boolean {
    this.#expect(this.head !== null && this.appetite > 0);
    this.content += text(chunk);
    this.chunks++;
    this.appetite--;
    return this.appetite > 0;
  }

  onEnd(trailers: FieldLines): void {
    this.#end(this.head !== null);
    this.trailers = trailers;
  }

  onAnswer(answer: Answer): void {
    this.#end(this.head === null);
    this.answer = answer;
  }

  onError(error: GatewayError): void {
    this.#end(true);
    this.error = error;
  }

  onRelease(error: GatewayError | null): void {
    this.#expect(this.head === null);
    this.releases++;
    this.onReleased(error);
  }

  #end(allowed: boolean): void {
    this.#expect(allowed);
    this.#isOver = true;
  }

  #expect(allowed: boolean): void {
    if (this.#isOver || !allowed) throw new Error("a call that must not come now");
  }
}

export class RecordingSource implements FillSource {
  resumes = 0;
  aborts = 0;

  resume(): void {
    this.resumes++;
  }

  abort(): void {
    this.aborts++;
  }
}

/** Lets microtasks run: readers that came late are served in one. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
