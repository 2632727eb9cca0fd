// Runs in Node, Deno and Bun alike: both engines over the same generated heads and bodies, hashes
// of every length, and one line with the digest of all decisions.

import { type Core, loadCore } from "../../src/core/core.ts";
import { Parser } from "../../src/core/parser.ts";
import { compareEngines } from "../core/fuzz/differential.ts";
import { latin1 } from "../core/engines.ts";

const CASES = 40_000;
const SEED = 20_261_102;

const report = compareEngines(CASES, SEED);
const cores = (["wasm-simd", "reference"] as const).map((engine) =>
  loadCore({ engine, seed: 42n, slabs: 1, chunkedStates: 1 }),
);
const [hashes, others] = cores.map(hashDigest);
if (hashes !== others) throw new Error("the engines hash differently");
const parser = new Parser();
const head = parser.requestReader().push(latin1("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
if (head.status !== "complete") throw new Error("the embedded parser refuses a plain head");
globalThis.console.log(`${report.digest} ${hashes} ${parser.engine} ${loadCore().engine}`);

function hashDigest(core: Core): number {
  let digest = 0;
  for (let length = 0; length <= 600; length++) {
    core.bytes[core.scratchInput + length] = (length * 7) & 0xff;
    core.hashKey(core.scratchInput, length);
    const at = core.keyHashAddress / 4;
    for (const word of core.words.subarray(at, at + 4)) digest = (Math.imul(digest, 31) + word) | 0;
  }
  return digest;
}
