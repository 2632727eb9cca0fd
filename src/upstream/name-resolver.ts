// Owns one look-up of a name: the hosts file, then the name servers (A, AAAA, SRV with their TTLs),
// then what else the system knows, such as search domains; and what kind of failure it was. Keeps
// nothing but the last places of the names that SRV records point to.

import { lookup, Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import {
  type AddressFamily,
  hostsAddresses,
  type NamePlace,
  placesOf,
  srvPlaces,
} from "./name-places.ts";

export interface ResolverOptions {
  /** "address" or "address:port"; none: the system's, and its hosts file and search domains. */
  readonly servers: readonly string[];
  readonly family: AddressFamily;
  /** For one question to one server. */
  readonly timeoutMs: number;
  readonly hostsFile?: string;
}

/** Told apart, because they want different things done. */
export type LookupFailure = "nxdomain" | "nodata" | "servfail" | "refused" | "timeout" | "error";

export type NameAnswer =
  | { readonly places: readonly NamePlace[]; readonly ttlSeconds: number }
  | { readonly failure: LookupFailure; readonly code: string };

type Addresses =
  | { readonly places: readonly string[][]; readonly ttlSeconds: number }
  | { readonly failure: LookupFailure; readonly code: string };

/** What has no TTL of its own: hosts files, search domains. */
const TTL_SECONDS = 30;
const TRIES = 2;
const HOSTS_FILE =
  process.platform === "win32" ? "C:\\Windows\\System32\\drivers\\etc\\hosts" : "/etc/hosts";

export class NameResolver {
  readonly #options: ResolverOptions;
  readonly #resolver: Resolver;
  /** By service, then by the name of a record. */
  readonly #lastPlaces = new Map<string, ReadonlyMap<string, readonly string[][]>>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#resolver = new Resolver({ timeout: options.timeoutMs, tries: TRIES });
    if (options.servers.length > 0) this.#resolver.setServers([...options.servers]);
  }

  /** Where a name is. Never rejects. */
  async resolve(name: string): Promise<NameAnswer> {
    const answer = await this.#addresses(name);
    if ("failure" in answer) return answer;
    const { places, ttlSeconds } = answer;
    const whole = places.map((addresses): NamePlace => {
      return { addresses, port: null, weight: 1, priority: 0 };
    });
    return { places: whole, ttlSeconds };
  }

  /**
   * Where the instances of a service are. Node does not tell the TTL of SRV records: the shortest
   * of their addresses' counts.
   */
  async resolveService(name: string): Promise<NameAnswer> {
    const records = await this.#resolver.resolveSrv(name).catch(failureOf);
    if ("failure" in records) return records;
    // "." says that the service is decidedly not there (RFC 2782).
    const offered = records.filter((record) => record.name !== "" && record.name !== ".");
    const names = [...new Set(offered.map((record) => record.name))];
    const answers = await Promise.all(names.map((target) => this.#addresses(target)));
    let ttlSeconds = Number.POSITIVE_INFINITY;
    let worst: NameAnswer | null = null;
    const found = new Map<string, readonly string[][]>();
    for (const [index, answer] of answers.entries()) {
      const target = names[index] ?? "";
      if ("failure" in answer) {
        worst = answer;
        found.set(target, this.#lastPlaces.get(name)?.get(target) ?? []);
      } else {
        ttlSeconds = Math.min(ttlSeconds, answer.ttlSeconds);
        found.set(target, answer.places);
      }
    }
    this.#lastPlaces.set(name, found);
    const places = srvPlaces(offered, found);
    if (places.length > 0) return { places, ttlSeconds: Math.min(ttlSeconds, MAX_SECONDS) };
    return worst ?? { failure: "nodata", code: "ENODATA" };
  }

  /** Breaks off what is asked. */
  close(): void {
    this.#resolver.cancel();
  }

  async #addresses(name: string): Promise<Addresses> {
    const { family, servers } = this.#options;
    const isSystem = servers.length === 0;
    const written = isSystem ? placesOf(await this.#inHosts(name), family) : [];
    if (written.length > 0) return { places: written, ttlSeconds: TTL_SECONDS };
    const answer = await this.#asked(name);
    const isUnknown =
      "failure" in answer && (answer.failure === "nxdomain" || answer.failure === "nodata");
    return isSystem && isUnknown ? this.#bySystem(name, answer) : answer;
  }

  /** What the name servers say. An answer of one family alone must not hide the other's failure. */
  async #asked(name: string): Promise<Addresses> {
    const { family } = this.#options;
    const none = { failure: "nodata" as const, code: "ENODATA" };
    const ttl = { ttl: true } as const;
    const [four, six] = await Promise.all([
      family === "6" ? none : this.#resolver.resolve4(name, ttl).catch(failureOf),
      family === "4" ? none : this.#resolver.resolve6(name, ttl).catch(failureOf),
    ]);
    if ("failure" in four && isHard(four.failure)) return four;
    const records = [...("failure" in four ? [] : four), ...("failure" in six ? [] : six)];
    if (records.length === 0) return "failure" in six && family !== "4" ? six : (four as Failure);
    const places = placesOf(
      records.map(({ address }) => address),
      family,
    );
    return { places, ttlSeconds: Math.min(...records.map((record) => record.ttl)) };
  }

  async #bySystem(name: string, unknown: Addresses): Promise<Addresses> {
    const { family } = this.#options;
    const found = await lookup(name, { all: true }).catch(() => []);
    const places = placesOf(
      found.map(({ address }) => address),
      family,
    );
    return places.length === 0 ? unknown : { places, ttlSeconds: TTL_SECONDS };
  }

  async #inHosts(name: string): Promise<readonly string[]> {
    const text = await readFile(this.#options.hostsFile ?? HOSTS_FILE, "utf8").catch(() => "");
    return hostsAddresses(text, name);
  }
}

type Failure = { readonly failure: LookupFailure; readonly code: string };

/** RFC 2181 section 8: what a TTL can be. */
const MAX_SECONDS = 2 ** 31 - 1;

/** It says nothing about the name. */
function isHard(failure: LookupFailure): boolean {
  return failure !== "nxdomain" && failure !== "nodata";
}

const FAILURES: Readonly<Record<string, LookupFailure>> = {
  ENOTFOUND: "nxdomain",
  ENODATA: "nodata",
  ESERVFAIL: "servfail",
  EREFUSED: "refused",
  ETIMEOUT: "timeout",
};

function failureOf(error: unknown): Failure {
  const isCoded = typeof error === "object" && error !== null && "code" in error;
  const code = isCoded ? String(error.code) : "UNKNOWN";
  return { failure: FAILURES[code] ?? "error", code };
}
