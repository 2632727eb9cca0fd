// Owns what an exchange leaves behind when it has ended: its counts in the metrics and its line in
// the access log.

import type { Exchange } from "../http/exchange.ts";
import type { AccessLog } from "../telemetry/access-log.ts";
import { type Metrics, methodId } from "../telemetry/metrics.ts";
import type { Rejection } from "../wire/handler.ts";

/** `endpoint` of exchanges that no route took, and of messages that were no request. */
const NO_ENDPOINT = "none";

export interface AccountsOptions {
  readonly metrics: Metrics;
  readonly accessLog: AccessLog | null;
  /** The address that the log gives for an exchange. */
  readonly clientOf: (exchange: Exchange) => string;
}

export class ExchangeAccounts {
  readonly #options: AccountsOptions;
  /** Metric rows by endpoint and method; both are bounded. */
  readonly #rows = new Map<string, number[]>();

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  finished(exchange: Exchange, durationMs: number): void {
    const { metrics, accessLog, clientOf } = this.#options;
    const { outcome, request, id } = exchange;
    const endpoint = outcome.endpoint === "" ? NO_ENDPOINT : outcome.endpoint;
    const row = this.#row(endpoint, methodId(request.method));
    metrics.record(row, outcome.status, durationMs, outcome.sentBytes);
    if (outcome.reason !== "") metrics.fail(outcome.reason);
    accessLog?.write({
      method: request.method,
      authority: request.authority,
      path: request.path,
      version: request.version,
      address: clientOf(exchange),
      requestId: id,
      durationMs,
      ...outcome,
      endpoint,
    });
  }

  rejected(rejection: Rejection): void {
    const { metrics, accessLog } = this.#options;
    const { status, durationMs, client, id, error, detail } = rejection;
    metrics.record(this.#row(NO_ENDPOINT, 0), status, durationMs, rejection.sentBytes);
    metrics.fail("invalid_request");
    accessLog?.write({
      method: "",
      authority: "",
      path: "",
      version: "1.1",
      address: client.address,
      requestId: id,
      durationMs,
      endpoint: NO_ENDPOINT,
      status,
      bytes: 0,
      cache: "",
      target: "",
      retried: "",
      fallback: "",
      reason: "invalid_request",
      detail: `${error}: ${detail}`,
    });
  }

  #row(endpoint: string, method: number): number {
    let rows = this.#rows.get(endpoint);
    if (rows === undefined) {
      rows = [];
      this.#rows.set(endpoint, rows);
    }
    const row = rows[method] ?? this.#options.metrics.route(endpoint, method);
    rows[method] = row;
    return row;
  }
}
