// Hot. Owns what the wire calls: plain hits go to the hit path, everything else to the app, ends to
// the accounts.

import { GatewayError } from "../http/errors.ts";
import { getField } from "../http/fields.ts";
import type { ClientAddress, Exchange } from "../http/exchange.ts";
import type { RequestHead } from "../http/message.ts";
import {
  BYTES_RECEIVED,
  CONNECTIONS_ACCEPTED,
  CONNECTIONS_REFUSED,
} from "../telemetry/metric-table.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Rejection, WireHandler } from "../wire/handler.ts";
import type { App } from "./app.ts";
import type { ExchangeAccounts } from "./exchange-accounts.ts";
import type { HitPath } from "./hit-path.ts";
import type { RequestIds } from "./request-ids.ts";
import type { TrustNetwork } from "./trust-network.ts";

/** What a config becomes for the requests that it serves. */
export interface Service {
  readonly app: App;
  readonly hitPath: HitPath;
  readonly accounts: ExchangeAccounts;
  /** null: nobody is believed. */
  readonly trust: TrustNetwork | null;
}

/** What an X-Request-Id of another proxy may look like: UUIDs, base64, and nothing to escape. */
const REQUEST_ID = /^[A-Za-z0-9._~+/=:-]{1,128}$/;

export class GatewayHandler implements WireHandler {
  readonly #metrics: Metrics;
  readonly #ids: RequestIds;
  #service: Service;
  #hitPath: HitPath;
  /** Exchanges that have not ended. */
  active = 0;
  /** Open connections. */
  open = 0;

  constructor(service: Service, { metrics, ids }: { metrics: Metrics; ids: RequestIds }) {
    this.#service = service;
    this.#hitPath = service.hitPath;
    this.#metrics = metrics;
    this.#ids = ids;
  }

  /** Every request that comes from now on is served by another config. */
  adopt(service: Service): void {
    this.#service = service;
    this.#hitPath = service.hitPath;
  }

  get tail(): Uint8Array | null {
    return this.#hitPath.tail;
  }

  hit(record: number, input: number, secure: 0 | 1): Uint8Array | null {
    return this.#hitPath.find(record, input, secure);
  }

  hitWritten(pending: boolean, startedMs: number, client: ClientAddress): void {
    this.#hitPath.written(pending, startedMs, client);
  }

  exchange(exchange: Exchange): void {
    this.active++;
    if (this.#isMisdirected(exchange)) exchange.fail(misdirected());
    else this.#service.app.handle(exchange);
  }

  /**
   * RFC 9110 section 7.4: an https URI asked for without TLS is not answered, unless a proxy that
   * is believed had the TLS.
   */
  #isMisdirected({ request, client }: Exchange): boolean {
    if (request.scheme !== "https" || client.secure) return false;
    return this.#service.trust?.has(client.address) !== true;
  }

  finished(exchange: Exchange, durationMs: number): void {
    this.active--;
    this.#service.accounts.finished(exchange, durationMs);
  }

  rejected(rejection: Rejection): void {
    this.#service.accounts.rejected(rejection);
  }

  newId(): string {
    return this.#ids.text(this.#ids.nextNumber());
  }

  idOf(request: RequestHead, client: ClientAddress): string {
    const { trust } = this.#service;
    const id = trust === null ? undefined : getField(request.fields, "x-request-id");
    if (id === undefined || !REQUEST_ID.test(id)) return this.newId();
    return trust?.has(client.address) === true ? id : this.newId();
  }

  connections(change: 1 | -1): void {
    this.open += change;
    if (change > 0) this.#metrics.add(CONNECTIONS_ACCEPTED, 1);
  }

  connectionRefused(): void {
    this.#metrics.add(CONNECTIONS_REFUSED, 1);
  }

  received(bytes: number): void {
    this.#metrics.add(BYTES_RECEIVED, bytes);
  }
}

function misdirected(): GatewayError {
  const detail = "an https URI on a connection without TLS (RFC 9110 7.4)";
  return new GatewayError("invalid_request", detail, { status: 421 });
}
