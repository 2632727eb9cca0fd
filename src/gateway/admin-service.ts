// Owns what the admin listener shows of a gateway, whether one thread serves or many: metrics,
// status, config, readiness and purges, from the threads that it is given.

import type { Logger } from "pino";
import type { Purge, PurgeCount } from "../cache/purge.ts";
import { systemClock } from "../clock.ts";
import { MetricsReport } from "../telemetry/metrics-report.ts";
import type { MetricBlock } from "../telemetry/metrics.ts";
import type { ReportedReadings } from "../telemetry/readings.ts";
import { StatusReport } from "../telemetry/status-report.ts";
import { type Admin, createAdmin } from "./admin.ts";
import type { Explanation } from "./explain.ts";
import type { ExplainQuestion } from "./explain-request.ts";
import type { TargetControl } from "./target-control.ts";
import { urlOf } from "./listen-url.ts";
import { packageVersion } from "./package-version.ts";
import type { Reloader } from "./reloader.ts";

export interface AdminServiceParts {
  /** The listener is that of the config that serves now, for good. */
  readonly reloader: Reloader;
  readonly logger: Logger;
  readonly engine: string;
  /** Counters of all threads, and those that this service counts on itself. */
  readonly blocks: readonly MetricBlock[];
  state(): "starting" | "ready" | "draining";
  /** The public listeners, once they are bound. */
  listen(): readonly string[];
  /** Asks all threads; one that does not answer is reported as it was. */
  readings(): ReportedReadings | Promise<ReportedReadings>;
  /** Who keeps the targets of all threads. */
  readonly targets: TargetControl;
  /** Purges in all threads; says how many stored responses that were. */
  purge(purge: Purge): PurgeCount | Promise<PurgeCount>;
  /** What would become of a request, and why; null where no thread answers. */
  explain(question: ExplainQuestion): Promise<Explanation | null>;
}

export class AdminService {
  readonly #parts: AdminServiceParts;
  readonly #report: MetricsReport;
  readonly #status: StatusReport;
  #admin: Admin | null = null;

  constructor(parts: AdminServiceParts) {
    this.#parts = parts;
    const { engine, blocks } = parts;
    this.#report = new MetricsReport({ version: packageVersion(), engine, blocks });
    this.#status = new StatusReport(this.#report, systemClock);
  }

  /** Binds the admin listener, if the config has one. Rejects with the system's error. */
  async listen(): Promise<string | null> {
    const { reloader, logger, state, readings, targets } = this.#parts;
    const { admin } = reloader.config;
    if (admin === null) return null;
    const { dashboardFiles } = await import("./dashboard.ts");
    this.#admin = createAdmin({
      token: admin.token,
      readiness: () => ({ ready: state() === "ready", reason: state() }),
      metrics: async () => ({
        type: this.#report.contentType,
        text: await this.#report.text(await readings()),
      }),
      status: async () => ({
        listen: this.#parts.listen(),
        ...this.#status.read(await readings()),
      }),
      config: () => reloader.config,
      reload: () => reloader.reload(),
      targets: {
        zone: () => targets.zone,
        list: async (upstream) => targets.list(upstream, (await readings()).targets),
        submit: (change) => targets.submit(change),
      },
      purge: (purge) => this.#parts.purge(purge),
      explain: (question) => this.#parts.explain(question),
      page: dashboardFiles(),
      onError: (error) => logger.error({ error }, "an admin request failed"),
    });
    const { port } = await this.#admin.listen(admin.address);
    return urlOf({ ...admin.address, port });
  }

  async close(): Promise<void> {
    await this.#admin?.close(GRACE_MS);
    this.#report.close();
  }
}

/** A scrape that is being answered. */
const GRACE_MS = 500;
