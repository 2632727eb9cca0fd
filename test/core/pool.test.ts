// Slab pools on both engines: exhaustion is a result, a double release throws, slabs never overlap,
// counts are true.

import { describe, expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import { type Core, loadCore } from "../../src/core/core.ts";
import { ENGINES, latin1 } from "./engines.ts";

interface Pool {
  readonly name: string;
  acquire(core: Core): number;
  release(core: Core, address: number): void;
  inUse(core: Core): number;
  highWater(core: Core): number;
}

const POOLS: readonly Pool[] = [
  {
    name: "slabs",
    acquire: (core) => core.acquireSlab(),
    release: (core, address) => core.releaseSlab(address),
    inUse: (core) => core.slabsInUse(),
    highWater: (core) => core.slabsHighWater(),
  },
  {
    name: "chunked states",
    acquire: (core) => core.acquireChunked(),
    release: (core, address) => core.releaseChunked(address),
    inUse: (core) => core.chunkedInUse(),
    highWater: (core) => core.chunkedHighWater(),
  },
];

const COUNT = 5;

const freshCore = (engine: (typeof ENGINES)[number]): Core =>
  loadCore({ engine, seed: 0n, slabs: COUNT, chunkedStates: COUNT });

describe.each(ENGINES)("pools on %s", (engine) => {
  describe.each(POOLS)("$name", (pool) => {
    test("exhaustion returns 0 and release ends it", () => {
      const core = freshCore(engine);
      const taken = Array.from({ length: COUNT }, () => pool.acquire(core));
      expect(new Set(taken).size).toBe(COUNT);
      expect(taken).not.toContain(0);
      expect(pool.acquire(core)).toBe(0);
      const [first = 0] = taken;
      pool.release(core, first);
      expect(pool.acquire(core)).toBe(first);
    });

    test("a double release, a foreign address and 0 throw and change nothing", () => {
      const core = freshCore(engine);
      const slab = pool.acquire(core);
      const other = pool.acquire(core);
      pool.release(core, slab);
      for (const address of [slab, other + 64, other + 1, 0, core.scratchRecord, 0x7fff_0000]) {
        expect(() => pool.release(core, address), `${address}`).toThrow();
      }
      expect(pool.inUse(core)).toBe(1);
      pool.release(core, other);
      expect(pool.inUse(core)).toBe(0);
    });

    test("in use and high water", () => {
      const core = freshCore(engine);
      const taken = [pool.acquire(core), pool.acquire(core), pool.acquire(core)];
      for (const slab of taken) pool.release(core, slab);
      pool.acquire(core);
      expect(pool.inUse(core)).toBe(1);
      expect(pool.highWater(core)).toBe(3);
    });
  });

  test("a slab takes the longest head, and its neighbours keep theirs", () => {
    const core = freshCore(engine);
    const slabs = Array.from({ length: COUNT }, () => core.acquireSlab());
    const heads = slabs.map((_, index) =>
      latin1(
        `GET /${index} HTTP/1.1\r\nHost: a\r\nX: `.padEnd(core.headBytesMax - 4, "v") + "\r\n\r\n",
      ),
    );
    slabs.forEach((slab, index) => {
      const input = core.slabInput(slab);
      const head = heads[index] ?? latin1("");
      core.bytes.set(head.subarray(0, 100), input);
      expect(core.parseRequestHead(slab, input, 100)).toBe(layout.STATUS_INCOMPLETE);
      core.bytes.set(head.subarray(100), input + 100);
    });
    slabs.forEach((slab, index) => {
      const input = core.slabInput(slab);
      const head = heads[index] ?? latin1("");
      expect(core.parseRequestHead(slab, input, head.length)).toBe(layout.STATUS_COMPLETE);
      expect(core.bytes.subarray(input, input + head.length)).toEqual(head);
    });
  });

  test("a slab that comes back starts a new head", () => {
    const core = freshCore(engine);
    const slab = core.acquireSlab();
    const input = core.slabInput(slab);
    core.bytes.set(latin1("GET / HT"), input);
    core.parseRequestHead(slab, input, 8);
    core.releaseSlab(slab);
    expect(core.acquireSlab()).toBe(slab);
    const head = latin1("PUT / HTTP/1.0\r\n\r\n");
    core.bytes.set(head, input);
    expect(core.parseRequestHead(slab, input, head.length)).toBe(layout.STATUS_COMPLETE);
    expect((core.words[slab / 4 + layout.RECORD_METHOD] ?? 0) & 0xff).toBe(layout.METHOD_PUT);
  });
});
