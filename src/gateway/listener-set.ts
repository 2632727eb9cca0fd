// Owns which addresses a thread listens on, through changes of them: the new ones are bound before
// the old ones are let go, and what stays is not touched.

import { Listener, type ListenerOptions } from "../wire/listener.ts";
import type { WireLimits } from "../wire/handler.ts";
import type { ListenAddress } from "./gateway-config.ts";
import { urlOf } from "./listen-url.ts";

interface Bound {
  readonly listener: Listener;
  readonly url: string;
}

/** Listeners that are bound, and not yet the ones that count. */
export interface PreparedListeners {
  /** Lets the others go; their exchanges have `graceMs` to finish. */
  commit(graceMs: number): void;
  /** Gives back what was bound for this. */
  discard(): Promise<void>;
}

export class ListenerSet {
  readonly #options: Omit<ListenerOptions, "limits">;
  #bound: ReadonlyMap<string, Bound> = new Map();
  /** Let go, with exchanges that still run. */
  readonly #leaving = new Map<Listener, Promise<void>>();

  constructor(options: Omit<ListenerOptions, "limits">) {
    this.#options = options;
  }

  /** In the order of the addresses. */
  get urls(): string[] {
    return [...this.#bound.values()].map(({ url }) => url);
  }

  /** Binds what is not bound yet. Rejects with the system's error, and then nothing has changed. */
  async prepare(
    addresses: readonly ListenAddress[],
    limits: WireLimits,
  ): Promise<PreparedListeners> {
    const wanted = new Map<string, Bound>();
    const added: Listener[] = [];
    const discard = async (): Promise<void> => {
      await Promise.all(added.map((listener) => listener.close(0)));
    };
    try {
      for (const [index, address] of addresses.entries()) {
        const name = nameOf(address, index);
        const known = this.#bound.get(name);
        if (known !== undefined) {
          wanted.set(name, known);
          continue;
        }
        const listener = new Listener(address, { ...this.#options, limits });
        added.push(listener);
        const port = await listener.listen();
        wanted.set(name, { listener, url: urlOf({ ...address, port }) });
      }
    } catch (error) {
      await discard();
      throw error;
    }
    const commit = (graceMs: number): void => this.#commit(wanted, limits, graceMs);
    return { commit, discard };
  }

  async close(graceMs: number): Promise<void> {
    this.#commit(new Map(), null, graceMs);
    for (const listener of this.#leaving.keys()) this.#letGo(listener, graceMs);
    await Promise.all(this.#leaving.values());
  }

  #commit(wanted: ReadonlyMap<string, Bound>, limits: WireLimits | null, graceMs: number): void {
    const before = this.#bound;
    this.#bound = wanted;
    for (const [name, { listener }] of before) {
      if (!wanted.has(name)) this.#letGo(listener, graceMs);
      else if (limits !== null) listener.limit(limits);
    }
  }

  #letGo(listener: Listener, graceMs: number): void {
    const left = listener.close(graceMs).then(() => {
      this.#leaving.delete(listener);
    });
    this.#leaving.set(listener, left);
  }
}

/** Port 0 is another port each time, so it stays only where it was written. */
function nameOf({ host, port }: ListenAddress, index: number): string {
  return `${host ?? "*"}:${port === 0 ? `0#${index}` : port}`;
}
