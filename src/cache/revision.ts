// Owns new versions of a stored response: with the fields of a 304 or HEAD, or of a part that came
// to those that are stored (RFC 9111 sections 3.2, 3.4 and 4.3.4). Knows no stores.

import { getField } from "../http/fields.ts";
import type { FieldLines } from "../http/message.ts";
import type { ContentRange } from "../http/ranges.ts";
import { ContentParts } from "./content-parts.ts";
import type { RouteCaching } from "./forward.ts";
import { contradict, shareStrongValidator } from "./policy/combining.ts";
import { responseDirectives } from "./policy/directives.ts";
import { type ExchangeTimes, type FreshnessOptions, metadataOf } from "./policy/freshness.ts";
import type { StoredMetadata } from "./policy/metadata.ts";
import type { RuleName } from "./policy/rules.ts";
import { storedFields } from "./policy/storing.ts";
import { updatedFields } from "./policy/validation.ts";
import { type HitFormat, StoredResponse } from "./stored-response.ts";

/** Where and when the newer response came. */
export interface Revision {
  readonly times: ExchangeTimes;
  readonly caching: RouteCaching;
  readonly freshness: FreshnessOptions;
  readonly format: HitFormat;
  readonly tags: readonly string[];
}

export type StoredContent = readonly Uint8Array[] | ContentParts;

/** Null where the fields together say that nothing is to be kept (RFC 9111 section 5.2.2.5). */
export interface Revised {
  readonly current: StoredResponse;
  readonly mayKeep: boolean;
}

export function revised(
  stored: StoredResponse,
  newer: FieldLines,
  content: StoredContent,
  { times, caching, freshness, format, tags }: Revision,
): Revised {
  const { responseMs } = times;
  const old = stored.head();
  const fields = updatedFields(old.fields, newer, responseMs);
  const head = { status: old.status, reason: old.reason, fields };
  const directives = responseDirectives(fields, freshness.targetedFields);
  const current = new StoredResponse(
    {
      head: { ...head, fields: storedFields(fields, directives.strippedFields, responseMs) },
      metadata: metadataOf(head, directives, times, caching.mode, freshness),
      selecting: stored.selecting,
      format,
      rules: caching.rules,
      path: stored.path,
      tags,
    },
    content,
    stored.sharesContent ? "share" : "copy",
  );
  return { current, mayKeep: !directives.noStore && !directives.private };
}

/** A part that comes, and the request for it. */
export interface ArrivingPart {
  readonly part: ContentRange;
  readonly metadata: StoredMetadata;
  readonly requestFields: FieldLines;
}

/** The stored response that the part belongs to; null where it begins one; a rule where neither. */
export function ownerOf(
  stored: StoredResponse | undefined,
  { part, metadata, requestFields }: ArrivingPart,
): StoredResponse | null | RuleName {
  if (stored !== undefined) {
    const isOfIt = stored.status === 200 && stored.contentLength === part.length;
    if (isOfIt && shareStrongValidator(stored.metadata, metadata)) return stored;
    // What is whole gives way to a part only where it is known to be another representation.
    const isWhole = stored.parts === null;
    if (isWhole && !contradict(stored.metadata, metadata)) return "partial_other";
  }
  return getField(requestFields, "if-range") === undefined ? null : "partial_fields";
}

/** The parts with one more; all of the content where nothing is missing any more. */
export function withPart(
  parts: ContentParts | null,
  { start, end, length }: ContentRange,
  pieces: readonly Uint8Array[],
  bytesMax: number,
): StoredContent {
  if (end - start === length) return pieces;
  const more = (parts ?? ContentParts.none(length)).with(start, pieces, bytesMax);
  const all = { start: 0, end: length };
  return more.covers(all) ? more.slices(all) : more;
}
