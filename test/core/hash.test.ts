// XXH3 of both engines against the reference implementation. The vectors were made with xxHash
// 0.8.1 in C (XXH3_64bits_withSeed and XXH3_128bits_withSeed) over the bytes of `vectorInput`; the
// digests are SHA-256 over, for each length from 0 to 2048, the 64-bit hash, then the low and high
// half of the 128-bit hash, all little-endian.

import { describe, expect, test } from "vitest";
import { type Core, loadCore } from "../../src/core/core.ts";
import { ENGINES, latin1 } from "./engines.ts";

const LENGTH_MAX = 2048;

const DIGESTS: readonly (readonly [seed: bigint, sha256: string])[] = [
  [0x0n, "2b130668a2aec24bdbbb79eceac15c0dda909205a68f5e056786f905ccdeb2a8"],
  [0x123456789abcdefn, "a636dcc8ba218e9c3cf67da4943818ba039961f9225a8baa40bf33f345998a74"],
];

type Vector = readonly [seed: bigint, length: number, hash64: bigint, hash128: bigint];

const VECTORS: readonly Vector[] = [
  [0x0n, 0, 0x2d06800538d394c2n, 0x99aa06d3014798d86001c324468d497fn],
  [0x0n, 1, 0x74d3766ca02423f3n, 0x9d1b9bc4078a3e7274d3766ca02423f3n],
  [0x0n, 2, 0x52a4e47d9348fa36n, 0x40acd04f20fbcfd252a4e47d9348fa36n],
  [0x0n, 3, 0x9e77e470a7018920n, 0xf17ad1260222d5039e77e470a7018920n],
  [0x0n, 4, 0x093645744145d7e3n, 0x7773da98153cb5b72b989d1c64e5d525n],
  [0x0n, 5, 0x8030fd917e4cbf5an, 0x156e19420dee6c5604baceb59c558b1fn],
  [0x0n, 8, 0x854c59bc83f9a7b7n, 0x466dbe3d39e0277c276c2687a5f5efedn],
  [0x0n, 9, 0xfb2102f80bd05046n, 0x92253d7aa912ab34b0f6b17d854a7046n],
  [0x0n, 12, 0x144939e7611fe0a5n, 0xaf57c4219d1b0ecd11b2324087a70a59n],
  [0x0n, 16, 0x294d5381d3d9f990n, 0x89fea34b1f06876b6db2f52d0a861d16n],
  [0x0n, 17, 0x79770199644b19d3n, 0x545ca4427ea4388745327d3fcde1230en],
  [0x0n, 32, 0x01adb610690b30e5n, 0x941ee97f1e3775cfdbcdddaae19b1f36n],
  [0x0n, 33, 0x47485c2c29c37a79n, 0xb9df9ffca274698baee47fd73a7794e3n],
  [0x0n, 64, 0xe64d3d0ef69415a8n, 0x4e864ef02717230d3b0b29a113b24fb3n],
  [0x0n, 65, 0xfa0c3fffe196c471n, 0xcd5d0829f5969a004046cb07d2f0b3edn],
  [0x0n, 96, 0xbd031f5852866924n, 0x518fd608f6e40307c4e30132e4a461fen],
  [0x0n, 97, 0x26be75dcd91851cbn, 0x138a2051f9b6b6914219e36c5903045fn],
  [0x0n, 128, 0x7a255dc3181c5eden, 0xe452a994dfc5e46e6ad735e15873144cn],
  [0x0n, 129, 0x074f486ff94b8e7dn, 0x71c7e046323861f6b26ff49bab458182n],
  [0x0n, 160, 0x569a0e9dbf9f0febn, 0xcc225685e8029fd1814a42d56be54529n],
  [0x0n, 239, 0x040dcfa50e41eafen, 0x0e666689b42279701fb9c156a35295den],
  [0x0n, 240, 0x414bbb0678ea02e0n, 0xb549d9b897eb2830cdeef06a9f961043n],
  [0x0n, 241, 0xef60a4fc8b25f1ccn, 0xaf822d00a7a3cfccef60a4fc8b25f1ccn],
  [0x0n, 256, 0xddf43fdda4785f38n, 0x76588bd93864ad0cddf43fdda4785f38n],
  [0x0n, 512, 0xb68df51d0f0b428bn, 0x9d5f79846377c6fcb68df51d0f0b428bn],
  [0x0n, 1024, 0x53de00d98ba8bad5n, 0x204e503c2b83cedb53de00d98ba8bad5n],
  [0x0n, 1025, 0xde126c62f3f1d23en, 0xc98834fdedc1bbd9de126c62f3f1d23en],
  [0x0n, 1088, 0x3e236c374f22b41bn, 0x0ccdecc69ebd58813e236c374f22b41bn],
  [0x0n, 1500, 0x45834b23c0f5824en, 0xea6a258552c7cd9445834b23c0f5824en],
  [0x0n, 2047, 0xc61674251da0978cn, 0x096cf65dd9c7115dc61674251da0978cn],
  [0x0n, 2048, 0x317d259e9c5489f8n, 0x1db3a2eba52b4bd2317d259e9c5489f8n],
  [0x123456789abcdefn, 0, 0xcc1ca35a1b089c5cn, 0xa4cb05dbbf09907aaaa287af24a9bb3an],
  [0x123456789abcdefn, 1, 0x8aa83fd13a8d2ac4n, 0x5dadc099fd1609c28aa83fd13a8d2ac4n],
  [0x123456789abcdefn, 2, 0x85bd3c3174b8fa77n, 0xd5d3b8ac50a9f17485bd3c3174b8fa77n],
  [0x123456789abcdefn, 3, 0xf6c6d140b7d2799en, 0x37277b7d5c764220f6c6d140b7d2799en],
  [0x123456789abcdefn, 4, 0x9272eb2da5f682e4n, 0x4be33f8fb8e9bc4c45843d6ea3ee8297n],
  [0x123456789abcdefn, 5, 0x672ec3350d235bfen, 0x2c51ac77b7d4ab9993b2a267715be7b9n],
  [0x123456789abcdefn, 8, 0x44ff8631639bf07dn, 0xb6f902095e69949ae7d0fe69fce4d1e8n],
  [0x123456789abcdefn, 9, 0xa70c5021733d2668n, 0x197a197b5e19e0a8339cec8b850aad31n],
  [0x123456789abcdefn, 12, 0xa63e834e46023e40n, 0x8ef833abdd43476f467b3627fbd79ffcn],
  [0x123456789abcdefn, 16, 0x98a91d1f31b0b4cfn, 0x6a4b73019c8fa32fd4fa4127fddef528n],
  [0x123456789abcdefn, 17, 0x264a95c91f7dcfe5n, 0xb2b1b9dfa820789c6aa85cc27f9fa6fan],
  [0x123456789abcdefn, 32, 0xb88563043ed1e5dfn, 0x3036a441786733551f807314a931be66n],
  [0x123456789abcdefn, 33, 0xeb80b7a88765b4b8n, 0xbc6a00a64b8e75e001e7c2cb3e2f674en],
  [0x123456789abcdefn, 64, 0xb53c5952d2628764n, 0x9fc7049d9a3d527e3aa7f46e72109efen],
  [0x123456789abcdefn, 65, 0x1df39bc59e6ebb89n, 0x43f04156e0db1bb781e500a8ce0d35d0n],
  [0x123456789abcdefn, 96, 0xaa458e5a470fb188n, 0x51561d4a5f6e9e35bdb94489aefdfa6fn],
  [0x123456789abcdefn, 97, 0xe162b3fee785b83bn, 0x7ded62a8b3cd624c223d3d23d356d26fn],
  [0x123456789abcdefn, 128, 0x3f119b5be97e1d56n, 0x5ce8938d871ea1f9769fff56695b9d06n],
  [0x123456789abcdefn, 129, 0xe6891103ac8f6d2dn, 0xf4e00148c98cf86ba4cd7b61018d1567n],
  [0x123456789abcdefn, 160, 0x5710811fab728cc8n, 0xc1d3224d338ccea3cb75cf1fd583b6e2n],
  [0x123456789abcdefn, 239, 0x3d1b4ac90047302an, 0xe4008cb7bfc7580b5329e86e4756ac82n],
  [0x123456789abcdefn, 240, 0xfc2cac8ae4c34521n, 0xe518e28fffd8117a8d0d052b0a93e731n],
  [0x123456789abcdefn, 241, 0xa36a5bcb68b1130en, 0xad10dbcd208cbd82a36a5bcb68b1130en],
  [0x123456789abcdefn, 256, 0xcede3a060cd75334n, 0xfa910a0936b0ff9bcede3a060cd75334n],
  [0x123456789abcdefn, 512, 0x5c822656f059585dn, 0xc33bf396415c72615c822656f059585dn],
  [0x123456789abcdefn, 1024, 0x79e557479a4c2d33n, 0xca6a730cbe0ba2cd79e557479a4c2d33n],
  [0x123456789abcdefn, 1025, 0x7694110d38abaa26n, 0x1957bab1fed0b4947694110d38abaa26n],
  [0x123456789abcdefn, 1088, 0x95cbb306ab351b9an, 0x35a58f9b362b274a95cbb306ab351b9an],
  [0x123456789abcdefn, 1500, 0xc604a5f557d0887dn, 0x6fef4f9a5c614bc1c604a5f557d0887dn],
  [0x123456789abcdefn, 2047, 0x4d7eaa62f7b578den, 0xc56a258f06bec9574d7eaa62f7b578den],
  [0x123456789abcdefn, 2048, 0xb1641e5e78bf8ab7n, 0x1510594c3ecd054fb1641e5e78bf8ab7n],
];

/** A linear congruential sequence, the high byte of each state. */
function vectorInput(): Uint8Array {
  let state = 2_654_435_761;
  return Uint8Array.from({ length: LENGTH_MAX }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

function hash64(core: Core, address: number, length: number): bigint {
  core.hashKey64(address, length);
  return new DataView(core.bytes.buffer, core.keyHashAddress).getBigUint64(0, true);
}

function hash128(core: Core, address: number, length: number): bigint {
  core.hashKey(address, length);
  const view = new DataView(core.bytes.buffer, core.keyHashAddress);
  return (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

describe.each(ENGINES)("XXH3 on %s", (engine) => {
  test.each(VECTORS)("seed %x, %i bytes", (seed, length, expected64, expected128) => {
    const core = loadCore({ engine, seed, slabs: 1, chunkedStates: 1 });
    core.bytes.set(vectorInput(), core.scratchInput);
    expect(hash64(core, core.scratchInput, length)).toBe(expected64);
    expect(hash128(core, core.scratchInput, length)).toBe(expected128);
  });

  test.each(DIGESTS)("seed %x, every length from 0 to 2048", async (seed, sha256) => {
    const core = loadCore({ engine, seed, slabs: 1, chunkedStates: 1 });
    core.bytes.set(vectorInput(), core.scratchInput);
    const rows = new BigUint64Array(3 * (LENGTH_MAX + 1));
    for (let length = 0; length <= LENGTH_MAX; length++) {
      const wide = hash128(core, core.scratchInput, length);
      const low = wide & 0xffff_ffff_ffff_ffffn;
      rows.set([hash64(core, core.scratchInput, length), low, wide >> 64n], 3 * length);
    }
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", rows));
    expect(hexOf(digest)).toBe(sha256);
  });

  test("the seed is random unless given", () => {
    const hashes = [1, 2, 3].map(() => {
      const core = loadCore({ engine, slabs: 1, chunkedStates: 1 });
      core.bytes.set(latin1("http://example.com/"), core.keyAddress);
      return hash128(core, core.keyAddress, 19);
    });
    expect(new Set(hashes).size).toBe(3);
  });
});
