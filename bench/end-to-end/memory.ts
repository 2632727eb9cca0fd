// Owns the memory section: what an idle keep-alive connection costs, and how far memory grows while
// a large body streams through. Each measurement has a gateway of its own, warmed up and settled
// first.

import { join } from "node:path";
import { type BenchContext, type Subject, startSubject } from "./bench-context.ts";
import { nowMs } from "./clock.ts";
import type { Peer } from "./peer.ts";
import { openFilesMax, peakResidentBytes, resetPeak, settledResidentBytes } from "./proc.ts";
import { runWrk } from "./wrk.ts";

export interface IdleSample {
  readonly subject: string;
  readonly round: number;
  readonly connections: number;
  readonly bytesPerConnection: number;
}

export interface BulkSample {
  readonly subject: string;
  readonly round: number;
  readonly direction: "down" | "up";
  readonly bytes: number;
  /** Peak of resident memory during the transfer, over what it was before. */
  readonly growthBytes: number;
  readonly bytesPerSecond: number;
}

/**
 * Idle connections before the first reading: they use up the room that the warm-up left in the
 * heap.
 */
const primingConnections = 1_000;

/** Loads the forced collection into a Node gateway. */
const collectArguments = ["--expose-gc", "--import", new URL("collect.ts", import.meta.url).href];

export async function measureIdle(
  context: BenchContext,
  peer: Peer,
  round: number,
  wanted: number,
): Promise<IdleSample> {
  const subject = await startSubject(context, peer, collectArguments);
  try {
    const connections = Math.min(wanted, openFilesMax() - primingConnections - 1_000);
    const path = await warmUp(context, subject);
    const counts = [primingConnections, connections].map(String);
    const client = context.children.start({
      file: process.execPath,
      arguments: [script("idle-client.ts"), String(subject.port), path, ...counts],
      core: context.loadCore,
    });
    await client.line(`first ${primingConnections}`, 60_000);
    const before = await settle(subject);
    client.write("more\n");
    const all = primingConnections + connections;
    await client.line(`all ${all}`, 60_000);
    const after = await settle(subject);
    client.write("end\n");
    // Fewer would mean that the gateway closed some meanwhile, and the measurement is worth
    // nothing.
    await client.line(`still ${all}`, 5_000);
    await client.exited;
    const bytesPerConnection = (after - before) / connections;
    return { subject: peer.name, round, connections, bytesPerConnection };
  } finally {
    await subject.child.stop();
  }
}

export async function measureBulk(
  context: BenchContext,
  peer: Peer,
  round: number,
  direction: "down" | "up",
): Promise<BulkSample> {
  const subject = await startSubject(context, peer);
  try {
    await warmUp(context, subject);
    const before = await settledResidentBytes(subject.child.tree());
    resetPeak(subject.child.tree());
    const startMs = nowMs();
    const bytes = context.bulkBytes;
    await context.children.run({
      file: process.execPath,
      arguments: [script("bulk-client.ts"), direction, String(subject.port), String(bytes)],
      core: context.loadCore,
    });
    const seconds = (nowMs() - startMs) / 1_000;
    const growthBytes = peakResidentBytes(subject.child.tree()) - before;
    const bytesPerSecond = bytes / seconds;
    return { subject: peer.name, round, direction, bytes, growthBytes, bytesPerSecond };
  } finally {
    await subject.child.stop();
  }
}

/** Compiles the code and fills the pools, so that growth afterwards belongs to what is measured. */
async function warmUp(context: BenchContext, subject: Subject): Promise<string> {
  const path = subject.peer.modes.includes("hits") ? "/fresh/1k" : "/pass/1k";
  const load = { port: subject.port, path, connections: 64, seconds: 2, fields: [] };
  const result = await runWrk(context, load);
  if (result.failed > 0) throw new Error(`${result.failed} requests failed`);
  return path;
}

async function settle(subject: Subject): Promise<number> {
  if (subject.peer.runtime === "node") subject.child.signal("SIGURG");
  return settledResidentBytes(subject.child.tree());
}

function script(name: string): string {
  return join(import.meta.dirname, name);
}
