// Owns what of a request goes on to the origin server: with our conditions or the client's, whole
// or for what is missing, alone or for all who wait (RFC 9111 sections 4, 4.3.1 and 3.3). Knows no
// fills.

import { getField, hasField, withoutFields } from "../http/fields.ts";
import type { FieldLines, RequestHead } from "../http/message.ts";
import { isForwardable } from "../http/ranges.ts";
import { suffices } from "./answer.ts";
import type { Forward, RouteCaching } from "./forward.ts";
import type { CacheKey } from "./key.ts";
import type { LookupRule } from "./lookup-rule.ts";
import { CONDITIONS, isParticular, PRECONDITIONS } from "./particular-requests.ts";
import type { RequestDirectives } from "./policy/directives.ts";
import { bringsContent } from "./policy/storing.ts";
import { hasValidator, validatingFields } from "./policy/validation.ts";
import { spliceFor, splicingFields } from "./splice.ts";
import type { StoredResponse } from "./stored-response.ts";

/** A request, and where what answers it would be stored. */
export interface Asked {
  readonly request: RequestHead;
  /** Null where the request-target has no key. */
  readonly key: CacheKey | null;
  readonly caching: RouteCaching;
}

/** Why it goes on, and what is stored for it. */
export type Reasons = Pick<LookupRule, "reason" | "rule"> & {
  readonly stored: StoredResponse | null;
};

/** Nothing that is stored has to do with it, and nobody waits for its response. */
export function alone(asked: Asked, { reason, rule }: Omit<Reasons, "stored">): Forward {
  return {
    kind: "forward",
    ...asked,
    reason,
    rule,
    fields: asked.request.fields,
    stored: null,
    validation: "none",
    splice: null,
    range: null,
    sharing: "alone",
  };
}

export function forwardOf(
  asked: Asked,
  reasons: Reasons,
  directives: RequestDirectives,
  nowMs: number,
): Forward {
  const sent = sentFor(asked.request, reasons.stored, nowMs);
  // Who wants only what is stored waits for no origin server, and nobody for them.
  const isForeground = reasons.rule !== "stale_while_revalidate";
  const isOurs = sent.validation === "ours" || sent.splice !== null;
  const mayShare =
    bringsContent(asked.request.method) &&
    !(directives.onlyIfCached && isForeground) &&
    (isOurs || !hasPrecondition(asked.request.fields)) &&
    !isParticular(directives);
  return {
    kind: "forward",
    ...asked,
    ...reasons,
    ...sent,
    sharing: mayShare ? "collapse" : "alone",
  };
}

/**
 * A validation in the background, without the client's conditions and directives: those
 * were about its own answer. Of what is stored in parts it asks for the range that was used.
 */
export function refreshing(asked: Asked, stored: StoredResponse): Asked {
  const { fields } = asked.request;
  const plain = withoutFields(fields, stored.parts === null ? NOT_REFRESHED : RANGE_REFRESHED);
  return { ...asked, request: { ...asked.request, fields: plain } };
}

type Sent = Pick<Forward, "fields" | "validation" | "splice" | "range">;

function sentFor(request: RequestHead, stored: StoredResponse | null, nowMs: number): Sent {
  const isRead = bringsContent(request.method);
  if (isRead && stored !== null && suffices(stored, request, nowMs)) {
    if (hasValidator(stored.metadata)) return validating(request.fields, stored);
  } else if (isRead && stored !== null) {
    const splice = spliceFor(stored, request, nowMs);
    if (splice !== null) {
      const fields = splicingFields(request.fields, splice);
      return { fields, validation: "none", splice, range: rangeOf(request.fields) };
    }
  }
  const fields = isRead ? boundedRange(request.fields) : request.fields;
  return { fields, validation: "none", splice: null, range: rangeOf(fields) };
}

/**
 * A whole response is validated as a whole. Of one in parts the range is asked for, which comes if
 * the representation has changed; unless the client said that it then wants all.
 */
function validating(requestFields: FieldLines, stored: StoredResponse): Sent {
  const fields = validatingFields(requestFields, stored.metadata);
  const isPartial = stored.parts !== null && !hasField(requestFields, "if-range");
  const range = isPartial ? rangeOf(requestFields) : null;
  if (range !== null) fields.push("Range", range);
  return { fields, validation: "ours", splice: null, range };
}

function rangeOf(fields: FieldLines): string | null {
  return getField(fields, "range") ?? null;
}

/** Overlapping ranges, or too many, would make the origin server send more than it has. */
function boundedRange(fields: FieldLines): FieldLines {
  const range = getField(fields, "range");
  return range === undefined || isForwardable(range) ? fields : withoutFields(fields, RANGES);
}

function hasPrecondition(fields: FieldLines): boolean {
  for (const name of PRECONDITIONS) if (hasField(fields, name)) return true;
  return false;
}

const RANGES = new Set(["range", "if-range"]);
const NOT_REFRESHED = new Set([...CONDITIONS, "cache-control", "pragma"]);
const RANGE_REFRESHED = new Set([...NOT_REFRESHED].filter((name) => name !== "range"));
