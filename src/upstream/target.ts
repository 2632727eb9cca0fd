// Owns one origin target: its connections, the slots that bound what runs on it, the queue of what
// waits for a slot, its health and its counters. Decides nothing about other targets and nothing
// about retries.

import type { Client } from "undici";
import type { ReasonCode } from "../http/errors.ts";
import type { AttemptTimeouts } from "./attempt.ts";
import type { Deadlines } from "./deadlines.ts";
import type { ForwardCall } from "./dispatch.ts";
import { Connector } from "./connector.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { H2Host } from "./h2-attempt.ts";
import { H2Pool } from "./h2-pool.ts";
import { RESPONSE_HEAD_BYTES_MAX } from "./failures.ts";
import type { OriginIo } from "./origin-io.ts";
import type { PooledHost } from "./pooled-attempt.ts";
import { Outlook } from "./outlook.ts";
import type { Choice } from "./balancer.ts";
import { hashText, PeakLatency } from "./selection.ts";
import { TargetState } from "./target-state.ts";
import type { TlsIdentity } from "./tls-identity.ts";
import { WaitQueue } from "./wait-queue.ts";
import type { WireHost } from "./wire-attempt.ts";
import { WirePool } from "./wire-pool.ts";

export interface TargetConfig {
  /** "http://host:port", "https://host:port" or "unix:/path"; a path is not allowed. */
  readonly url: string;
  /** Share of requests relative to the others; 0 gets none. */
  readonly weight: number;
  /** 0 is asked first, the next when too few of those before are healthy. */
  readonly priority: number;
  /** In the zone of this gateway, or no zone is known. */
  readonly isLocal: boolean;
  /** Where the host of `url` is; none: the system resolves it with each connection. */
  readonly addresses?: readonly string[];
  /** Out of service: it gets no requests. */
  readonly draining?: boolean;
  /** Joins while others serve: not chosen before its first good check. */
  readonly awaitsProbe?: boolean;
}

export interface PoolConfig {
  /** Requests that run on a target at a time, each on a connection of its own. */
  readonly connections: number;
  /** Requests that wait for a connection of a target. */
  readonly queue: number;
  readonly queueTimeoutMs: number;
  /**
   * How long an idle connection is kept; a shorter Keep-Alive hint of the origin wins, less a
   * second.
   */
  readonly keepAliveMs: number;
  /** Age at which a connection is replaced once it is idle; 0 for never. */
  readonly ageMaxMs: number;
  /** Requests after which a connection is closed; 0 for no limit. */
  readonly requestsMax: number;
}

/** What is spoken to a target: HTTP/1.1, or HTTP/2 by ALPN or, in cleartext, prior knowledge. */
export type TargetProtocol = "h1" | "h2";

/** One target in numbers, for metrics and the admin API. Counters only grow. */
export interface TargetStatus {
  readonly target: string;
  readonly weight: number;
  readonly backup: boolean;
  /** Not chosen for the time being. */
  readonly ejected: boolean;
  /** A Condition of target-state.ts, or "leaving": removed, with requests under way. */
  readonly condition: string;
  /** Times that it was ejected, and that its breaker opened. */
  readonly ejections: number;
  readonly breakerOpened: number;
  /** Share of errors lately. */
  readonly errorShare: number;
  /** Requests for which an attempt was started. */
  readonly requests: number;
  /** Attempts beyond a request's first. */
  readonly retries: number;
  readonly failures: Readonly<Partial<Record<ReasonCode, number>>>;
  readonly inFlight: number;
  readonly queued: number;
  readonly connectionsOpened: number;
  readonly connectionsOpen: number;
  /** Of these, with no request on them. */
  readonly connectionsIdle: number;
  /** Attempts that went to a connection which had served before. */
  readonly reused: number;
  readonly latencyMs: number;
  /** HTTP/2 streams now, and GOAWAY frames received. */
  readonly h2Streams: number;
  readonly h2Goaways: number;
  readonly tlsHandshakes: number;
  /** Handshakes that resumed a session. */
  readonly tlsResumptions: number;
  /** Changed certificate files that could not be used. */
  readonly tlsReloadFailures: number;
}

/** What all targets of a cluster share. */
export interface TargetShared {
  readonly protocol: TargetProtocol;
  readonly deadlines: Deadlines<ForwardCall>;
  readonly io: OriginIo;
  /** Monotonic time in milliseconds. */
  readonly now: () => number;
}

export class Target implements Choice, PooledHost, WireHost, H2Host {
  /** "host:port", the port always there, or "unix:/path"; the address where that is known. */
  readonly name: string;
  readonly url: URL;
  weight: number;
  baseWeight: number;
  priority: number;
  isLocal: boolean;
  readonly nameHash: number;
  /** What brings clients back here; written where tokens are made. */
  stickyTokens: readonly string[] = [];
  /** Told whenever nothing runs here any more. */
  onIdle: (() => void) | null = null;
  readonly state = new TargetState();
  readonly outlook = new Outlook();
  readonly latency = new PeakLatency();
  readonly connector: Connector;
  /** undici's connections: for TLS. */
  readonly connections: ConnectionPool;
  /** Ours: for cleartext, and for what undici cannot send. */
  readonly wire: WirePool;
  /** HTTP/2 sessions; null where HTTP/1.1 is spoken. */
  readonly h2: H2Pool | null;
  readonly io: OriginIo;
  readonly hostField: string;
  readonly timeouts: AttemptTimeouts;
  readonly waiting: WaitQueue<ForwardCall>;
  requests = 0;
  retries = 0;
  reused = 0;
  inFlight = 0;
  connectionsOpened = 0;
  connectionsOpen = 0;
  tlsHandshakes = 0;
  tlsResumptions = 0;
  readonly #tls: TlsIdentity;
  readonly #connectionsMax: number;
  readonly #deadlines: Deadlines<ForwardCall>;
  readonly #failures: Partial<Record<ReasonCode, number>> = {};

  constructor(
    config: TargetConfig,
    pool: PoolConfig,
    tls: TlsIdentity,
    timeouts: AttemptTimeouts,
    shared: TargetShared,
  ) {
    const { deadlines, io, now, protocol } = shared;
    this.url = new URL(config.url);
    const { addresses = [] } = config;
    this.name = targetName(this.url, addresses);
    this.#tls = tls;
    this.weight = config.weight;
    this.baseWeight = config.weight;
    this.priority = config.priority;
    this.isLocal = config.isLocal;
    this.nameHash = hashText(this.name);
    this.timeouts = timeouts;
    this.waiting = new WaitQueue(pool.queue);
    this.#deadlines = deadlines;
    this.#connectionsMax = pool.connections;
    const spoken = protocol === "h2" ? "h2" : "http/1.1";
    this.connector = new Connector({ url: this.url, addresses }, tls, spoken, this, now);
    const options: Client.Options = {
      pipelining: 1,
      allowH2: false,
      strictContentLength: true,
      maxHeaderSize: RESPONSE_HEAD_BYTES_MAX,
      // Zero means that no connection is kept; undici wants a millisecond at least.
      keepAliveTimeout: Math.max(1, pool.keepAliveMs),
      keepAliveMaxTimeout: Math.max(1, pool.keepAliveMs),
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      // Ours are exact to a tick and watch paused responses too.
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(pool.requestsMax > 0 ? { maxRequestsPerClient: pool.requestsMax } : {}),
    };
    this.io = io;
    // A path is no host: what nginx says too.
    this.hostField = this.url.host || "localhost";
    this.wire = new WirePool(this.connector, pool, now);
    const authority = `${this.connector.secure ? "https" : "http"}://${this.hostField}`;
    this.h2 = protocol === "h2" ? new H2Pool(this.connector, authority, pool, now) : null;
    this.connections = new ConnectionPool(this.url, options, this.connector, pool);
  }

  get load(): number {
    return this.inFlight + this.waiting.count;
  }

  get nowMs(): number {
    return this.#deadlines.nowMs;
  }

  get latencyMs(): number {
    return this.latency.at(this.#deadlines.nowMs);
  }

  get secure(): boolean {
    return this.connector.secure;
  }

  get servername(): string {
    return this.connector.servername;
  }

  get hasSlot(): boolean {
    return this.inFlight < this.#connectionsMax;
  }

  /** Takes a slot; whoever does gives it back with `release`. */
  occupy(): void {
    this.inFlight += 1;
  }

  release(): void {
    // A retry on a fresh connection may have taken one slot too many; it is paid back before anyone
    // else is served.
    if (this.inFlight > this.#connectionsMax) {
      this.inFlight -= 1;
      return;
    }
    const next = this.waiting.shift();
    // The slot goes straight to the next in line: a newcomer must not overtake it.
    if (next !== null) next.granted(this);
    else if ((this.inFlight -= 1) === 0) this.onIdle?.();
  }

  /** Takes over what may change while it serves. */
  place({ weight, priority, isLocal, draining = false }: TargetConfig, nowMs: number): void {
    // What counts of it follows with the balancer's next plan.
    this.baseWeight = weight;
    this.priority = priority;
    this.isLocal = isLocal;
    if (this.state.draining === draining) return;
    this.state.draining = draining;
    if (!draining) this.state.start(nowMs);
  }

  reusedConnection(): void {
    this.reused += 1;
  }

  failure(code: ReasonCode): void {
    this.#failures[code] = (this.#failures[code] ?? 0) + 1;
  }

  /** `condition`: as the cluster's rules see its state. */
  status(nowMs: number, condition: string): TargetStatus {
    return {
      target: this.name,
      weight: this.baseWeight,
      backup: this.priority > 0,
      ejected: !SERVING.has(condition),
      condition,
      ejections: this.state.ejected,
      breakerOpened: this.state.breaker.opened,
      errorShare: this.outlook.errorShare(nowMs),
      requests: this.requests,
      retries: this.retries,
      failures: { ...this.#failures },
      inFlight: this.inFlight,
      queued: this.waiting.count,
      connectionsOpened: this.connectionsOpened,
      connectionsOpen: this.connectionsOpen,
      connectionsIdle: this.wire.idleCount + this.connections.idleCount + (this.h2?.idleCount ?? 0),
      reused: this.reused,
      latencyMs: this.latency.at(nowMs),
      h2Streams: this.h2?.streams ?? 0,
      h2Goaways: this.h2?.goaways ?? 0,
      tlsHandshakes: this.tlsHandshakes,
      tlsResumptions: this.tlsResumptions,
      tlsReloadFailures: this.#tls.failures,
    };
  }

  /** Closes every connection at once. The calls are over by then. */
  destroy(): Promise<void> {
    this.wire.destroy();
    this.h2?.destroy();
    return this.connections.destroy();
  }
}

/**
 * "host:port", the port always there, "unix:/path" or the name of a service; with the first of its
 * addresses as host.
 */
export function targetName(
  { protocol, hostname, port, pathname }: URL,
  [address]: readonly string[] = [],
): string {
  if (protocol === "unix:") return `unix:${pathname}`;
  if (protocol.endsWith("+srv:")) return hostname;
  const literal = address?.includes(":") === true ? `[${address}]` : address;
  return `${literal ?? hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}

const SERVING: ReadonlySet<string> = new Set(["up", "slow_start", "half_open"]);

/**
 * How much earlier than the origin's Keep-Alive hint we close: a request that leaves then still
 * arrives in time.
 */
const KEEP_ALIVE_MARGIN_MS = 1000;
