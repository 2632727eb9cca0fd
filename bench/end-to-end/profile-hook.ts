// Owns taking a CPU profile inside a Node gateway on demand: the first SIGURG starts it, the second
// writes one .cpuprofile for each thread. Loaded with --import when profiling only; worker threads
// follow a BroadcastChannel.

import { writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join } from "node:path";
import { isMainThread, threadId } from "node:worker_threads";

const samplingIntervalMicroseconds = 200;
const directory = process.env["EDGELANE_PROFILE_DIRECTORY"] ?? ".";
const session = new Session();
let profiling = false;

const channel = new BroadcastChannel("edgelane-benchmark-profile");
// The channel must not keep a process or a thread alive.
(channel as unknown as { unref(): void }).unref();

if (isMainThread) {
  process.on("SIGURG", () => {
    // A BroadcastChannel has no origins to choose from, unlike a window.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    channel.postMessage(null);
    void toggle();
  });
} else {
  channel.addEventListener("message", () => void toggle());
}

async function toggle(): Promise<void> {
  profiling = !profiling;
  if (profiling) {
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: samplingIntervalMicroseconds });
    await session.post("Profiler.start");
    return;
  }
  const { profile } = await session.post("Profiler.stop");
  writeFileSync(join(directory, `thread-${threadId}.cpuprofile`), JSON.stringify(profile));
  session.disconnect();
}
