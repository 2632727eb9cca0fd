// Owns the throughput section: closed-loop load on each gateway in turn, round after round, so that
// slow and fast spells of the machine hit all of them. Each sample carries what proves it:
// failures, origin requests and processor use.

import type { BenchContext, Subject } from "./bench-context.ts";
import { contentSizes, type SizeName } from "./origin-content.ts";
import { coreBusyMs, processorMs } from "./proc.ts";
import { browserFields, runWrk } from "./wrk.ts";
import { nowMs } from "./clock.ts";

export interface Scenario {
  readonly name: string;
  readonly mode: "hits" | "proxied";
  readonly size: SizeName;
  readonly connections: number;
  readonly head: "short" | "browser";
  /** Peers that write an access log take part too. */
  readonly withLogs: boolean;
}

export interface ThroughputSample {
  readonly scenario: string;
  readonly subject: string;
  readonly round: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly failed: number;
  readonly originRequests: number;
  /** Share of the time that the gateway's processes used their core. */
  readonly gatewayBusy: number;
  /** Share of the time that something else used the gateway's core: noise. */
  readonly foreignBusy: number;
  readonly loadBusy: number;
}

export function scenarios(mode: "hits" | "proxied", extent: "quick" | "full"): Scenario[] {
  const base = { mode, head: "short", withLogs: false } as const;
  const small = {
    ...base,
    name: `${mode} 1 KiB, 64 connections`,
    size: "1k",
    connections: 64,
  } as const;
  if (extent === "quick") return [small];
  return [
    { ...small, withLogs: true },
    { ...base, name: `${mode} 1 KiB, 512 connections`, size: "1k", connections: 512 },
    { ...base, name: `${mode} 64 KiB, 64 connections`, size: "64k", connections: 64 },
    { ...base, name: `${mode} 64 KiB, 512 connections`, size: "64k", connections: 512 },
    { ...small, name: `${mode} 1 KiB, 64 connections, browser heads`, head: "browser" },
  ];
}

export function takesPart(subject: Subject, scenario: Scenario): boolean {
  if (subject.peer.accessLog && !scenario.withLogs) return false;
  return subject.peer.modes.includes(scenario.mode);
}

export async function measureThroughput(
  context: BenchContext,
  subjects: readonly Subject[],
  scenario: Scenario,
  round: number,
  seconds: number,
): Promise<ThroughputSample[]> {
  const taking = subjects.filter((subject) => takesPart(subject, scenario));
  const samples: ThroughputSample[] = [];
  for (let index = 0; index < taking.length; index++) {
    // Another one starts each round, so that no gateway always follows the same neighbour.
    const subject = taking[(index + round) % taking.length];
    if (subject === undefined) continue;
    // The first round finds code that was never compiled and connections that were never made.
    await context.faults.guard(subject.name, async () => {
      if (round === 0) await measureOne(context, subject, scenario, round, Math.min(2, seconds));
      const sample = await measureOne(context, subject, scenario, round, seconds);
      assertGenuine(sample, scenario);
      samples.push(sample);
    });
  }
  return samples;
}

async function measureOne(
  context: BenchContext,
  subject: Subject,
  scenario: Scenario,
  round: number,
  seconds: number,
): Promise<ThroughputSample> {
  const pids = subject.child.tree();
  const originBefore = await context.origin.requestCount();
  const before = [processorMs(pids), coreBusyMs(context.gatewayCore), coreBusyMs(context.loadCore)];
  const startMs = nowMs();
  const area = scenario.mode === "hits" ? "fresh" : "pass";
  const result = await runWrk(context, {
    port: subject.port,
    path: `/${area}/${scenario.size}`,
    connections: scenario.connections,
    seconds,
    fields: scenario.head === "browser" ? browserFields : [],
  });
  const elapsedMs = nowMs() - startMs;
  const after = [processorMs(pids), coreBusyMs(context.gatewayCore), coreBusyMs(context.loadCore)];
  const [own = 0, gatewayCore = 0, loadCore = 0] = after.map(
    (value, index) => (value - (before[index] ?? 0)) / elapsedMs,
  );
  return {
    scenario: scenario.name,
    subject: subject.name,
    round,
    ...result,
    originRequests: (await context.origin.requestCount()) - originBefore,
    gatewayBusy: own,
    foreignBusy: Math.max(0, gatewayCore - own),
    loadBusy: loadCore,
  };
}

/** A fast wrong answer is no result. */
function assertGenuine(sample: ThroughputSample, scenario: Scenario): void {
  const where = scenario.name;
  if (sample.failed > 0 || sample.requests === 0) {
    throw new Error(`${where}: ${sample.failed} of ${sample.requests} requests failed`);
  }
  const { originRequests, requests } = sample;
  if (scenario.mode === "hits" && originRequests > 0) {
    throw new Error(`${where}: ${originRequests} of ${requests} requests reached the origin`);
  }
  // wrk drops what is under way when its time is up, so the origin may have seen a few more.
  if (scenario.mode === "proxied" && originRequests < requests) {
    throw new Error(`${where}: ${requests} answers from only ${originRequests} origin requests`);
  }
}

/** Bytes of content a second, for scenarios that bandwidth limits. */
export function contentBytesPerSecond(scenario: Scenario, requestsPerSecond: number): number {
  return requestsPerSecond * contentSizes[scenario.size];
}
