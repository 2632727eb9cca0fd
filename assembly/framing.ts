// What only the whole head decides: a missing or disagreeing Host, message framing (RFC 9112
// section 6.3) and persistence (section 9.3).

import { isPresent } from "./field-meaning";
import {
  ERROR_HOST_MISSING,
  ERROR_TRANSFER_ENCODING,
  FIELD_CONNECTION,
  FIELD_CONTENT_LENGTH,
  FIELD_EXPECT,
  FIELD_TRANSFER_ENCODING,
  FIELD_UPGRADE,
  FLAG_KEEP_ALIVE,
  FLAG_OPTION_CLOSE,
  FLAG_OPTION_KEEP_ALIVE,
  FLAG_OPTION_UPGRADE,
  FLAG_UPGRADE,
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_LENGTH,
  FRAMING_NONE,
  METHOD_CONNECT,
  METHOD_HEAD,
  RECORD_FLAGS,
  RECORD_FRAMING,
  RECORD_HOST_INDEX,
  RECORD_PRESENT_LOW,
  RECORD_STATUS_CODE,
  RECORD_TARGET_FORM,
  RECORD_VERSION_MINOR,
  TARGET_ABSOLUTE,
} from "./layout";
import { fail, getWord, setWord } from "./record";
import { checkHostAgrees } from "./target";

/** The fields that say something of framing, persistence, upgrade or expectations. */
const DECLARING: u32 =
  (1 << FIELD_CONTENT_LENGTH) |
  (1 << FIELD_TRANSFER_ENCODING) |
  (1 << FIELD_CONNECTION) |
  (1 << FIELD_EXPECT) |
  (1 << FIELD_UPGRADE);

/** `p` is the LF of the empty line; returned unless there is an error, then 0. */
export function finishRequest(record: usize, input: usize, p: usize): usize {
  const hasHost = getWord(record, RECORD_HOST_INDEX) != 0xffffffff;
  if (!hasHost && getWord(record, RECORD_VERSION_MINOR) == 1) {
    return fail(record, ERROR_HOST_MISSING, p - 1 - input);
  }
  const absolute = getWord(record, RECORD_TARGET_FORM) == TARGET_ABSOLUTE;
  if (absolute && !checkHostAgrees(record, input)) return 0;
  if (isPlain(record)) {
    setWord(record, RECORD_FLAGS, getWord(record, RECORD_VERSION_MINOR));
    return p;
  }
  setWord(record, RECORD_FRAMING, declaredFraming(record, FRAMING_NONE));
  const flags = persistence(record) | upgrade(record);
  setWord(record, RECORD_FLAGS, getWord(record, RECORD_FLAGS) | flags);
  return p;
}

export function finishResponse(record: usize, input: usize, p: usize, requestMethod: u32): usize {
  const code = getWord(record, RECORD_STATUS_CODE);
  const interim = code < 200 || code == 204;
  if (interim && isPresent(record, FIELD_TRANSFER_ENCODING)) {
    return fail(record, ERROR_TRANSFER_ENCODING, p - 1 - input);
  }
  const bare = interim || code == 304 || requestMethod == METHOD_HEAD;
  const tunnel = requestMethod == METHOD_CONNECT && code >= 200 && code < 300;
  const framing = bare || tunnel ? FRAMING_NONE : declaredFraming(record, FRAMING_CLOSE);
  setWord(record, RECORD_FRAMING, framing);
  if (isPlain(record)) {
    const flags = framing == FRAMING_CLOSE ? 0 : getWord(record, RECORD_VERSION_MINOR);
    setWord(record, RECORD_FLAGS, flags);
    return p;
  }
  const flags = framing == FRAMING_CLOSE ? 0 : persistence(record);
  setWord(record, RECORD_FLAGS, getWord(record, RECORD_FLAGS) | flags | upgrade(record));
  return p;
}

/** Nothing is declared but names that mean nothing here; the flags then follow from the version. */
// @ts-ignore: decorator
@inline
function isPlain(record: usize): bool {
  return (getWord(record, RECORD_PRESENT_LOW) & DECLARING) == 0;
}

function declaredFraming(record: usize, otherwise: u32): u32 {
  if (isPresent(record, FIELD_TRANSFER_ENCODING)) return FRAMING_CHUNKED;
  return isPresent(record, FIELD_CONTENT_LENGTH) ? FRAMING_LENGTH : otherwise;
}

/**
 * RFC 9112 section 9.3: close wins; HTTP/1.1 persists without being asked, HTTP/1.0 only when
 * asked.
 */
function persistence(record: usize): u32 {
  const flags = getWord(record, RECORD_FLAGS);
  if ((flags & FLAG_OPTION_CLOSE) != 0) return 0;
  if (getWord(record, RECORD_VERSION_MINOR) == 1) return FLAG_KEEP_ALIVE;
  return (flags & FLAG_OPTION_KEEP_ALIVE) != 0 ? FLAG_KEEP_ALIVE : 0;
}

/** RFC 9110 section 7.8: the field counts only if Connection names it, and never in HTTP/1.0. */
function upgrade(record: usize): u32 {
  const named = (getWord(record, RECORD_FLAGS) & FLAG_OPTION_UPGRADE) != 0;
  const modern = getWord(record, RECORD_VERSION_MINOR) == 1;
  return named && modern && isPresent(record, FIELD_UPGRADE) ? FLAG_UPGRADE : 0;
}
