// Owns noticing that a file has other content: by events of its folder, because editors and
// Kubernetes put another file in its place, and by its digest, because they do so in several steps.

import { createHash } from "node:crypto";
import { readFileSync, watch } from "node:fs";
import { dirname, resolve } from "node:path";

/** Whoever writes a file is done with it by then. */
const SETTLED_MS = 100;

/** Calls `changed` once for each other content. Returns what ends it. Throws the system's error. */
export function watchFile(file: string, changed: () => void): () => void {
  const path = resolve(file);
  let known = digestOf(path);
  let settled: NodeJS.Timeout | undefined;
  const look = (): void => {
    const digest = digestOf(path);
    // Gone for a moment, between two versions.
    if (digest === null || digest === known) return;
    known = digest;
    changed();
  };
  const watcher = watch(dirname(path), { persistent: false }, () => {
    clearTimeout(settled);
    settled = setTimeout(look, SETTLED_MS);
  });
  // The folder is gone: there is nothing to load any more, and the config that serves stays.
  watcher.on("error", () => watcher.close());
  return () => {
    clearTimeout(settled);
    watcher.close();
  };
}

/** null where it cannot be read. */
function digestOf(path: string): string | null {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return null;
  }
}
