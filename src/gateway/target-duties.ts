// Owns which targets operators have taken out of service while the gateway runs, by the names that
// the config gives. Knows no clusters: whoever serves is told by the caller.

import { targetName } from "../upstream/target.ts";
import type { TargetDuty } from "../upstream/target-state.ts";
import type { GatewayConfig } from "./gateway-config.ts";

export interface DutyChange {
  /** "host:port" or "unix:/path". */
  readonly target: string;
  readonly duty: TargetDuty;
}

export class TargetDuties {
  readonly #upstreamsOf = new Map<string, string[]>();
  readonly #draining = new Set<string>();

  constructor({ upstreams }: GatewayConfig) {
    for (const { name, targets } of upstreams.values()) {
      for (const { origin } of targets) {
        const target = targetName(new URL(origin));
        this.#upstreamsOf.set(target, [...(this.#upstreamsOf.get(target) ?? []), name]);
      }
    }
  }

  /** The upstreams that have the target; empty where none does, and then nothing has changed. */
  change({ target, duty }: DutyChange): readonly string[] {
    const upstreams = this.#upstreamsOf.get(target) ?? [];
    if (upstreams.length === 0) return [];
    if (duty === "draining") this.#draining.add(target);
    else this.#draining.delete(target);
    return upstreams;
  }

  /** What a thread that starts now has to be told. */
  changes(): readonly DutyChange[] {
    return [...this.#draining].map((target) => ({ target, duty: "draining" }));
  }
}
