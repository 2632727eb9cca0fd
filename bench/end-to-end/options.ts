// Owns the benchmark's command line.

import { parseArgs } from "node:util";

export const sections = ["hits", "proxied", "latency", "idle", "bulk", "startup"] as const;

export type Section = (typeof sections)[number];

export interface BenchOptions {
  readonly extent: "quick" | "full";
  readonly only: readonly Section[];
  /** Names of peers, or null for all. */
  readonly peers: readonly string[] | null;
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** Where the result goes; null for bench/results, which only complete runs are stored in. */
  readonly jsonFile: string | null;
  readonly install: boolean;
}

export const usage = `npm run bench -- [options]
  --quick          one scenario of each kind, short rounds, in under 90 seconds
  --only A,B       of ${sections.join(", ")}
  --peers A,B      of edgelane, nginx, haproxy, varnish, caddy, fastify, http-proxy-3, ...
  --rounds N       interleaved rounds (5; 3 when quick)
  --seconds S      length of one measurement (3; 1 when quick)
  --json FILE      where the result goes (bench/results for a complete run)
  --install        install missing load generators and peers with apt-get
`;

/** Throws a TypeError or RangeError with a sentence for the user. */
export function parseOptions(words: readonly string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args: [...words],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      peers: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      json: { type: "string" },
      install: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  return {
    extent: values.quick ? "quick" : "full",
    only: values.only === undefined ? sections : values.only.split(",").map(asSection),
    peers: values.peers?.split(",") ?? null,
    rounds: asCount(values.rounds, "rounds", values.quick ? 3 : 5),
    seconds: asCount(values.seconds, "seconds", values.quick ? 1 : 3),
    jsonFile: values.json ?? null,
    install: values.install,
  };
}

function asSection(word: string): Section {
  const found = sections.find((section) => section === word);
  if (found === undefined) throw new RangeError(`--only takes ${sections.join(", ")}: not ${word}`);
  return found;
}

function asCount(word: string | undefined, name: string, byDefault: number): number {
  if (word === undefined) return byDefault;
  const count = Number(word);
  if (Number.isInteger(count) && count >= 1 && count <= 3_600) return count;
  throw new RangeError(`--${name} takes a whole number from 1 to 3600: not ${word}`);
}
