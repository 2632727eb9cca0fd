// Owns the map of the memory that all workers of a gateway share. One thread writes each block of
// counters; the table of peers is written by compare-and-swap alone. Nothing here is ever locked.
//
//   0                                  metric blocks, METRIC_BLOCK_BYTES each: one for each worker
//                                      by index, then the supervisor's own
//   (workers + 1) * METRIC_BLOCK_BYTES peer table: who asks the origin server for which key
//
// Bounds: 255 workers, 11 MB of counters each, of which the kernel gives only what is used.

import { PEER_TABLE_BYTES, PEERS_MAX } from "./cache/peer-table.ts";
import { METRIC_BLOCK_BYTES, type MetricBlock } from "./telemetry/metrics.ts";

export interface SharedState {
  readonly memory: SharedArrayBuffer;
  /** Counters of each worker, by index. */
  readonly workerBlocks: readonly MetricBlock[];
  /** Those of the supervisor. */
  readonly ownBlock: MetricBlock;
  readonly peerTableOffset: number;
}

export function createSharedState(workerCount: number): SharedState {
  if (workerCount < 1 || workerCount > PEERS_MAX) throw new RangeError("1 to 255 workers");
  const peerTableOffset = (workerCount + 1) * METRIC_BLOCK_BYTES;
  const memory = new SharedArrayBuffer(peerTableOffset + PEER_TABLE_BYTES);
  const block = (index: number): MetricBlock => {
    return { buffer: memory, offset: index * METRIC_BLOCK_BYTES };
  };
  return {
    memory,
    workerBlocks: Array.from({ length: workerCount }, (_, index) => block(index)),
    ownBlock: block(workerCount),
    peerTableOffset,
  };
}
