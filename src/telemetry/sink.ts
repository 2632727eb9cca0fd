// Owns where log lines go: one batch buffer in front of one sonic-boom, for the access log and pino alike. Writers never
// wait: what a slow sink leaves behind is bounded in bytes, and past it lines are dropped and counted. `reserve` and
// `commit` are hot. Knows no log format.

import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import sonicBoom from "sonic-boom";

/** Lines are collected up to this size: about 250 of them a system call. */
const BATCH_BYTES_MAX = 64 * 1024;
/** How long a line may wait for its batch to fill. */
const BATCH_DELAY_MS = 100;
/** What may wait for a slow sink: 10 s of 3,000 requests a second. */
const PENDING_BYTES_MAX = 8 * 1024 * 1024;

export interface SinkOptions {
  /** "stdout" or a path. A path is opened for appending, and must be openable now. */
  readonly destination: string;
  readonly pendingBytesMax?: number;
  readonly batchDelayMs?: number;
}

export class Sink {
  /** Where `reserve` says, a writer puts the bytes of one line, then calls `commit`. */
  readonly bytes = Buffer.allocUnsafeSlow(BATCH_BYTES_MAX);
  readonly #out: InstanceType<typeof sonicBoom.SonicBoom>;
  readonly #batchDelayMs: number;
  /** The destination is a file with a path of its own. */
  readonly #reopens: boolean;
  #used = 0;
  #lines = 0;
  #submittedLines = 0;
  #dropped = 0;
  #failed = false;
  #closed = false;
  #timer: NodeJS.Timeout | null = null;

  /** Throws the system's error when the destination cannot be opened. */
  constructor(options: SinkOptions) {
    this.#batchDelayMs = options.batchDelayMs ?? BATCH_DELAY_MS;
    const destination = openDestination(options.destination);
    this.#reopens = "dest" in destination;
    this.#out = new sonicBoom.SonicBoom({
      ...destination,
      sync: false,
      minLength: 0,
      maxLength: options.pendingBytesMax ?? PENDING_BYTES_MAX,
    });
    this.#out.on("drop", () => {
      this.#dropped += this.#submittedLines;
    });
    // The sink is gone or full (EPIPE, ENOSPC). What was not written is tried again with the next batch, and what
    // no longer fits is dropped and counted: there is no better place to report a broken log than its counter.
    this.#out.on("error", () => {
      this.#failed = true;
    });
    this.#out.on("write", () => {
      this.#failed = false;
    });
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The last write failed. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Offset in `bytes` of room for `length` bytes; -1 when a line is longer than any batch, which drops it. */
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

  /** Hands the batch to the system without waiting for it. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#used === 0) return;
    this.#submittedLines = this.#lines;
    const batch = this.bytes.toString("utf8", 0, this.#used);
    this.#used = 0;
    this.#lines = 0;
    if (this.#closed) this.#dropped += this.#submittedLines;
    else this.#out.write(batch);
  }

  /** Opens the file again after it was renamed (log rotation). Pipes and standard output stay as they are. */
  reopen(): void {
    this.flush();
    if (this.#reopens && !this.#closed) this.#out.reopen();
  }

  /** Writes what is pending and closes; gives up on a sink that takes nothing for `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    const out = this.#out;
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(resolve, deadlineMs);
      const done = (): void => {
        clearTimeout(deadline);
        resolve();
      };
      out.once("close", done);
      out.once("error", done);
      out.end();
    });
    out.destroy();
  }
}

/**
 * A write to a pipe that nobody reads would hold a thread of the pool for ever, and with it the exit of the process.
 * Pipes and terminals are therefore opened anew, without blocking; a regular file is opened by its path, so that it
 * can be reopened.
 */
function openDestination(destination: string): { fd: number } | { dest: string } {
  const nonBlocking = constants.O_NONBLOCK ?? 0;
  if (destination === "stdout") {
    const status = fstatSync(1);
    if (status.isFile()) return { fd: 1 };
    try {
      return { fd: openSync("/proc/self/fd/1", constants.O_WRONLY | nonBlocking) };
    } catch {
      // No procfs, or a socket, which cannot be opened by name. Node makes it non-blocking when it is first used.
      return { fd: process.stdout.fd };
    }
  }
  if (statSync(destination, { throwIfNoEntry: false })?.isFIFO() === true) {
    // For reading too: opening a FIFO for writing alone fails while it has no reader.
    return { fd: openSync(destination, constants.O_RDWR | nonBlocking) };
  }
  closeSync(openSync(destination, "a", 0o640));
  return { dest: destination };
}
