// Owns the completion of an answer of which parts are stored: the origin server is asked for what
// is missing, and its 206 becomes the answer to what was asked before the cache sees it (RFC 9111
// sections 3.3 and 3.4). Stands between an origin call and a fill. Knows no stores.

import { getField, withoutFields } from "../http/fields.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../http/message.ts";
import { type ByteRange, parseContentRange } from "../http/ranges.ts";
import type { GatewayError } from "../http/errors.ts";
import { preconditionOf, rangesOf } from "./answer.ts";
import { contentRangeOf } from "./multipart.ts";
import { CONDITIONS } from "./particular-requests.ts";
import { shareStrongValidator, strongValidator } from "./policy/combining.ts";
import { validatorsOf } from "./policy/freshness.ts";
import { updatedFields } from "./policy/validation.ts";
import type { StoredResponse } from "./stored-response.ts";

/** What is asked of the origin server, and what is put around it. */
export interface Splice {
  readonly stored: StoredResponse;
  /** What the answer holds; all of the representation where `status` is 200. */
  readonly wanted: ByteRange;
  readonly status: 200 | 206;
  readonly missing: ByteRange;
}

/** A smaller share of an answer is not worth asking for the rest in another way than the client. */
const SHARE_MIN = 0.1;

/** Null where nothing is saved, or where no strong validator could say that the rest fits. */
export function spliceFor(
  stored: StoredResponse,
  request: RequestHead,
  nowMs: number,
): Splice | null {
  const { parts, metadata, contentLength } = stored;
  if (request.method !== "GET" || parts === null) return null;
  if (strongValidator(metadata) === undefined) return null;
  const { fields } = request;
  if (preconditionOf(stored, fields, nowMs) !== "proceed") return null;
  const asked = rangesOf(stored, request, nowMs);
  if (asked.kind === "unsatisfiable") return null;
  const ranges = asked.kind === "ranges" ? asked.ranges : [{ start: 0, end: contentLength }];
  const [wanted] = ranges;
  if (wanted === undefined || ranges.length > 1) return null;
  const missing = parts.missing(wanted);
  if (missing === null) return null;
  const savedBytes = lengthOf(wanted) - lengthOf(missing);
  if (savedBytes < lengthOf(wanted) * SHARE_MIN) return null;
  return { stored, wanted, status: asked.kind === "ranges" ? 206 : 200, missing };
}

/** The request for what is missing: another representation comes as a whole (RFC 9110 13.1.5). */
export function splicingFields(requestFields: FieldLines, splice: Splice): string[] {
  const { stored, missing } = splice;
  const last = missing.end === stored.contentLength ? "" : String(missing.end - 1);
  const fields = withoutFields(requestFields, CONDITIONS);
  fields.push("Range", `bytes=${missing.start}-${last}`);
  fields.push("If-Range", strongValidator(stored.metadata) ?? "");
  return fields;
}

/** Where a response goes. */
interface Receiver {
  onInterim(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  onData(chunk: Uint8Array): boolean;
  onEnd(trailers: FieldLines): void;
  onError(error: GatewayError): void;
}

/** Hears of the head before the fill's receiver does. */
interface SplicePlan {
  /** What comes was completed. */
  spliced(): void;
}

export class Splicing implements Receiver {
  readonly #splice: Splice;
  readonly #plan: SplicePlan;
  readonly #next: Receiver;
  readonly #nowMs: () => number;
  #isSpliced = false;

  constructor(splice: Splice, plan: SplicePlan, next: Receiver, nowMs: () => number) {
    this.#splice = splice;
    this.#plan = plan;
    this.#next = next;
    this.#nowMs = nowMs;
  }

  onInterim(head: ResponseHead): void {
    this.#next.onInterim(head);
  }

  onHead(head: ResponseHead): void {
    const nowMs = this.#nowMs();
    if (!completes(this.#splice, head, nowMs)) {
      this.#next.onHead(head);
      return;
    }
    this.#isSpliced = true;
    this.#plan.spliced();
    this.#next.onHead(splicedHead(this.#splice, head, nowMs));
    const { stored, wanted, missing } = this.#splice;
    this.#push(stored, { start: wanted.start, end: missing.start });
  }

  onData(chunk: Uint8Array): boolean {
    return this.#next.onData(chunk);
  }

  onEnd(trailers: FieldLines): void {
    const { stored, wanted, missing } = this.#splice;
    if (this.#isSpliced) this.#push(stored, { start: missing.end, end: wanted.end });
    this.#next.onEnd(trailers);
  }

  onError(error: GatewayError): void {
    this.#next.onError(error);
  }

  /** Stored bytes are there already: that nobody takes them yet pauses what follows, not them. */
  #push(stored: StoredResponse, range: ByteRange): void {
    for (const slice of stored.slices(range)) this.#next.onData(slice);
  }
}

/** Exactly what was asked for, of exactly what is stored, and as long as it says. */
function completes({ stored, missing }: Splice, head: ResponseHead, nowMs: number): boolean {
  if (head.status !== 206) return false;
  const range = parseContentRange(getField(head.fields, "content-range") ?? "");
  if (range === undefined || range.length !== stored.contentLength) return false;
  if (range.start !== missing.start || range.end !== missing.end) return false;
  if (getField(head.fields, "content-length") !== String(lengthOf(missing))) return false;
  return shareStrongValidator(stored.metadata, validatorsOf(head.fields, nowMs));
}

/** The stored head, updated by the newer one (RFC 9111 section 3.4). */
function splicedHead({ stored, wanted, status }: Splice, head: ResponseHead, nowMs: number) {
  const fields = withoutFields(updatedFields(stored.head().fields, head.fields, nowMs), FRAMING);
  fields.push("Content-Length", String(lengthOf(wanted)));
  if (status === 206) fields.push("Content-Range", contentRangeOf(wanted, stored.contentLength));
  return { status, reason: "", fields };
}

const FRAMING = new Set(["content-length", "content-range"]);

function lengthOf({ start, end }: ByteRange): number {
  return end - start;
}
