// Measures a purge by tag of 100,000 stored responses, each with content of its own, and what their
// tags cost in memory: CPU time of the thread and resident bytes, a process for each number of
// tags. npm run bench:purge; stores bench/results/purge.json.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyOfTarget } from "../../src/cache/key.ts";
import { MemoryStore } from "../../src/cache/memory-store.ts";
import { responseDirectives } from "../../src/cache/policy/directives.ts";
import { FRESHNESS_DEFAULTS, metadataOf } from "../../src/cache/policy/freshness.ts";
import { purgeStored } from "../../src/cache/purge.ts";
import { StoredResponse } from "../../src/cache/stored-response.ts";
import { loadCore } from "../../src/core/core.ts";
import { todayUtc } from "../end-to-end/clock.ts";
import { describeMachine } from "../end-to-end/machine.ts";
import { summarise } from "../end-to-end/statistics.ts";

const OBJECTS = 100_000;
const ROUNDS = 5;
const CONTENT_BYTES = 1024;
/** None, one that all have, and two more: one of 1,000 and one of its own. */
const TAG_COUNTS = [0, 1, 3] as const;

const RULES = {
  endpoint: "bench",
  plain: true,
  isRetired: false,
  source: "bench",
  getRow: 0,
  headRow: 1,
};

interface Measured {
  readonly tags: number;
  /** CPU time of the thread, for each round. */
  readonly purgeMs: readonly number[];
  readonly residentBytesPerObject: number;
  /** What the store says that it holds. */
  readonly accountedBytesPerObject: number;
}

function measure(tags: number): Measured {
  const core = loadCore({ seed: 1n });
  const store = new MemoryStore({ bytesMax: 2 ** 40, objectBytesMax: 1e6, variantsMax: 8 });
  const nowMs = Date.now();
  const purgeMs: number[] = [];
  let [resident, accounted] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    const before = process.memoryUsage.rss();
    for (let index = 0; index < OBJECTS; index++) {
      const key = keyOfTarget(core, "http", "purge.test", `/${round}/${index}`);
      if (key === undefined) throw new Error("no key");
      store.put(key, storedResponse(index, tags, nowMs), () => true);
    }
    globalThis.gc?.();
    if (round === 0) {
      resident = (process.memoryUsage.rss() - before) / OBJECTS;
      accounted = store.bytes / OBJECTS;
    }
    const start = process.threadCpuUsage();
    const scope = tags === 0 ? ({ kind: "all" } as const) : ({ kind: "tag", tag: "all" } as const);
    const purged = purgeStored(store, core, { scope, mode: "hard" }, nowMs);
    const { user, system } = process.threadCpuUsage(start);
    if (purged !== OBJECTS || store.count !== 0) throw new Error("not all were purged");
    purgeMs.push((user + system) / 1000);
  }
  return { tags, purgeMs, residentBytesPerObject: resident, accountedBytesPerObject: accounted };
}

function storedResponse(index: number, tags: number, nowMs: number): StoredResponse {
  const fields = ["Content-Type", "text/html", "Cache-Control", "max-age=3600"];
  const head = { status: 200, reason: "OK", fields };
  const directives = responseDirectives(fields, FRESHNESS_DEFAULTS.targetedFields);
  const times = { requestMs: nowMs, responseMs: nowMs };
  return new StoredResponse(
    {
      head,
      metadata: metadataOf(head, directives, times, { kind: "auto" }, FRESHNESS_DEFAULTS),
      selecting: [],
      format: { cacheName: "edgelane", requestIdPrefix: "0123456789abcdef" },
      rules: RULES,
      path: "/path",
      tags: ["all", `group-${index % 1000}`, `own-${index}`].slice(0, tags),
    },
    [Buffer.alloc(CONTENT_BYTES, index & 0xff)],
    "copy",
  );
}

const own = process.argv[2];
if (own !== undefined) {
  console.log(JSON.stringify(measure(Number(own))));
} else {
  const measured = TAG_COUNTS.map((tags) => {
    const words = ["--expose-gc", import.meta.filename, String(tags)];
    const run = spawnSync(process.execPath, words, { encoding: "utf8" });
    if (run.status !== 0) throw new Error(run.stderr);
    const result = JSON.parse(run.stdout) as Measured;
    const { median, min, max } = summarise(result.purgeMs);
    const bytes = Math.round(result.residentBytesPerObject);
    const figures = `${median.toFixed(1)} ms (${min.toFixed(1)} to ${max.toFixed(1)})`;
    console.log(`${tags} tags: purged in ${figures}; ${bytes} resident bytes an object`);
    return result;
  });
  const file = join(import.meta.dirname, "..", "results", "purge.json");
  const result = { date: todayUtc(), machine: describeMachine(), objects: OBJECTS, measured };
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
}
