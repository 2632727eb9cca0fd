// Counters with a report of their own, as a gateway of one thread has them.

import { RELOAD_SUCCEEDED } from "../../src/telemetry/metric-table.ts";
import { NO_READINGS } from "../../src/telemetry/merged-readings.ts";
import { MetricsReport } from "../../src/telemetry/metrics-report.ts";
import { Metrics, newMetricBlock } from "../../src/telemetry/metrics.ts";
import type { ReportedReadings } from "../../src/telemetry/readings.ts";

const NOTHING: ReportedReadings = {
  ...NO_READINGS,
  names: { lookups: [], names: [] },
  workers: [],
};

export class ReportedMetrics extends Metrics {
  readonly report: MetricsReport;
  reported: ReportedReadings = NOTHING;

  constructor({ version, engine }: { readonly version: string; readonly engine: string }) {
    const block = newMetricBlock();
    super(block);
    this.set(RELOAD_SUCCEEDED, 1);
    this.report = new MetricsReport({ version, engine, blocks: [block] });
  }

  text(): Promise<string> {
    return this.report.text(this.reported);
  }

  attach(reported: Partial<ReportedReadings>): void {
    this.reported = { ...this.reported, ...reported };
  }

  close(): void {
    this.report.close();
  }
}
