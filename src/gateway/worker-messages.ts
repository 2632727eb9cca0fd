// Owns what the supervisor and its workers say to each other. Types only. Each direction is in
// order, so that whatever is said before "closed" has arrived when that does.

import type { MessagePort } from "node:worker_threads";
import type { PeerSetup } from "../cache/peer-table.ts";
import type { Explanation } from "./explain.ts";
import type { ExplainQuestion } from "./explain-request.ts";
import type { Purge } from "../cache/purge.ts";
import type { ThreadReadings } from "../telemetry/readings.ts";
import type { ProbedTarget } from "../upstream/prober.ts";
import type { GatewayIdentity } from "./forwarding.ts";
import type { TargetSets, ThreadUpdate } from "./target-registry.ts";
import type { GatewayConfig } from "./gateway-config.ts";

/** Whom the worker tells of a purge: one of them tells the other gateways. */
export type PurgeTelling = "everybody" | "nobody";

export type LogSinkName = "log" | "access";

/** What a worker is started with. */
export interface WorkerStart {
  /** From 0; its block of the metrics, and its name. */
  readonly index: number;
  /** This worker's share of the gateway's config; without middleware, which cannot be sent. */
  readonly config: GatewayConfig;
  /** The program that the config's middleware comes from; null where there is none. */
  readonly program: { readonly file: string; readonly sha256: string } | null;
  readonly memory: SharedArrayBuffer;
  readonly metricsOffset: number;
  readonly peers: PeerSetup;
  /** Purges that were sent to the workers before this one started. */
  readonly purges: number;
  /** Who is in the upstreams now; updates follow. */
  readonly targets: TargetSets;
  readonly identity: GatewayIdentity;
  readonly seed: bigint;
  readonly logsAccess: boolean;
}

export type ToWorker =
  | { readonly kind: "close"; readonly graceMs: number }
  | { readonly kind: "read"; readonly id: number }
  | {
      readonly kind: "purge";
      readonly id: number;
      readonly purge: Purge;
      readonly telling: PurgeTelling;
    }
  | { readonly kind: "explain"; readonly id: number; readonly question: ExplainQuestion }
  | { readonly kind: "peer"; readonly index: number; readonly port: MessagePort }
  | { readonly kind: "probed"; readonly target: ProbedTarget; readonly isGood: boolean }
  | {
      readonly kind: "prepare";
      readonly id: number;
      readonly update: ThreadUpdate;
      readonly program: WorkerStart["program"];
    }
  | { readonly kind: "commit"; readonly update: ThreadUpdate }
  | { readonly kind: "abandon" }
  | { readonly kind: "logged"; readonly sink: LogSinkName; readonly bytes: number };

export type FromWorker =
  | { readonly kind: "ready"; readonly urls: string[]; readonly engine: string }
  | { readonly kind: "failed"; readonly error: unknown }
  | {
      readonly kind: "readings";
      readonly id: number;
      readonly readings: ThreadReadings;
      readonly heapBytes: number;
    }
  | { readonly kind: "purged"; readonly id: number; readonly count: number }
  | { readonly kind: "explained"; readonly id: number; readonly explanation: Explanation }
  | { readonly kind: "prepared"; readonly id: number; readonly problem: string | null }
  | { readonly kind: "lines"; readonly sink: LogSinkName; readonly batch: Uint8Array }
  | { readonly kind: "closed" };
