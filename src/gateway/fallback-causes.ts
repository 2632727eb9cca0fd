// Owns which failures a fallback may answer. A file of its own: the forms of config keys read it
// while they are made, and whatever else is about fallbacks reads the keys.

import { FAILURES, type ReasonCode } from "../http/errors.ts";

/** Failures of an upstream that leave a request without an answer. */
export const FALLBACK_CAUSES: readonly ReasonCode[] = (
  Object.keys(FAILURES) as ReasonCode[]
).filter((code) => FAILURES[code].source === "upstream" && !code.startsWith("body_"));
