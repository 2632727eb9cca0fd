// Owns which targets a cluster has: builds what is new, keeps what stays with its connections and
// health, and lets what leaves finish before it is closed. The set is replaced as a whole, between
// two requests: who reads it never waits and never sees half of a change.

import type { AttemptTimeouts } from "./attempt.ts";
import { type PoolConfig, Target, type TargetConfig, type TargetShared } from "./target.ts";
import type { TlsIdentity } from "./tls-identity.ts";

/** What targets are built from. */
interface TargetParts {
  readonly pool: PoolConfig;
  readonly tls: TlsIdentity;
  readonly timeouts: AttemptTimeouts;
  readonly shared: TargetShared;
  /** How long a target that leaves may take to finish. */
  readonly drainMs: number;
}

/** Targets of a set to come, in its order; those that were there already are not built. */
export type PreparedTargets = readonly (readonly [TargetConfig, Target | null])[];

export class TargetSet {
  current: readonly Target[] = [];
  readonly #parts: TargetParts;
  readonly #breakOff: (target: Target) => void;
  /** Removed, with requests under way, and when that has to end. */
  readonly #leaving = new Map<Target, NodeJS.Timeout>();
  readonly #byKey = new Map<string, Target>();

  /** No config may come twice. `breakOff` ends what still runs at a target that has had its time. */
  constructor(
    configs: readonly TargetConfig[],
    parts: TargetParts,
    breakOff: (target: Target) => void,
  ) {
    this.#parts = parts;
    this.#breakOff = breakOff;
    this.commit(this.prepare(configs), Number.NEGATIVE_INFINITY);
  }

  prepare(configs: readonly TargetConfig[]): PreparedTargets {
    return configs.map((config) => {
      return [config, this.#byKey.has(keyOf(config)) ? null : this.#build(config)];
    });
  }

  /** Swaps the sets and gives what is gone. `nowMs`: when those that join start, slowly. */
  commit(prepared: PreparedTargets, nowMs: number): readonly Target[] {
    const before = this.current;
    const next = prepared.map(([config, built]) => this.#place(config, built, nowMs));
    const gone = before.filter((target) => !next.includes(target));
    this.current = next;
    for (const target of gone) this.#leave(target);
    return gone;
  }

  /** Those that were removed and have requests under way. */
  leaving(): readonly Target[] {
    return [...this.#leaving.keys()];
  }

  /** Closes every connection at once. The calls are over by then. */
  async destroy(): Promise<void> {
    const all = [...this.current, ...this.#leaving.keys()];
    for (const timer of this.#leaving.values()) clearTimeout(timer);
    this.#leaving.clear();
    await Promise.all(all.map((target) => target.destroy()));
  }

  #build(config: TargetConfig): Target {
    const { pool, tls, timeouts, shared } = this.#parts;
    return new Target(config, pool, tls, timeouts, shared);
  }

  /** The target of a config in the set to come: the one that is there, though it was leaving. */
  #place(config: TargetConfig, built: Target | null, nowMs: number): Target {
    const key = keyOf(config);
    const known = this.#byKey.get(key);
    const target = known ?? built ?? this.#build(config);
    const joins = known === undefined || this.#leaving.has(known);
    clearTimeout(this.#leaving.get(target));
    this.#leaving.delete(target);
    this.#byKey.set(key, target);
    target.onIdle = null;
    target.place(config, nowMs);
    if (joins) target.state.start(nowMs);
    if (joins && config.awaitsProbe === true) target.state.awaitsProbe = true;
    return target;
  }

  #leave(target: Target): void {
    const late = setTimeout(() => {
      this.#breakOff(target);
      this.#close(target);
    }, this.#parts.drainMs);
    this.#leaving.set(target, late.unref());
    // An exchange that is over may go on at this target yet: the keep-alive race repeats it there.
    target.onIdle = () => setImmediate(() => this.#closeIdle(target));
    this.#closeIdle(target);
  }

  #closeIdle(target: Target): void {
    if (target.load === 0) this.#close(target);
  }

  #close(target: Target): void {
    if (!this.#leaving.has(target)) return;
    clearTimeout(this.#leaving.get(target));
    this.#leaving.delete(target);
    for (const [key, known] of this.#byKey) if (known === target) this.#byKey.delete(key);
    target.onIdle = null;
    void target.destroy();
  }
}

/** Two configs of one key are the same target. */
function keyOf({ url, addresses = [] }: TargetConfig): string {
  return `${url} ${addresses.join()}`;
}
