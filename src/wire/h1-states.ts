// Owns the states of an HTTP/1.1 connection: what it does with the bytes that arrive next.

/** Waits for a head, or is in one. */
export const READING_HEAD = 0;
/** What arrives needs a place in a pool of the core, and none is free. */
export const WAITING_FOR_PLACE = 1;
/** An exchange is under way; its content may still be arriving. */
export const EXCHANGING = 2;
/** The exchange has ended before its content: the rest is dropped, within a bound. */
export const DRAINING = 3;
/** The last hit has not left yet: no further request until the client has read. */
export const SENDING = 4;
/**
 * The last response was sent; what still arrives is dropped so that no reset destroys it (RFC 9112
 * section 9.6).
 */
export const LINGERING = 5;
/** What a client may still send while its connection lingers. */
export const LINGER_BYTES_MAX = 1_048_576;
export const CLOSED = 6;
