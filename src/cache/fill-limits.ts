// Owns the bounds of responses that are on their way from the origin server.

export interface FillLimits {
  /** Content of one response that is kept for storing. */
  readonly objectBytesMax: number;
  /**
   * What several readers of a response that is not stored may be apart; then the slowest sets the
   * pace.
   */
  readonly windowBytesMax: number;
  /** Content that is read and dropped so that its connection can be used again. */
  readonly drainBytesMax: number;
}

/** 256 KiB are four reads of a socket; 64 KiB cost less than a new connection. */
export const FILL_LIMITS: FillLimits = {
  objectBytesMax: 8 * 1024 * 1024,
  windowBytesMax: 256 * 1024,
  drainBytesMax: 64 * 1024,
};

/** Bytes that all fills together keep for storing. */
export class FillBudget {
  readonly bytesMax: number;
  usedBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  take(bytes: number): boolean {
    if (this.usedBytes + bytes > this.bytesMax) return false;
    this.usedBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.usedBytes -= bytes;
  }
}
