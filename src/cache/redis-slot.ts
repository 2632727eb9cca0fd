// Owns which slot of a Redis Cluster a key belongs to: CRC-16 (XMODEM) of what is in its first
// braces, or of all of it (the Redis Cluster specification, "Key distribution model"). Pure.

export const SLOTS = 16_384;

export function slotOf(key: string): number {
  return crc16(tagOf(Buffer.from(key, "utf8"))) % SLOTS;
}

function tagOf(key: Buffer): Buffer {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  return close > open + 1 ? key.subarray(open + 1, close) : key;
}

function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0)) & 0xffff;
  }
  return crc;
}

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});
