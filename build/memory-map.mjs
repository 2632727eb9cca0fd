// Owns the memory map of the core: where scratch areas and pools lie in linear memory. Derived from
// the limits alone, so that Wasm and reference agree. Everything below `STATIC_BYTES_MAX` belongs
// to the compiler (tables).

/** Bytes that a v128 load may touch behind the last byte of an input. */
const SLACK_BYTES = 64;
const STATIC_BYTES_MAX = 16384;
const HEAD_WORDS = 24;
const FIELD_BYTES = 16;
const CHUNKED_HEAD_WORDS = 16;
/** What of a chunked body goes through memory at a time, where its chunks are short. */
const CHUNKED_WINDOW_BYTES = 16_384;

/** A record keeps the length of a name in 16 bits. */
const NAME_BYTES_MAX = 0xffff;
/** What a socket delivers at a time has to fit into the scratch input behind a whole head. */
const READ_BYTES = 65_536;

export function memoryMap(limits) {
  check(limits);
  const align = (bytes) => Math.ceil(bytes / 64) * 64;
  const recordBytes = align(HEAD_WORDS * 4 + limits.fieldCountMax * FIELD_BYTES);
  const trailerRecordOffset = align(CHUNKED_HEAD_WORDS * 4 + limits.chunkSpansMax * 8);
  const trailerInputOffset =
    trailerRecordOffset + align(HEAD_WORDS * 4 + limits.trailerCountMax * FIELD_BYTES);
  const chunkedStateBytes = trailerInputOffset + align(limits.trailerBytesMax + SLACK_BYTES);
  // hostBytesMax does not count the port; an absolute form without a path gets a slash.
  const authorityBytesMax = limits.hostBytesMax + ":65535".length;
  const keyBytesMax = align("https://".length + authorityBytesMax + 1 + limits.targetBytesMax);
  const slabPoolAddress = STATIC_BYTES_MAX;
  const chunkedPoolAddress = slabPoolAddress + 64;
  const keyHashAddress = chunkedPoolAddress + 64;
  const secretAddress = keyHashAddress + 64;
  const keyAddress = secretAddress + 256;
  const scratchRecordAddress = keyAddress + keyBytesMax + SLACK_BYTES;
  const scratchInputAddress = scratchRecordAddress + recordBytes;
  const chunkedWindowAddress =
    scratchInputAddress + align(limits.scratchInputBytesMax + SLACK_BYTES);
  const poolsAddress = chunkedWindowAddress + align(CHUNKED_WINDOW_BYTES + SLACK_BYTES);
  return {
    slackBytes: SLACK_BYTES,
    staticBytesMax: STATIC_BYTES_MAX,
    recordBytes,
    trailerRecordOffset,
    trailerInputOffset,
    chunkedStateBytes,
    keyBytesMax,
    slabBytes: recordBytes + align(limits.headBytesMax + SLACK_BYTES),
    slabPoolAddress,
    chunkedPoolAddress,
    keyHashAddress,
    secretAddress,
    keyAddress,
    scratchRecordAddress,
    scratchInputAddress,
    chunkedWindowBytes: CHUNKED_WINDOW_BYTES,
    chunkedWindowAddress,
    poolsAddress,
  };
}

/** Refuses limits that the record or the memory map cannot hold. */
function check(limits) {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isInteger(value) || value < 1) throw new Error(`${name} is not a positive integer`);
  }
  for (const name of ["headBytesMax", "trailerBytesMax"]) {
    if (limits[name] > NAME_BYTES_MAX) throw new Error(`${name} exceeds ${NAME_BYTES_MAX}`);
  }
  if (limits.scratchInputBytesMax < limits.headBytesMax + READ_BYTES) {
    throw new Error(`scratchInputBytesMax is less than headBytesMax and ${READ_BYTES}`);
  }
}
