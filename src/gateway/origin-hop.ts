// Owns the way back from the origin server: its field lines without this hop's, with Via and Date,
// and the attempt's place in the metrics. It stands between a cluster and the fill that the
// response is for. Knows no sockets.

import type { Clock } from "../clock.ts";
import type { GatewayError } from "../http/errors.ts";
import { withoutHopByHop } from "../http/fields.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { OriginHandler } from "../upstream/attempt.ts";
import { responseTrailers, storableFields } from "./forwarding.ts";

export interface OriginHopOptions {
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Our member of Via. */
  readonly via: string;
  /** Now, as an HTTP-date. */
  readonly date: () => string;
}

export class OriginHop implements OriginHandler {
  readonly #next: OriginHandler;
  readonly #options: OriginHopOptions;
  /** Row of the upstream in the metrics. */
  readonly #row: number;
  readonly #startedMs: number;
  #status = 0;

  constructor(next: OriginHandler, row: number, options: OriginHopOptions) {
    this.#next = next;
    this.#row = row;
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  onInterim(head: ResponseHead): void {
    this.#next.onInterim({ ...head, fields: withoutHopByHop(head.fields) });
  }

  onHead(head: ResponseHead): void {
    this.#status = head.status;
    const { via, date } = this.#options;
    const fields = storableFields(head.fields, via, date());
    this.#next.onHead({ status: head.status, reason: head.reason, fields });
  }

  onData(chunk: Uint8Array, headroom: number): boolean {
    return this.#next.onData(chunk, headroom);
  }

  onEnd(trailers: FieldLines): void {
    const { metrics, clock } = this.#options;
    metrics.recordUpstream(this.#row, this.#status, clock.monotonicMs() - this.#startedMs);
    this.#next.onEnd(trailers.length === 0 ? trailers : responseTrailers(trailers));
  }

  onError(error: GatewayError): void {
    this.#options.metrics.failUpstream(this.#row, error.code);
    this.#next.onError(error);
  }
}
