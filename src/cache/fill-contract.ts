// Owns what a fill asks of the plan that decides for it, and what the plan may answer.

import type { GatewayError } from "../http/errors.ts";
import { getField } from "../http/fields.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import type { Answer } from "./answer.ts";
import type { FillReader } from "./collapse.ts";
import type { ExchangeTimes } from "./policy/freshness.ts";

export type FillVerdict =
  /** Kept from the first byte, for `admits` readers and for `complete`. */
  | { readonly kind: "store" }
  /** For the leader alone; everybody else is released. */
  | { readonly kind: "pass" }
  /**
   * The origin server's content is not wanted: each reader gets its answer from a stored response.
   */
  | { readonly kind: "answer"; readonly answerFor: StoredAnswer }
  /** Useless for everybody. */
  | { readonly kind: "retry" };

/** A reader's answer from a stored response; null where that is not for this reader. */
export type StoredAnswer = (reader: FillReader) => Answer | null;

/** What the cache decides for one fill. */
export interface FillPlan {
  /** Another worker asked for the response, at these times; said before `decide`. */
  cameFromPeer(times: ExchangeTimes): void;
  decide(head: ResponseHead): FillVerdict;
  /** No head will come: answers from a stored response, or undefined. */
  standIn(error: GatewayError): StoredAnswer | undefined;
  /** A response that is stored may also go to this reader, which has waited or comes now. */
  admits(request: RequestHead): boolean;
  /** The head for one reader. */
  headFor(head: ResponseHead, collapsed: "leader" | "collapsed"): ResponseHead;
  /** The whole response has arrived. */
  complete(pieces: readonly Uint8Array[]): void;
  /** It will not be stored after all: too large, or no room for what is in flight. */
  abandon(reason: "too_large" | "over_budget"): void;
  /** Nobody can join any more. */
  close(): void;
}

/** -1 without a valid one. */
export function contentLengthOf(head: ResponseHead): number {
  const value = getField(head.fields, "content-length");
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
