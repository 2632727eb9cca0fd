// Chunk extensions (RFC 9112 section 7.1.1): *( BWS ";" BWS name [ BWS "=" BWS ( token /
// quoted-string ) ] ). Their grammar is checked because lenient reading of them has been used to
// smuggle requests; their size is bounded per chunk and per message.

import { failChunked } from "./chunked";
import {
  CHUNK_EXTENSION_ESCAPE,
  CHUNK_EXTENSION_NAME,
  CHUNK_EXTENSION_NAME_SPACE,
  CHUNK_EXTENSION_NAME_START,
  CHUNK_EXTENSION_QUOTED,
  CHUNK_EXTENSION_QUOTED_END,
  CHUNK_EXTENSION_SPACE,
  CHUNK_EXTENSION_TOKEN,
  CHUNK_EXTENSION_VALUE_START,
  CHUNK_SIZE_LF,
  CHUNKED_EXTENSION_BYTES,
  CHUNKED_EXTENSION_BYTES_TOTAL,
  CHUNKED_PHASE,
  ERROR_BARE_LF,
  ERROR_CHUNK_EXTENSION,
  ERROR_CHUNK_EXTENSION_TOO_LONG,
} from "./layout";
import { getWord, setWord } from "./record";
import { CLASS_TOKEN, CLASS_VALUE, classOf, CR, HTAB, LF, SP } from "./scan";
import {
  CHUNK_EXTENSION_BYTES_MAX,
  CHUNK_EXTENSION_BYTES_TOTAL_MAX,
} from "../build/wasm/assembly/limits";

const NONE: u32 = 0xffffffff;
const SEMICOLON: u8 = 0x3b;
const EQUALS: u8 = 0x3d;
const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;

export function stepExtension(state: usize, input: usize, p: usize, byte: u8): usize {
  const phase = getWord(state, CHUNKED_PHASE);
  if (byte == CR && mayEnd(phase)) {
    setWord(state, CHUNKED_PHASE, CHUNK_SIZE_LF);
    return p + 1;
  }
  const length = getWord(state, CHUNKED_EXTENSION_BYTES);
  const total = getWord(state, CHUNKED_EXTENSION_BYTES_TOTAL);
  if (length == CHUNK_EXTENSION_BYTES_MAX || total == CHUNK_EXTENSION_BYTES_TOTAL_MAX) {
    return failChunked(state, ERROR_CHUNK_EXTENSION_TOO_LONG, p - input);
  }
  const next = nextPhase(phase, byte);
  if (next == NONE) {
    return failChunked(state, byte == LF ? ERROR_BARE_LF : ERROR_CHUNK_EXTENSION, p - input);
  }
  setWord(state, CHUNKED_EXTENSION_BYTES, length + 1);
  setWord(state, CHUNKED_EXTENSION_BYTES_TOTAL, total + 1);
  setWord(state, CHUNKED_PHASE, next);
  return p + 1;
}

function mayEnd(phase: u32): bool {
  return (
    phase == CHUNK_EXTENSION_NAME ||
    phase == CHUNK_EXTENSION_TOKEN ||
    phase == CHUNK_EXTENSION_QUOTED_END
  );
}

function nextPhase(phase: u32, byte: u8): u32 {
  const space = byte == SP || byte == HTAB;
  const token = (classOf(byte) & CLASS_TOKEN) != 0;
  switch (phase) {
    case CHUNK_EXTENSION_SPACE:
      return space ? phase : afterItem(byte);
    case CHUNK_EXTENSION_NAME_START:
      if (space) return phase;
      return token ? CHUNK_EXTENSION_NAME : NONE;
    case CHUNK_EXTENSION_NAME:
    case CHUNK_EXTENSION_NAME_SPACE:
      if (space) return CHUNK_EXTENSION_NAME_SPACE;
      if (token && phase == CHUNK_EXTENSION_NAME) return phase;
      return byte == EQUALS ? CHUNK_EXTENSION_VALUE_START : afterItem(byte);
    case CHUNK_EXTENSION_VALUE_START:
      if (space) return phase;
      if (byte == QUOTE) return CHUNK_EXTENSION_QUOTED;
      return token ? CHUNK_EXTENSION_TOKEN : NONE;
    case CHUNK_EXTENSION_TOKEN:
      if (token) return phase;
      return space ? CHUNK_EXTENSION_SPACE : afterItem(byte);
    case CHUNK_EXTENSION_QUOTED_END:
      return space ? CHUNK_EXTENSION_SPACE : afterItem(byte);
    default:
      return nextQuoted(phase, byte);
  }
}

function afterItem(byte: u8): u32 {
  return byte == SEMICOLON ? CHUNK_EXTENSION_NAME_START : NONE;
}

/**
 * quoted-string (RFC 9110 section 5.6.4): both qdtext and what a backslash may precede are field
 * value bytes.
 */
function nextQuoted(phase: u32, byte: u8): u32 {
  if ((classOf(byte) & CLASS_VALUE) == 0) return NONE;
  if (phase == CHUNK_EXTENSION_ESCAPE) return CHUNK_EXTENSION_QUOTED;
  if (byte == QUOTE) return CHUNK_EXTENSION_QUOTED_END;
  return byte == BACKSLASH ? CHUNK_EXTENSION_ESCAPE : CHUNK_EXTENSION_QUOTED;
}
