// Owns the log of a worker: whole batches of lines go to the supervisor, which alone writes, so
// that lines of several workers never mix. Bounded: what the supervisor has not taken yet counts as
// pending, and past the bound a batch is refused.

import type { LogOutput } from "../telemetry/log-output.ts";

const PENDING_BYTES_MAX = 8 * 1024 * 1024;

export class WorkerLogOutput implements LogOutput {
  readonly #send: (batch: Uint8Array<ArrayBuffer>) => void;
  #pendingBytes = 0;

  /** `send` hands the memory over. */
  constructor(send: (batch: Uint8Array<ArrayBuffer>) => void) {
    this.#send = send;
  }

  write(batch: Buffer): boolean {
    if (this.#pendingBytes + batch.length > PENDING_BYTES_MAX) return false;
    this.#pendingBytes += batch.length;
    this.#send(new Uint8Array(batch));
    return true;
  }

  /** The supervisor has taken this much. */
  taken(bytes: number): void {
    this.#pendingBytes -= bytes;
  }

  flushSync(): void {
    // What was sent arrives, even if this thread ends now.
  }

  reopen(): void {
    // The supervisor has the file.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
