// Owns active health checks: one prober for a process asks each target at intervals, on connections
// of its own that count as no traffic, and reports each result. What a result means is decided in
// target-state.ts; a thread that serves can be told of results over any channel.

import type { Clock } from "../clock.ts";
import { Connector } from "./connector.ts";
import { askH1, askH2, type Probe } from "./probe.ts";
import type { TargetProtocol } from "./target.ts";
import { type TlsConfig, TlsIdentity } from "./tls-identity.ts";

export interface ProbedTarget {
  readonly upstream: string;
  /** "host:port", as the cluster calls the target. */
  readonly target: string;
}

export interface ProbePlan extends ProbedTarget, Probe {
  /** Where its host is; none: the system resolves it. */
  readonly addresses: readonly string[];
  readonly tls: TlsConfig;
  /** What requests speak to the target, so that a check says something of them. */
  readonly protocol: TargetProtocol;
  /** Up to a tenth more or less by chance. */
  readonly everyMs: number;
}

/** `detail`: the status, or the error's code. */
export type OnProbe = (plan: ProbePlan, isGood: boolean, detail: string) => void;

const JITTER_SHARE = 0.1;

export class Prober {
  readonly #clock: Clock;
  readonly #onProbe: OnProbe;
  readonly #random: () => number;
  /** What is asked at intervals, and what breaks that off. */
  readonly #asked = new Map<string, AbortController>();
  readonly #running = new Set<Promise<void>>();

  constructor(clock: Clock, onProbe: OnProbe, random: () => number = Math.random) {
    this.#clock = clock;
    this.#onProbe = onProbe;
    this.#random = random;
  }

  /**
   * Asks what is new at once and then at intervals, and what was asked before and is in these plans
   * too as before; nothing else any more.
   */
  follow(plans: readonly ProbePlan[]): void {
    const wanted = new Map(plans.map((plan) => [keyOf(plan), plan]));
    for (const [key, stopping] of this.#asked) {
      if (!wanted.has(key)) this.#stop(key, stopping);
    }
    for (const [key, plan] of wanted) {
      if (this.#asked.has(key)) continue;
      const stopping = new AbortController();
      this.#asked.set(key, stopping);
      const identity = new TlsIdentity(plan.tls);
      const counts = { connectionsOpened: 0, connectionsOpen: 0, tlsHandshakes: 0 };
      const own = { ...counts, tlsResumptions: 0 };
      const { monotonicMs } = this.#clock;
      const spoken = plan.protocol === "h2" ? "h2" : "http/1.1";
      const connector = new Connector(plan, identity, spoken, own, monotonicMs);
      this.#probe(plan, connector, stopping.signal);
    }
  }

  /** Breaks off what is under way; nothing is reported any more. */
  async close(): Promise<void> {
    for (const [key, stopping] of this.#asked) this.#stop(key, stopping);
    await Promise.all(this.#running);
  }

  #stop(key: string, stopping: AbortController): void {
    this.#asked.delete(key);
    stopping.abort();
  }

  #probe(plan: ProbePlan, connector: Connector, stopping: AbortSignal): void {
    const ask = plan.protocol === "h2" ? askH2 : askH1;
    const run = ask(plan, connector, stopping).then(([isGood, detail]) => {
      this.#running.delete(run);
      if (stopping.aborted) return;
      this.#onProbe(plan, isGood, detail);
      const waitMs = plan.everyMs * (1 + JITTER_SHARE * (2 * this.#random() - 1));
      const again = (): void => {
        stopping.removeEventListener("abort", cancel);
        this.#probe(plan, connector, stopping);
      };
      const timer = setTimeout(again, waitMs).unref();
      const cancel = (): void => clearTimeout(timer);
      stopping.addEventListener("abort", cancel, { once: true });
    });
    this.#running.add(run);
  }
}

function keyOf({ upstream, url, addresses }: ProbePlan): string {
  return `${upstream} ${url.href} ${addresses.join()}`;
}
