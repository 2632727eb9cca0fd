// An origin and a gateway in front of it for each test of a suite, made by `serve` and gone, leaks
// checked, when the test has ended.
//
//   const pair = gatewayPair();
//   const port = await pair.serve(echo, { cache: { memory: "off" } });
//   pair.origin.heads, pair.gateway.log(1)

import { afterEach, beforeEach } from "vitest";
import type { EdgelaneConfig, EdgelaneUpstream } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway } from "./gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "./origin.ts";

export interface PairConfig extends Omit<EdgelaneConfig, "upstreams"> {
  /** Keys of the one upstream besides its target. */
  readonly upstream?: Omit<EdgelaneUpstream, "targets">;
}

/** Call it once, where the suite's tests are. */
export function gatewayPair(): GatewayPair {
  const pair = new GatewayPair();
  beforeEach(() => pair.forget());
  afterEach(() => pair.close());
  return pair;
}

export class GatewayPair {
  #origin: TestOrigin | null = null;
  #gateway: TestGateway | null = null;

  get origin(): TestOrigin {
    if (this.#origin === null) throw new Error("no origin was started");
    return this.#origin;
  }

  get gateway(): TestGateway {
    if (this.#gateway === null) throw new Error("no gateway was started");
    return this.#gateway;
  }

  /** Resolves with the port of the gateway. What was started before is closed first. */
  async serve(script: OriginScript, { upstream, ...config }: PairConfig = {}): Promise<number> {
    await this.close();
    const origin = await startOrigin(script);
    this.#origin = origin;
    const targets = [origin.url];
    this.#gateway = await startGateway({ ...config, upstreams: { app: { targets, ...upstream } } });
    return this.gateway.port;
  }

  forget(): void {
    this.#origin = null;
    this.#gateway = null;
  }

  async close(): Promise<void> {
    const gateway = this.#gateway;
    await this.#origin?.close();
    this.forget();
    await gateway?.close();
  }
}
