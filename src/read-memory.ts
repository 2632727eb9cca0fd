// Owns the release of read buffers: memory outside the JavaScript heap that content is read into.
// They die young, but V8 collects by the growth of its own heap, which streaming hardly makes: left
// alone, 1 GiB that passes through takes 50 MiB with it before V8 looks. A minor collection for
// each 16 MiB keeps that below 2 MiB. Whoever has content read into new memory says so here.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** A minor collection takes about half a millisecond; at 1 GB/s there are 60 in a second. */
const BYTES_BETWEEN_COLLECTIONS = 16 * 1024 * 1024;
/** Small pieces come with enough JavaScript objects for V8 to collect by itself. */
const PIECE_BYTES_MIN = 4096;

type CollectGarbage = (options: { readonly type: "minor" }) => void;

let passedBytes = 0;
let collect: CollectGarbage | undefined;

/** Hot. `bytes` of content are in memory that will not be read into again. */
export function contentHeld(bytes: number): void {
  if (bytes < PIECE_BYTES_MIN) return;
  passedBytes += bytes;
  if (passedBytes < BYTES_BETWEEN_COLLECTIONS) return;
  passedBytes = 0;
  collect ??= exposeCollection();
  collect({ type: "minor" });
}

/** The engine's own collector; nothing on engines without V8's flags, which have other rules. */
function exposeCollection(): CollectGarbage {
  try {
    setFlagsFromString("--expose-gc");
    return runInNewContext("gc") as CollectGarbage;
  } catch {
    // Deno and Bun have no such flag. Memory then grows by what their engines think fit.
    return () => {};
  }
}
