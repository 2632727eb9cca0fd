// Owns how much memory this process may use: a container is often allowed less than the machine
// has.

import { totalmem } from "node:os";

/** In bytes. */
export function availableMemoryBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
