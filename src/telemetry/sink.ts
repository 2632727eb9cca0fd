// Owns the batch that log lines collect in, for the access log and pino alike, and the count of
// lines that were dropped. Writers never wait: what a slow output refuses is dropped. `reserve` and
// `commit` are hot. Knows no line's format.

import { openLogOutput } from "./log-output.ts";
import type { LogOutput } from "./log-output.ts";

/** Lines are collected up to this size: about 200 of them a system call. */
const BATCH_BYTES_MAX = 64 * 1024;
/** How long a line may wait for its batch to fill. */
const BATCH_DELAY_MS = 100;
/** What may wait for a slow output: 10 s of 3,000 requests a second. */
const PENDING_BYTES_MAX = 8 * 1024 * 1024;
const LINE_FEED = 0x0a;

export interface SinkOptions {
  /**
   * "stdout", a path, or an output that is open. A path is opened for appending, and must be
   * openable now.
   */
  readonly destination: string | LogOutput;
  readonly pendingBytesMax?: number;
  readonly batchDelayMs?: number;
}

export class Sink {
  /** Where `reserve` says, a writer puts the bytes of one line, then calls `commit`. */
  readonly bytes = Buffer.allocUnsafeSlow(BATCH_BYTES_MAX);
  readonly #output: LogOutput;
  readonly #batchDelayMs: number;
  #used = 0;
  #lines = 0;
  #dropped = 0;
  #closed = false;
  #timer: NodeJS.Timeout | null = null;

  /** Throws the system's error when the destination cannot be opened. */
  constructor(options: SinkOptions) {
    this.#batchDelayMs = options.batchDelayMs ?? BATCH_DELAY_MS;
    const { destination, pendingBytesMax = PENDING_BYTES_MAX } = options;
    this.#output =
      typeof destination === "string" ? openLogOutput(destination, pendingBytesMax) : destination;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Offset in `bytes` of room for `length` bytes; -1 when a line is longer than any batch, which
   * drops it.
   */
  reserve(length: number): number {
    if (length > BATCH_BYTES_MAX - this.#used) {
      if (length > BATCH_BYTES_MAX) {
        this.#dropped += 1;
        return -1;
      }
      this.flush();
    }
    return this.#used;
  }

  /** Ends a line that was written up to `end`, its line feed included. */
  commit(end: number): void {
    this.#used = end;
    this.#lines += 1;
    this.#timer ??= setTimeout(() => this.flush(), this.#batchDelayMs).unref();
  }

  /** Writes a whole line, its line feed included: what pino calls. */
  write(line: string): void {
    const at = this.reserve(Buffer.byteLength(line));
    if (at >= 0) this.commit(at + this.bytes.write(line, at));
  }

  /** Writes whole lines that another thread has collected, behind those that wait here. */
  append(batch: Uint8Array): void {
    this.flush();
    const lines = Buffer.from(batch.buffer, batch.byteOffset, batch.length);
    if (!this.#closed && this.#output.write(lines)) return;
    for (const byte of lines) if (byte === LINE_FEED) this.#dropped += 1;
  }

  /** Hands the batch to the output without waiting for it. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#used === 0) return;
    const batch = this.bytes.subarray(0, this.#used);
    if (this.#closed || !this.#output.write(batch)) this.#dropped += this.#lines;
    this.#used = 0;
    this.#lines = 0;
  }

  /** Writes the batch before it returns: for the last words of a process. */
  flushSync(): void {
    this.flush();
    if (!this.#closed) this.#output.flushSync();
  }

  /**
   * Opens the file again after it was renamed (log rotation). Throws when it cannot, and goes on
   * with the old one.
   */
  reopen(): void {
    this.flush();
    if (!this.#closed) this.#output.reopen();
  }

  /**
   * Writes what is pending and closes; gives up on an output that is not done after `deadlineMs`.
   */
  async close(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    await this.#output.close(deadlineMs);
  }
}
