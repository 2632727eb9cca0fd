// The ABI of the core: where each word of a HeadRecord lies, what its flags mean, which error has
// which code. Plain constants only: AssemblyScript and TypeScript both import this file, so the two
// sides cannot drift. Limits are not here: wasm-build.config.json names them. docs/abi.md explains
// the record by one worked example.

// ── HeadRecord: u32 words, little-endian ────────────────────────────────────────────────────────
//
//   0 status   1 error code   2 error offset   3 head length   4 phase   5 cursor   6 token start
//   7 method   8, 9 target start and length   10 minor version   11 status code
//   12, 13 reason start and length   14 field count   15 flags   16 framing   17, 18 content length
//   19 host index   20, 21 present   22 method start   23 target form   24... fields
//
// All offsets are relative to the first byte of the input. A field line takes 4 words:
//   [name start] [name length | field id << 16] [value start] [value length]    (without its OWS)

/** A result of a parse call, and word RECORD_STATUS of the record. */
export const STATUS_INCOMPLETE = 0;
export const STATUS_COMPLETE = 1;
export const STATUS_ERROR = 2;

/**
 * Result of the last call on this record; a record starts a new head when this word is not
 * STATUS_INCOMPLETE or phase is 0.
 */
export const RECORD_STATUS = 0;
/** ERROR_* code; 0 without an error. */
export const RECORD_ERROR_CODE = 1;
/** Offset of the byte at which the error was seen. */
export const RECORD_ERROR_OFFSET = 2;
/** Bytes of the whole head, its empty line included; valid when complete. */
export const RECORD_HEAD_LENGTH = 3;
/** Where an incomplete head goes on (PHASE_*); 0 before the first byte. */
export const RECORD_PHASE = 4;
/** First byte that has not been scanned yet. */
export const RECORD_CURSOR = 5;
/** First byte of the token, line or value that the cursor is in. */
export const RECORD_TOKEN_START = 6;
/**
 * METHOD_* id in the low 8 bits (0: another method), length of the method above. The method starts
 * at RECORD_METHOD_START.
 */
export const RECORD_METHOD = 7;
export const RECORD_TARGET_START = 8;
export const RECORD_TARGET_LENGTH = 9;
/** Minor version: 0 or 1. HTTP/1.2 to 1.9 count as 1 (RFC 9110 section 2.5). */
export const RECORD_VERSION_MINOR = 10;
/** Response heads: the status code, and the reason phrase. Request heads: 0. */
export const RECORD_STATUS_CODE = 11;
export const RECORD_REASON_START = 12;
export const RECORD_REASON_LENGTH = 13;
export const RECORD_FIELD_COUNT = 14;
/** FLAG_* bits. */
export const RECORD_FLAGS = 15;
/** FRAMING_*: how the content is delimited (RFC 9112 section 6.3). */
export const RECORD_FRAMING = 16;
/** Content-Length, low and high word; at most 2^53-1. */
export const RECORD_CONTENT_LENGTH_LOW = 17;
export const RECORD_CONTENT_LENGTH_HIGH = 18;
/** Index of the Host field line, or 0xffffffff. */
export const RECORD_HOST_INDEX = 19;
/**
 * Bit `id % 32` of word PRESENT_LOW (ids 0..31) or PRESENT_HIGH (32..63): a field line with that id
 * occurred.
 */
export const RECORD_PRESENT_LOW = 20;
export const RECORD_PRESENT_HIGH = 21;
/**
 * First byte of the method: 0, or 2 behind the one empty line that RFC 9112 section 2.2 lets a
 * server skip.
 */
export const RECORD_METHOD_START = 22;
/** TARGET_*: the form of the request-target (RFC 9112 section 3.2). */
export const RECORD_TARGET_FORM = 23;
export const RECORD_FIELDS = 24;

export const FIELD_WORDS = 4;
export const FIELD_NAME_START = 0;
export const FIELD_NAME_LENGTH_AND_ID = 1;
export const FIELD_VALUE_START = 2;
export const FIELD_VALUE_LENGTH = 3;

/** The connection persists after this message (RFC 9112 section 9.3). */
export const FLAG_KEEP_ALIVE = 1;
/** `Expect: 100-continue` on an HTTP/1.1 request. */
export const FLAG_EXPECT_CONTINUE = 2;
/** `Connection: upgrade` together with an Upgrade field. */
export const FLAG_UPGRADE = 4;
/** Connection names options besides close, keep-alive, upgrade and te. */
export const FLAG_CONNECTION_NOMINATES = 8;
/** An Expect field with anything but 100-continue (417). */
export const FLAG_EXPECT_UNKNOWN = 16;

/**
 * Bits from here on are the parser's own while a head is incomplete; they are 0 when it is
 * complete.
 */
export const FLAG_INTERNAL = 0x10000;
export const FLAG_OPTION_CLOSE = 0x10000;
export const FLAG_OPTION_KEEP_ALIVE = 0x20000;
export const FLAG_OPTION_UPGRADE = 0x40000;

/** Where an incomplete head goes on. The names say what the byte at the cursor belongs to. */
export const PHASE_START = 0;
export const PHASE_EMPTY_LINE_LF = 1;
export const PHASE_METHOD = 2;
export const PHASE_TARGET = 3;
export const PHASE_VERSION = 4;
export const PHASE_STATUS_CODE = 5;
export const PHASE_REASON = 6;
export const PHASE_REASON_LF = 7;
export const PHASE_LINE = 8;
export const PHASE_NAME = 9;
export const PHASE_OWS = 10;
export const PHASE_VALUE = 11;
export const PHASE_VALUE_LF = 12;
export const PHASE_END_LF = 13;

export const FRAMING_NONE = 0;
export const FRAMING_LENGTH = 1;
export const FRAMING_CHUNKED = 2;
/** Responses only: the content ends with the connection. */
export const FRAMING_CLOSE = 3;

export const TARGET_ORIGIN = 1;
export const TARGET_ABSOLUTE = 2;
export const TARGET_AUTHORITY = 3;
export const TARGET_ASTERISK = 4;

export const METHOD_OTHER = 0;
export const METHOD_GET = 1;
export const METHOD_HEAD = 2;
export const METHOD_POST = 3;
export const METHOD_PUT = 4;
export const METHOD_DELETE = 5;
export const METHOD_CONNECT = 6;
export const METHOD_OPTIONS = 7;
export const METHOD_TRACE = 8;
export const METHOD_PATCH = 9;
export const METHOD_QUERY = 10;

/**
 * Well-known field ids; FIELD_NAMES[id] in src/http/fields.ts is the lower-case name. 0 is any
 * other field.
 */
export const FIELD_OTHER = 0;
export const FIELD_HOST = 1;
export const FIELD_CONTENT_LENGTH = 2;
export const FIELD_TRANSFER_ENCODING = 3;
export const FIELD_CONNECTION = 4;
export const FIELD_EXPECT = 5;
export const FIELD_UPGRADE = 6;
export const FIELD_TE = 7;
export const FIELD_TRAILER = 8;
export const FIELD_KEEP_ALIVE = 9;
export const FIELD_PROXY_CONNECTION = 10;
export const FIELD_PROXY_AUTHORIZATION = 11;
export const FIELD_PROXY_AUTHENTICATE = 12;
export const FIELD_VIA = 13;
export const FIELD_FORWARDED = 14;
export const FIELD_X_FORWARDED_FOR = 15;
export const FIELD_X_FORWARDED_PROTO = 16;
export const FIELD_X_FORWARDED_HOST = 17;
export const FIELD_X_REQUEST_ID = 18;
export const FIELD_CACHE_CONTROL = 19;
export const FIELD_PRAGMA = 20;
export const FIELD_AUTHORIZATION = 21;
export const FIELD_COOKIE = 22;
export const FIELD_RANGE = 23;
export const FIELD_IF_NONE_MATCH = 24;
export const FIELD_IF_MODIFIED_SINCE = 25;
export const FIELD_IF_MATCH = 26;
export const FIELD_IF_UNMODIFIED_SINCE = 27;
export const FIELD_IF_RANGE = 28;
export const FIELD_ACCEPT = 29;
export const FIELD_ACCEPT_ENCODING = 30;
export const FIELD_ACCEPT_LANGUAGE = 31;
export const FIELD_USER_AGENT = 32;
export const FIELD_ORIGIN = 33;
export const FIELD_REFERER = 34;
export const FIELD_CONTENT_TYPE = 35;
export const FIELD_CONTENT_ENCODING = 36;
export const FIELD_DATE = 37;
export const FIELD_AGE = 38;
export const FIELD_EXPIRES = 39;
export const FIELD_ETAG = 40;
export const FIELD_LAST_MODIFIED = 41;
export const FIELD_VARY = 42;
export const FIELD_SET_COOKIE = 43;
export const FIELD_LOCATION = 44;
export const FIELD_CONTENT_RANGE = 45;
export const FIELD_TRACEPARENT = 46;
export const FIELD_COUNT = 47;

/**
 * Fields that may not come in a trailer section, as bits like RECORD_PRESENT_*: framing, routing,
 * request modifiers, authentication, content handling and response control (RFC 9110 section
 * 6.5.1). Of the well-known ones these may: Accept, Accept-*, User-Agent, Origin, Referer, ETag,
 * Last-Modified, X-Request-Id, traceparent.
 */
export const FORBIDDEN_TRAILERS_LOW = 0x1ffbfffe;
export const FORBIDDEN_TRAILERS_HIGH = 0x3cf8;

/**
 * Error codes. The gateway's 4xx names them; the table with status and RFC section is in
 * src/core/parse-errors.ts.
 */
export const ERROR_NONE = 0;
export const ERROR_METHOD = 1;
export const ERROR_TARGET = 2;
export const ERROR_TARGET_TOO_LONG = 3;
export const ERROR_FRAGMENT = 4;
export const ERROR_VERSION = 5;
export const ERROR_VERSION_UNSUPPORTED = 6;
export const ERROR_BARE_LF = 7;
export const ERROR_BARE_CR = 8;
export const ERROR_FIELD_NAME = 9;
export const ERROR_SPACE_BEFORE_COLON = 10;
export const ERROR_FOLD = 11;
export const ERROR_FIELD_VALUE = 12;
export const ERROR_HEAD_TOO_LARGE = 13;
export const ERROR_TOO_MANY_FIELDS = 14;
export const ERROR_HOST_MISSING = 15;
export const ERROR_HOST_REPEATED = 16;
export const ERROR_HOST_INVALID = 17;
export const ERROR_HOST_MISMATCH = 18;
export const ERROR_CONTENT_LENGTH = 19;
export const ERROR_CONTENT_LENGTH_REPEATED = 20;
export const ERROR_LENGTH_AND_TRANSFER_ENCODING = 21;
export const ERROR_TRANSFER_ENCODING = 22;
export const ERROR_TRANSFER_ENCODING_VERSION = 23;
export const ERROR_STATUS_LINE = 24;
export const ERROR_CHUNK_SIZE = 25;
export const ERROR_CHUNK_SIZE_OVERFLOW = 26;
export const ERROR_CHUNK_EXTENSION = 27;
export const ERROR_CHUNK_EXTENSION_TOO_LONG = 28;
export const ERROR_CHUNK_TERMINATOR = 29;
export const ERROR_TRAILER = 30;
export const ERROR_TRAILERS_TOO_LARGE = 31;
export const ERROR_DOT_SEGMENT = 32;
export const ERROR_METHOD_TARGET = 33;
export const ERROR_COUNT = 34;

// ── Chunked decoder state (RFC 9112 section 7.1): u32 words ─────────────────────────────────────
// The state ends in a HeadRecord for the trailer section and a buffer for its bytes
// (TRAILER_*_OFFSET in the limits).

export const CHUNKED_STATUS = 0;
export const CHUNKED_ERROR_CODE = 1;
/**
 * Offset of the byte at which the error was seen, from the first byte of the chunked body: low and
 * high word.
 */
export const CHUNKED_ERROR_OFFSET_LOW = 2;
export const CHUNKED_ERROR_OFFSET_HIGH = 3;
/**
 * Bytes of this call's input that are done with. Incomplete and less than the input: the spans are
 * full, call again.
 */
export const CHUNKED_CONSUMED = 4;
export const CHUNKED_PHASE = 5;
/** Bytes of the current chunk that have not arrived; while the size is read, the size so far. */
export const CHUNKED_REMAINING_LOW = 6;
export const CHUNKED_REMAINING_HIGH = 7;
export const CHUNKED_SIZE_DIGITS = 8;
export const CHUNKED_EXTENSION_BYTES = 9;
export const CHUNKED_EXTENSION_BYTES_TOTAL = 10;
/** Bytes of the body consumed by earlier calls. */
export const CHUNKED_POSITION_LOW = 11;
export const CHUNKED_POSITION_HIGH = 12;
/** Spans of content in this call's input: CHUNKED_SPANS holds a start and a length for each. */
export const CHUNKED_SPAN_COUNT = 13;
/** Bytes in the trailer buffer; when complete, the trailer section with its empty line. */
export const CHUNKED_TRAILER_BYTES = 14;
export const CHUNKED_SPANS = 16;

export const CHUNK_SIZE_START = 0;
export const CHUNK_SIZE = 1;
export const CHUNK_SIZE_LF = 2;
export const CHUNK_EXTENSION_SPACE = 3;
export const CHUNK_EXTENSION_NAME_START = 4;
export const CHUNK_EXTENSION_NAME = 5;
export const CHUNK_EXTENSION_NAME_SPACE = 6;
export const CHUNK_EXTENSION_VALUE_START = 7;
export const CHUNK_EXTENSION_TOKEN = 8;
export const CHUNK_EXTENSION_QUOTED = 9;
export const CHUNK_EXTENSION_ESCAPE = 10;
export const CHUNK_EXTENSION_QUOTED_END = 11;
export const CHUNK_DATA = 12;
export const CHUNK_DATA_CR = 13;
export const CHUNK_DATA_LF = 14;
export const CHUNK_TRAILER = 15;
