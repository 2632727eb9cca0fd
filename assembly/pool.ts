// Fixed slabs in linear memory: O(1) acquire and release through a stack of free slabs. A double
// release, or an address that is no slab, traps. Exhaustion is a result (0), for the caller to turn
// into backpressure.

/**
 * Words of a pool: how many slabs, how many are free, the most that were ever in use, and where
 * things lie.
 */
const POOL_COUNT = 0;
const POOL_FREE = 4;
const POOL_HIGH_WATER = 8;
const POOL_STACK = 12;
const POOL_SLABS = 16;
const POOL_SLAB_BYTES = 20;

/**
 * Lays out `count` slabs behind the stack of free ones (a word for each) and their in-use marks
 * (another).
 */
export function createPool(pool: usize, address: usize, count: u32, slabBytes: u32): void {
  const slabs = (address + (<usize>count << 3) + 63) & ~63;
  store<u32>(pool, count, POOL_COUNT);
  store<u32>(pool, count, POOL_FREE);
  store<u32>(pool, 0, POOL_HIGH_WATER);
  store<u32>(pool, <u32>address, POOL_STACK);
  store<u32>(pool, <u32>slabs, POOL_SLABS);
  store<u32>(pool, slabBytes, POOL_SLAB_BYTES);
  for (let index: u32 = 0; index < count; index++) {
    // The lowest slab is taken first: pages of slabs that were never needed stay untouched.
    store<u32>(address + (<usize>index << 2), count - 1 - index);
    store<u32>(address + (<usize>(count + index) << 2), 0);
  }
}

/** Address of a free slab, 0 when there is none. */
export function acquire(pool: usize): usize {
  const free = load<u32>(pool, POOL_FREE);
  if (free == 0) return 0;
  const count = load<u32>(pool, POOL_COUNT);
  const stack = <usize>load<u32>(pool, POOL_STACK);
  const index = load<u32>(stack + (<usize>(free - 1) << 2));
  store<u32>(pool, free - 1, POOL_FREE);
  store<u32>(stack + (<usize>(count + index) << 2), 1);
  const used = count - free + 1;
  if (used > load<u32>(pool, POOL_HIGH_WATER)) store<u32>(pool, used, POOL_HIGH_WATER);
  return <usize>(load<u32>(pool, POOL_SLABS) + index * load<u32>(pool, POOL_SLAB_BYTES));
}

export function release(pool: usize, slab: usize): void {
  const offset = <u32>slab - load<u32>(pool, POOL_SLABS);
  const index = offset / load<u32>(pool, POOL_SLAB_BYTES);
  const count = load<u32>(pool, POOL_COUNT);
  if (index >= count || offset % load<u32>(pool, POOL_SLAB_BYTES) != 0) unreachable();
  const stack = <usize>load<u32>(pool, POOL_STACK);
  const mark = stack + (<usize>(count + index) << 2);
  if (load<u32>(mark) == 0) unreachable();
  store<u32>(mark, 0);
  const free = load<u32>(pool, POOL_FREE);
  store<u32>(stack + (<usize>free << 2), index);
  store<u32>(pool, free + 1, POOL_FREE);
}

export function inUse(pool: usize): u32 {
  return load<u32>(pool, POOL_COUNT) - load<u32>(pool, POOL_FREE);
}

export function highWater(pool: usize): u32 {
  return load<u32>(pool, POOL_HIGH_WATER);
}
