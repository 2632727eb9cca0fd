// Owns forcing a garbage collection in a Node gateway from outside, so that its memory can be read
// at rest. Loaded into it with --expose-gc --import, in memory measurements only; worker threads
// are told over a BroadcastChannel.

import { isMainThread } from "node:worker_threads";

const channel = new BroadcastChannel("edgelane-benchmark-collect");
// The channel must not keep a process or a thread alive.
(channel as unknown as { unref(): void }).unref();

if (isMainThread) {
  process.on("SIGURG", () => {
    collect();
    // A BroadcastChannel has no origins to choose from, unlike a window.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    channel.postMessage(null);
  });
} else {
  channel.addEventListener("message", () => collect());
}

/**
 * As V8 does before it gives up: frees whatever can be freed and hands empty pages back to the
 * system.
 */
function collect(): void {
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
}
