// Owns passive health: a target that failed several times in a row is taken out for a while, longer
// each time. Pure: time is an argument. Knows no connections; who counts as a failure is decided in
// dispatch.ts.

export interface EjectConfig {
  /** Consecutive failures that eject a target; 0 never ejects. */
  readonly after: number;
  /** First ejection; the nth in a row lasts n times as long. */
  readonly forMs: number;
  readonly forMsMax: number;
  /**
   * Share of a cluster's targets that may be out at a time, rounded down: a lone target is never
   * ejected.
   */
  readonly shareMax: number;
}

export class Health {
  consecutiveFailures = 0;
  /** Ejections without a good answer between them. */
  ejections = 0;
  ejectedUntilMs = 0;

  isEjected(nowMs: number): boolean {
    return this.ejectedUntilMs > nowMs;
  }

  /**
   * A good answer. Stays out until its time is over if it is ejected: the answer belongs to an
   * older request.
   */
  succeeded(): void {
    this.consecutiveFailures = 0;
    this.ejections = 0;
  }

  /** Counts a failure; true if the target is to be ejected, should the cluster's cap allow it. */
  failed(config: EjectConfig, nowMs: number): boolean {
    this.consecutiveFailures += 1;
    return config.after > 0 && this.consecutiveFailures >= config.after && !this.isEjected(nowMs);
  }

  eject(config: EjectConfig, nowMs: number): void {
    this.ejections += 1;
    // Starts again at zero, so that a target that comes back is given `after` chances, not one.
    this.consecutiveFailures = 0;
    this.ejectedUntilMs = nowMs + Math.min(config.forMs * this.ejections, config.forMsMax);
  }
}

/** How many of `count` targets may be out at a time. */
export function ejectedMax(count: number, config: EjectConfig): number {
  return Math.min(Math.floor(count * config.shareMax), count - 1);
}
