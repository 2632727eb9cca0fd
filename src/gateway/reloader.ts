// Owns changing the config of a gateway that serves: one change at a time, whoever asks for it. One
// that is no good leaves the old one serving, and log, metrics and whoever asked are told why.

import type { Logger } from "pino";
import { systemClock } from "../clock.ts";
import {
  CONFIG_LOADED_SECONDS,
  RELOAD_SUCCEEDED,
  RELOADS_APPLIED,
  RELOADS_FAILED,
} from "../telemetry/metric-table.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type ConfigChange, configChanges } from "./config-diff.ts";
import { ConfigError, formatProblem } from "./config-problem.ts";
import { redactConfig } from "./config-redaction.ts";
import type { GatewayConfig } from "./gateway-config.ts";

export type ReloadOutcome =
  | { readonly kind: "applied"; readonly changes: readonly ConfigChange[] }
  /** The old config serves on. A sentence for each problem. */
  | { readonly kind: "refused"; readonly problems: readonly string[] }
  /** There is no file to read again. */
  | { readonly kind: "no_file" };

/** Reads the config again from where it came. Rejects with a ConfigError or the system's error. */
export type LoadConfig = () => Promise<GatewayConfig>;

export interface ReloaderParts {
  readonly config: GatewayConfig;
  /** null: the config came from no file. */
  readonly load: LoadConfig | null;
  /** Makes a config the one that serves, on every thread or on none: then it rejects. */
  readonly apply: (config: GatewayConfig) => Promise<void>;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export class Reloader {
  readonly #parts: ReloaderParts;
  #config: GatewayConfig;
  /** The change under way, and the one that waits for it: whoever asks meanwhile shares that. */
  #running: Promise<unknown> = Promise.resolve();
  #waiting: Promise<ReloadOutcome> | null = null;

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
    this.#config = parts.config;
    parts.metrics.set(RELOAD_SUCCEEDED, 1);
    parts.metrics.set(CONFIG_LOADED_SECONDS, systemClock.nowMs() / 1000);
  }

  /** The config that serves. */
  get config(): GatewayConfig {
    return this.#config;
  }

  /** Reads the file again. Never rejects. */
  reload(): Promise<ReloadOutcome> {
    const { load } = this.#parts;
    if (load === null) return Promise.resolve({ kind: "no_file" });
    // One that waits will read what is in the file now.
    this.#waiting ??= this.#next(() => {
      this.#waiting = null;
      return load();
    });
    return this.#waiting;
  }

  /** As `reload`, from elsewhere. */
  reloadFrom(load: LoadConfig): Promise<ReloadOutcome> {
    return this.#next(load);
  }

  #next(load: LoadConfig): Promise<ReloadOutcome> {
    const outcome = this.#running.then(() => this.#change(load));
    this.#running = outcome;
    return outcome;
  }

  async #change(load: LoadConfig): Promise<ReloadOutcome> {
    const { metrics, logger, apply } = this.#parts;
    try {
      const config = await load();
      const changes = configChanges(redactConfig(this.#config), redactConfig(config));
      await apply(config);
      this.#config = config;
      metrics.add(RELOADS_APPLIED, 1);
      metrics.set(RELOAD_SUCCEEDED, 1);
      metrics.set(CONFIG_LOADED_SECONDS, systemClock.nowMs() / 1000);
      logger.info({ changes: changes.map(({ key }) => key) }, "the config was reloaded");
      for (const warning of config.warnings) logger.warn(warning);
      const late = changes.filter((change) => change.needsRestart).map(({ key }) => key);
      if (late.length > 0) logger.warn({ keys: late }, "takes effect at the next start");
      return { kind: "applied", changes };
    } catch (error) {
      const problems = problemsOf(error);
      metrics.add(RELOADS_FAILED, 1);
      metrics.set(RELOAD_SUCCEEDED, 0);
      logger.error({ problems }, "the config was not reloaded; the one before serves on");
      return { kind: "refused", problems };
    }
  }
}

function problemsOf(error: unknown): string[] {
  if (error instanceof ConfigError) {
    return error.problems.map((problem) => formatProblem(error.file, problem));
  }
  return [error instanceof Error ? error.message : String(error)];
}
