// Cache keys for the reference (RFC 9110 section 4.2.3): "scheme://authority/path?query" at
// KEY_ADDRESS.

import {
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  RECORD_FIELDS,
  RECORD_HOST_INDEX,
  RECORD_TARGET_FORM,
  RECORD_TARGET_LENGTH,
  RECORD_TARGET_START,
  TARGET_ABSOLUTE,
  TARGET_ORIGIN,
} from "../../assembly/layout.ts";
import { KEY_ADDRESS } from "#wasm/limits.js";
import { LOWER } from "./byte-classes.ts";
import { hostEndIn, portIn } from "./reference-authority.ts";
import { getWord, NO_INDEX, type ReferenceMemory } from "./reference-record.ts";
import { pathStart, schemeBytes } from "./reference-target.ts";

const SLASH = 0x2f;

/** Writes the key of a complete request head; its length, 0 for a target without a path. */
export function writeRequestKey(
  memory: ReferenceMemory,
  record: number,
  input: number,
  secure: number,
): number {
  const { bytes } = memory;
  const form = getWord(memory, record, RECORD_TARGET_FORM);
  if (form !== TARGET_ORIGIN && form !== TARGET_ABSOLUTE) return 0;
  const start = input + getWord(memory, record, RECORD_TARGET_START);
  const end = start + getWord(memory, record, RECORD_TARGET_LENGTH);
  const scheme = secure === 0 ? "http://" : "https://";
  for (let index = 0; index < scheme.length; index++) {
    bytes[KEY_ADDRESS + index] = scheme.charCodeAt(index);
  }
  let p = KEY_ADDRESS + scheme.length;
  let path = start;
  if (form === TARGET_ABSOLUTE) {
    const authority = start + schemeBytes(bytes, start, end);
    path = pathStart(bytes, authority, end);
    p = writeAuthority(bytes, p, authority, path, secure);
  } else {
    p = writeHost(memory, p, record, input, secure);
  }
  if (path === end || bytes[path] !== SLASH) bytes[p++] = SLASH;
  bytes.copyWithin(p, path, end);
  return p + end - path - KEY_ADDRESS;
}

function writeHost(
  memory: ReferenceMemory,
  out: number,
  record: number,
  input: number,
  secure: number,
): number {
  const index = getWord(memory, record, RECORD_HOST_INDEX);
  if (index === NO_INDEX) return out;
  const entry = RECORD_FIELDS + index * FIELD_WORDS;
  const start = input + getWord(memory, record, entry + FIELD_VALUE_START);
  const end = start + getWord(memory, record, entry + FIELD_VALUE_LENGTH);
  return writeAuthority(memory.bytes, out, start, end, secure);
}

function writeAuthority(
  bytes: Uint8Array,
  out: number,
  start: number,
  end: number,
  secure: number,
): number {
  const colon = hostEndIn(bytes, start, end);
  const isDefault = portIn(bytes, colon + 1, end) === (secure === 0 ? 80 : 443);
  const stop = isDefault ? colon : end;
  for (let p = start; p < stop; p++) bytes[out + p - start] = LOWER[bytes[p] as number] as number;
  return out + stop - start;
}
