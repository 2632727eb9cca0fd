// Owns the map of a Redis Cluster: which master has which slot, read from any node that answers,
// and a link for each, so that a dead one takes nothing from the others. A key that has moved is a
// miss and makes the map be read again: no command is sent twice, and none waits.

import type { Clock } from "../clock.ts";
import {
  CONNECT_TIMEOUT_MS,
  createClient,
  type RedisClient,
  type RedisConnection,
  type RedisEndpoint,
} from "./redis-client.ts";
import { deadline } from "./redis-failure.ts";
import { RedisLink } from "./redis-link.ts";
import type { NodeEvents, NodeParts, RedisNodes } from "./redis-nodes.ts";
import type { PaceTimes } from "./redis-pace.ts";
import { SLOTS, slotOf } from "./redis-slot.ts";

/** The map is read again after this long, whatever happens. */
const REFRESH_MS = 10_000;
/** However many keys have moved and nodes have died. */
const REFRESH_MS_MIN = 250;
const REFRESH_TIMEOUT_MS = 1000;

interface Range {
  readonly from: number;
  readonly to: number;
  readonly endpoint: RedisEndpoint;
}

export class RedisCluster implements RedisNodes {
  readonly #connection: RedisConnection;
  readonly #clock: Clock;
  readonly #times: PaceTimes;
  readonly #seeds: readonly RedisEndpoint[];
  readonly #events: NodeEvents;
  links: readonly RedisLink[] = [];
  readonly connectMs = CONNECT_TIMEOUT_MS;
  readonly #links = new Map<string, RedisLink>();
  #slots: readonly (string | undefined)[] = [];
  /** Of nodes that are no masters any more. */
  #pastDowns = 0;
  #timer: NodeJS.Timeout | null = null;
  #readMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;
  #isClosed = false;

  constructor(
    { connection, clock, times }: NodeParts,
    seeds: readonly RedisEndpoint[],
    events: NodeEvents,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#times = times;
    this.#seeds = seeds;
    this.#events = events;
  }

  get downs(): number {
    return this.links.reduce((sum, link) => sum + link.downs, this.#pastDowns);
  }

  async open(): Promise<void> {
    await this.#read();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const link of this.links) link.close();
  }

  linkOf(key: string): RedisLink | null {
    const node = this.#slots[slotOf(key)];
    return node === undefined ? null : (this.#links.get(node) ?? null);
  }

  async clientFor(key: string): Promise<RedisClient> {
    const node = this.#slots[slotOf(key)];
    if (node === undefined) {
      this.moved();
      throw new Error("no node of the Cluster has it");
    }
    return createClient(this.#connection, endpointOf(node));
  }

  moved(): void {
    const waitMs = this.#readMs + REFRESH_MS_MIN - this.#clock.monotonicMs();
    if (this.#reading === null) this.#schedule(Math.max(0, waitMs));
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), delayMs);
    this.#timer.unref();
  }

  async #read(): Promise<void> {
    this.#reading ??= this.#readMap();
    await this.#reading;
  }

  async #readMap(): Promise<void> {
    this.#readMs = this.#clock.monotonicMs();
    const ranges = await this.#askAnyone();
    this.#reading = null;
    if (this.#isClosed) return;
    if (ranges === null) return this.#schedule(REFRESH_MS_MIN * 4);
    this.#schedule(REFRESH_MS);
    const slots = new Array<string | undefined>(SLOTS);
    for (const { from, to, endpoint } of ranges) slots.fill(nameOf(endpoint), from, to + 1);
    this.#slots = slots;
    await this.#connect(new Map(ranges.map(({ endpoint }) => [nameOf(endpoint), endpoint])));
  }

  async #connect(masters: ReadonlyMap<string, RedisEndpoint>): Promise<void> {
    for (const [name, link] of this.#links) {
      if (masters.has(name)) continue;
      this.#links.delete(name);
      this.#pastDowns += link.downs;
      link.close();
    }
    for (const [name, endpoint] of masters) {
      if (!this.#links.has(name)) this.#links.set(name, this.#newLink(name, endpoint));
    }
    this.links = [...this.#links.values()];
    // Those that are open already stay as they are.
    await Promise.all(this.links.map((link) => link.open()));
  }

  #newLink(name: string, endpoint: RedisEndpoint): RedisLink {
    const connect = (): Promise<RedisClient> => createClient(this.#connection, endpoint);
    return new RedisLink(
      { connect, connectMs: this.connectMs, clock: this.#clock, times: this.#times },
      {
        up: () => this.#events.up(name),
        down: (reason, code) => {
          this.#events.down(name, reason, code);
          this.moved();
        },
      },
    );
  }

  /** Null where nobody answers. */
  async #askAnyone(): Promise<readonly Range[] | null> {
    for (const [name, link] of this.#links) {
      if (link.client === null || !link.isReadable) continue;
      const ranges = await readRanges(link.client, endpointOf(name).host).catch(() => null);
      if (ranges !== null) return ranges;
    }
    // All at once: the dead among them hold nobody up.
    return Promise.any(this.#seeds.map((seed) => this.#askSeed(seed))).catch(() => null);
  }

  async #askSeed(seed: RedisEndpoint): Promise<readonly Range[]> {
    const client = await createClient(this.#connection, seed);
    client.on("error", () => undefined);
    try {
      await deadline(client.connect(), this.connectMs);
      return await readRanges(client, seed.host);
    } finally {
      client.disconnect();
    }
  }
}

/** `asked`: the host that is meant where a node does not name its own. */
async function readRanges(client: RedisClient, asked: string): Promise<readonly Range[]> {
  const reply = await deadline(client.call("CLUSTER", "SLOTS"), REFRESH_TIMEOUT_MS);
  if (!Array.isArray(reply)) throw new TypeError("no map of slots");
  return reply.flatMap((entry: readonly unknown[]) => {
    const [from, to, master] = entry;
    const [host, port] = Array.isArray(master) ? master : [];
    if (typeof from !== "number" || typeof to !== "number" || typeof port !== "number") return [];
    const endpoint = { host: typeof host === "string" && host !== "" ? host : asked, port };
    return from >= 0 && to < SLOTS ? [{ from, to, endpoint }] : [];
  });
}

function nameOf({ host, port }: RedisEndpoint): string {
  return `${host}:${port}`;
}

/** The port is behind the last colon: an IPv6 address has others. */
function endpointOf(name: string): RedisEndpoint {
  const colon = name.lastIndexOf(":");
  return { host: name.slice(0, colon), port: Number(name.slice(colon + 1)) };
}
