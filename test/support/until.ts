// A deadline for a condition that no event announces, such as a counter of the gateway.

import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";

/** Turns of the event loop before the condition is looked at only every millisecond. */
const EAGER_TURNS = 64;

/**
 * Resolves once `condition` holds; rejects after `timeoutMs` with a message that names what was
 * awaited.
 */
export async function until(
  condition: () => boolean,
  what: string,
  timeoutMs = 5000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (let turns = 0; !condition(); turns++) {
    if (performance.now() > deadlineMs) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    }
    await (turns < EAGER_TURNS ? turn() : pause(1));
  }
}
