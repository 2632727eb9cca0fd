// Owns how a result reads: Markdown tables for people, from the same object that is stored.

import { type BenchResult, bestNodeProxy, ratio, scenarioNames } from "./result.ts";
import { median, type Summary, summarise } from "./statistics.ts";

export function renderReport(result: BenchResult): string {
  const parts = [heading(result), ...throughputTables(result), ...latencyTables(result)];
  parts.push(...idleTable(result), ...bulkTable(result), ...startupTable(result));
  parts.push(...goalTable(result));
  return `${parts.join("\n\n")}\n`;
}

function heading(result: BenchResult): string {
  const { machine, options } = result;
  const cores = machine.pinned
    ? "gateway on one core, load and origin on another"
    : "gateway and load SHARE their cores: read nothing into absolute numbers";
  const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`);
  const virtual = machine.virtualised ? ", virtual" : "";
  const lines = [
    `## edgelane benchmark, ${result.date}, commit ${machine.commit} (${options.extent})`,
    "",
    `${machine.processor}, ${machine.cores} cores${virtual}, ${machine.memoryGibibytes} GiB; ` +
      `${machine.system}, Linux ${machine.kernel}; Node ${machine.node}; ${cores}.`,
    `${options.rounds} interleaved rounds of ${options.seconds} s; origin: ${result.origin}.`,
    `Took part: ${versions.join(", ")}.`,
    ...result.missing.map((reason) => `Missing: ${reason}.`),
    ...noiseWarning(result),
  ];
  return lines.join("\n");
}

/** Work of others on the gateway's core spoils a run; a twentieth of it is the system itself. */
function noiseWarning(result: BenchResult): string[] {
  const noise = median(result.throughput.map((sample) => sample.foreignBusy));
  if (!(noise > 0.05)) return [];
  const share = Math.round(noise * 100);
  return [`NOT IDLE: other work used ${share} % of the gateway's core; repeat on an idle machine.`];
}

function throughputTables(result: BenchResult): string[] {
  return scenarioNames(result.throughput).map((scenario) => {
    const samples = result.throughput.filter((sample) => sample.scenario === scenario);
    const best = bestNodeProxy(samples, scenario);
    const rows = subjects(samples).map((name) => {
      const matching = samples.filter((sample) => sample.subject === name);
      const rate = summarise(matching.map((sample) => sample.requestsPerSecond));
      const busy = [
        matching.map((sample) => sample.gatewayBusy),
        matching.map((sample) => sample.loadBusy),
        matching.map((sample) => sample.foreignBusy),
      ].map((shares) => `${Math.round(median(shares) * 100)} %`);
      const ratios = [ratioCell(ratio(samples, scenario, name, "nginx"))];
      if (best !== null) ratios.push(ratioCell(ratio(samples, scenario, name, best)));
      return [name, whole(rate.median), spread(rate, whole), ...ratios, ...busy];
    });
    const against = ["to nginx", ...(best === null ? [] : [`to ${best}`])];
    const columns = ["gateway", "requests/s", "min-max", ...against];
    const use = ["gateway core", "load core", "noise"];
    return `### ${scenario}\n\n${table([...columns, ...use], rows)}`;
  });
}

function latencyTables(result: BenchResult): string[] {
  return scenarioNames(result.latency).map((scenario) => {
    const samples = result.latency.filter((sample) => sample.scenario === scenario);
    const rows = subjects(samples).map((name) => {
      const matching = samples.filter((sample) => sample.subject === name);
      const cells = [
        summarise(matching.map((sample) => sample.p50Ms)),
        summarise(matching.map((sample) => sample.p99Ms)),
        summarise(matching.map((sample) => sample.p999Ms)),
      ].map((summary) => `${milli(summary.median)} (${spread(summary, milli)})`);
      const failed = matching.reduce((total, sample) => total + sample.failed, 0);
      const late = median(matching.map((sample) => sample.latenessP99Ms));
      return [name, ...cells, milli(late), whole(failed)];
    });
    const columns = ["gateway", "p50 ms", "p99 ms", "p99.9 ms", "generator late p99", "failed"];
    return `### Latency: ${scenario}\n\n${table(columns, rows)}`;
  });
}

function idleTable(result: BenchResult): string[] {
  if (result.idle.length === 0) return [];
  const rows = subjects(result.idle).map((name) => {
    const matching = result.idle.filter((sample) => sample.subject === name);
    const bytes = summarise(matching.map((sample) => sample.bytesPerConnection));
    return [name, whole(matching[0]?.connections ?? 0), whole(bytes.median), spread(bytes, whole)];
  });
  const columns = ["gateway", "connections", "bytes each", "min-max"];
  return [`### Idle keep-alive connections\n\n${table(columns, rows)}`];
}

function bulkTable(result: BenchResult): string[] {
  if (result.bulk.length === 0) return [];
  const rows = subjects(result.bulk).map((name) => {
    const cells = (["down", "up"] as const).flatMap((direction) => {
      const matching = result.bulk.filter(
        (sample) => sample.subject === name && sample.direction === direction,
      );
      if (matching.length === 0) return ["-", "-"];
      const growth = summarise(matching.map((sample) => sample.growthBytes / 1_048_576));
      const rate = median(matching.map((sample) => sample.bytesPerSecond / 1_048_576));
      return [`${growth.median.toFixed(1)} (${spread(growth, tenth)})`, whole(rate)];
    });
    return [name, ...cells];
  });
  const columns = ["gateway", "down: growth MiB", "MiB/s", "up: growth MiB", "MiB/s"];
  const note = "The reader stops four times for half a second, which the MiB/s include.";
  const mebibytes = whole((result.bulk[0]?.bytes ?? 0) / 1_048_576);
  return [`### Memory while ${mebibytes} MiB stream\n\n${note}\n\n${table(columns, rows)}`];
}

function startupTable(result: BenchResult): string[] {
  if (result.startup.length === 0) return [];
  const rows = subjects(result.startup).map((name) => {
    const matching = result.startup.filter((sample) => sample.subject === name);
    const ready = summarise(matching.map((sample) => sample.readyMs));
    return [name, whole(ready.median), spread(ready, whole)];
  });
  return [`### Start to first 200\n\n${table(["gateway", "ms", "min-max"], rows)}`];
}

function goalTable(result: BenchResult): string[] {
  if (result.goals.length === 0) return [];
  const rows = result.goals.map((goal) => [
    goal.name,
    goal.wanted,
    goal.measured,
    goal.met ? "met" : "MISSED",
  ]);
  return [`### Goals\n\n${table(["goal", "wanted", "measured", ""], rows)}`];
}

function subjects(samples: readonly { readonly subject: string }[]): string[] {
  return [...new Set(samples.map((sample) => sample.subject))].sort();
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(columns), rule, ...rows.map(line)].join("\n");
}

function ratioCell(summary: Summary | null): string {
  return summary === null ? "-" : `${hundredth(summary.median)} (${spread(summary, hundredth)})`;
}

function spread(summary: Summary, format: (value: number) => string): string {
  return `${format(summary.min)}-${format(summary.max)}`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function tenth(value: number): string {
  return value.toFixed(1);
}

function hundredth(value: number): string {
  return value.toFixed(2);
}

function milli(value: number): string {
  return value.toFixed(3);
}
