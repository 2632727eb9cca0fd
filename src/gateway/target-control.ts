// Owns what keeps the targets of a gateway as they should be, whether one thread serves or many:
// the registry of changes, the resolver of its names and the prober of what is in it. Tells those
// who serve; serves nothing.

import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { systemClock } from "../clock.ts";
import type { TargetReading } from "../telemetry/readings.ts";
import { NameResolver } from "../upstream/name-resolver.ts";
import { NameWatch, type WatchReading } from "../upstream/name-watch.ts";
import { type ProbedTarget, type ProbePlan, Prober } from "../upstream/prober.ts";
import { targetName } from "../upstream/target.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import {
  type ChangeResult,
  TargetRegistry,
  type TargetSets,
  type TargetThreads,
} from "./target-registry.ts";
import { endpointsOf, watchedName } from "./target-names.ts";
import { type DeclaredTarget, placesOf, tableOf, type TargetChange } from "./target-table.ts";
import { tlsConfig } from "./upstream-tls.ts";

/** The threads, and what they hear of besides changes. */
export interface ControlledThreads extends TargetThreads {
  /** The result of an active check. */
  probed(target: ProbedTarget, isGood: boolean): void;
}

const FAILING = "a name cannot be resolved; the addresses that it had last are used";

export class TargetControl {
  #config: GatewayConfig;
  readonly #logger: Logger;
  readonly #registry: TargetRegistry;
  readonly #prober: Prober;
  /** null: names are left to the system. */
  #names: NameWatch | null;
  #started = false;

  constructor(config: GatewayConfig, threads: ControlledThreads, logger: Logger) {
    this.#config = config;
    this.#prober = new Prober(systemClock, ({ upstream, target }, isGood) =>
      threads.probed({ upstream, target }, isGood),
    );
    this.#logger = logger;
    const onChange = (changed: GatewayConfig | null): void => {
      if (changed !== null) this.#reconfigured(changed);
      this.#follow();
    };
    this.#registry = new TargetRegistry(tableOf(config), threads, { logger, onChange });
    this.#names = this.#watchOf(config);
  }

  get zone(): string | null {
    return this.#config.zone;
  }

  /** For a thread that starts now. */
  get sets(): TargetSets {
    return this.#registry.sets;
  }

  /** The threads serve: what is in the registry is watched from now on. */
  start(): void {
    this.#started = true;
    this.#follow();
  }

  submit(change: TargetChange): Promise<ChangeResult> {
    return this.#registry.submit(change);
  }

  /** Has all threads serve another config; rejects with why none does. */
  async reconfigure(config: GatewayConfig): Promise<void> {
    const refusal = await this.#registry.reconfigure(this.#config, config);
    if (refusal !== null) throw new Error(refusal);
  }

  /** What is declared, with what the threads read of it; null where the upstream is not known. */
  list(upstream: string | null, readings: readonly TargetReading[]): readonly object[] | null {
    const { upstreams } = this.#registry.table;
    if (upstream !== null && !upstreams.has(upstream)) return null;
    const known = new Map<string, object>();
    for (const [name, targets] of upstreams) {
      for (const declared of targets) {
        for (const { url, addresses } of placesOf(declared)) {
          const { name: target, source } = declared;
          const about = { declared: target, url, addresses, source };
          const key = `${name} ${targetName(new URL(url), addresses)}`;
          if (!known.has(key)) known.set(key, about);
        }
      }
    }
    const wanted = readings.filter((of) => upstream === null || of.upstream === upstream);
    return wanted.map(({ upstream: name, target, weight, backup, condition, ...of }) => {
      const { inFlight, queued, requests } = of;
      const own = known.get(`${name} ${target}`) ?? {};
      const counts = { inFlight, queued, requests };
      return { upstream: name, target, weight, backup, state: condition, ...counts, ...own };
    });
  }

  /** What is known of names. */
  get names(): WatchReading {
    return this.#names?.reading() ?? { lookups: [], names: [] };
  }

  async close(): Promise<void> {
    this.#started = false;
    this.#names?.close();
    await this.#prober.close();
  }

  /** Another config serves: names may have to be resolved otherwise, or not at all any more. */
  #reconfigured(changed: GatewayConfig): void {
    const isAsBefore = isDeepStrictEqual(changed.dns, this.#config.dns);
    this.#config = changed;
    if (isAsBefore) return;
    this.#names?.close();
    this.#names = this.#watchOf(changed);
    if (this.#names !== null) return;
    for (const { origin, endpoints } of this.#declared()) {
      if (endpoints === null) continue;
      void this.submit({ kind: "resolved", origin, endpoints: null });
    }
  }

  #watchOf({ dns }: GatewayConfig): NameWatch | null {
    if (dns === null) return null;
    return new NameWatch(new NameResolver(dns), dns, {
      moved: async ({ key }, places) => {
        const endpoints = endpointsOf(key, places);
        const change = { kind: "resolved", origin: key, endpoints } as const;
        return "upstreams" in (await this.submit(change));
      },
      failing: ({ name }, failure, code) => {
        if (failure === null) this.#logger.info({ name }, "a name is resolved again");
        else this.#logger.warn({ name, failure, code }, FAILING);
      },
    });
  }

  #declared(): readonly DeclaredTarget[] {
    return [...this.#registry.table.upstreams.values()].flat();
  }

  #follow(): void {
    if (!this.#started) return;
    this.#names?.follow(
      this.#declared().flatMap(({ origin }) => {
        const watched = watchedName(origin);
        return watched === null ? [] : [watched];
      }),
    );
    this.#prober.follow(probePlans(this.#config, this.sets));
  }
}

/** What one prober asks for all clusters of a config. */
function probePlans(config: GatewayConfig, sets: TargetSets): readonly ProbePlan[] {
  return [...config.upstreams.values()].flatMap(({ name, probe, host, tls, protocol }) => {
    if (probe === null) return [];
    const identity = tlsConfig(tls);
    return (sets.get(name) ?? []).map(({ url: text, addresses = [] }): ProbePlan => {
      const url = new URL(text);
      const hostField = host.kind === "fixed" ? host.authority : null;
      const target = targetName(url, addresses);
      const where = { upstream: name, target, url, addresses, host: hostField };
      return { ...probe, ...where, tls: identity, protocol };
    });
  });
}
