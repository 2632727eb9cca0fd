// A handler that records what a call told it, and the config and requests that the upstream tests
// share.

import type { GatewayError } from "../../src/http/errors.ts";
import type { FieldLines, ResponseHead } from "../../src/http/message.ts";
import { loadCore } from "../../src/core/core.ts";
import { CorePools } from "../../src/core/pool-queue.ts";
import { OriginIo } from "../../src/upstream/origin-io.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { OriginHandler, OriginRequest } from "../../src/upstream/attempt.ts";
import { Cluster } from "../../src/upstream/cluster.ts";
import { CLUSTER_DEFAULTS, type ClusterConfig } from "../../src/upstream/cluster-config.ts";
import { within } from "../support/within.ts";

export class Recorder implements OriginHandler {
  readonly interims: ResponseHead[] = [];
  head: ResponseHead | null = null;
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  trailers: FieldLines | null = null;
  error: GatewayError | null = null;
  /** How often onEnd or onError was called: must be 1. */
  endings = 0;
  /** Chunks after which the call is paused; reset it and call `resume` to go on. */
  pauseAfter = Number.POSITIVE_INFINITY;
  /** False counts content without keeping it. */
  keep = true;
  readonly ended: Promise<void>;
  #end: () => void = () => {};
  #watchers: { done: () => boolean; resolve: () => void }[] = [];

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get content(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  /** Resolves as soon as `done` holds after some callback. */
  until(done: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
    if (done()) return Promise.resolve();
    const held = new Promise<void>((resolve) => this.#watchers.push({ done, resolve }));
    return within(held, timeoutMs, what);
  }

  onInterim(head: ResponseHead): void {
    this.interims.push(head);
    this.#changed();
  }

  onHead(head: ResponseHead): void {
    this.head = head;
    this.#changed();
  }

  onData(chunk: Uint8Array): boolean {
    if (this.keep) this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.pauseAfter -= 1;
    this.#changed();
    return this.pauseAfter > 0;
  }

  onEnd(trailers: FieldLines): void {
    this.trailers = trailers;
    this.#finish();
  }

  onError(error: GatewayError): void {
    this.error = error;
    this.#finish();
  }

  #finish(): void {
    this.endings += 1;
    this.#end();
    this.#changed();
  }

  #changed(): void {
    const held = this.#watchers.filter((watcher) => watcher.done());
    this.#watchers = this.#watchers.filter((watcher) => !held.includes(watcher));
    for (const watcher of held) watcher.resolve();
  }
}

/** One core for all clusters of a test file; what they hold of it is checked by `held`. */
const core = loadCore();
const io = new OriginIo(core, new CorePools(core));

type Overrides = {
  [Part in keyof ClusterConfig]?: Partial<ClusterConfig[Part]> | ClusterConfig[Part];
};

/** A cluster of the given origins; an override replaces a value or adds to a group. */
export function clusterOf(
  urls: string | readonly string[],
  overrides: Overrides = {},
  clock: Clock = systemClock,
  originIo: OriginIo = io,
): Cluster {
  const config: Record<string, unknown> = {
    ...CLUSTER_DEFAULTS,
    name: "test",
    drainMs: 200,
    targets: (typeof urls === "string" ? [urls] : urls).map((url) => ({
      url,
      weight: 1,
      priority: 0,
      isLocal: true,
    })),
  };
  for (const [part, value] of Object.entries(overrides)) {
    const before = config[part];
    const isGroup = value !== null && typeof before === "object" && !Array.isArray(before);
    config[part] = isGroup ? { ...before, ...(value as object) } : value;
  }
  return new Cluster(config as unknown as ClusterConfig, clock, originIo);
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

export function requestOf(
  method: string,
  path: string,
  parts: Partial<OriginRequest> = {},
): OriginRequest {
  return {
    method,
    path,
    fields: ["Host", "example.com"],
    body: null,
    bodyLength: 0,
    trailers: null,
    key: 0,
    priority: "normal",
    sticky: "",
    idempotent: IDEMPOTENT.has(method),
    expectsContinue: false,
    ...parts,
  };
}

/** Forwards and waits for the end. */
export async function exchange(
  cluster: Cluster,
  request: OriginRequest,
  recorder = new Recorder(),
): Promise<Recorder> {
  cluster.forward(request, recorder);
  await within(recorder.ended, 10_000, `the end of ${request.method} ${request.path}`);
  return recorder;
}

/**
 * Resolves when nothing runs or waits in the cluster and every connection to its targets is closed.
 */
export async function settled(cluster: Cluster, timeoutMs = 5000): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const busy = cluster
      .targets()
      .filter((target) => target.inFlight + target.queued + target.connectionsOpen > 0);
    if (busy.length === 0) return;
    if (performance.now() > untilMs) throw new Error(`still busy: ${JSON.stringify(busy)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
