// Owns what all connections of one listener share.

import type { Clock } from "../clock.ts";
import type { WireHandler, WireLimits } from "./handler.ts";
import type { H1Connection } from "./h1.ts";
import type { InputStage } from "./input-stage.ts";

export interface WireContext {
  readonly handler: WireHandler;
  /** Of what begins from now on. */
  limits: WireLimits;
  readonly clock: Clock;
  readonly stage: InputStage;
  /** 1 behind TLS. */
  readonly secure: 0 | 1;
  /** No further request on any connection: responses say `Connection: close`. */
  draining: boolean;
  /** Now, as an HTTP-date. */
  date(): string;
  /** A connection has closed. */
  closed(connection: H1Connection): void;
}
