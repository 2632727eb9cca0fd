// Owns the one table of verbs: usage, options and what each does. Help, completion, suggestions and
// dispatch are made from it. A verb's code is loaded only when it runs.

import type { ExitCode } from "./exit-code.ts";
import type { Terminal } from "./terminal.ts";

export interface Option {
  readonly name: string;
  readonly short?: string;
  /** What follows it, as help writes it; a switch has none. */
  readonly value?: string;
  readonly about: string;
  /** It may be given several times; the values are joined by line ends. */
  readonly repeats?: true;
}

export interface Invocation {
  /** What is not an option. */
  readonly operands: readonly string[];
  /** Given options by name; "" for a switch. */
  readonly options: ReadonlyMap<string, string>;
  readonly terminal: Terminal;
}

export type Run = (invocation: Invocation) => ExitCode | Promise<ExitCode>;

export interface Verb {
  /** "" is what runs without a verb. */
  readonly name: string;
  /** What follows the verb. */
  readonly usage: string;
  readonly about: string;
  /** Further lines of its help. */
  readonly details: readonly string[];
  readonly operandsMax: number;
  readonly options: readonly Option[];
  /** null: the verb is understood, but this version does not have it. */
  readonly load: (() => Promise<Run>) | null;
}

const JSON_OPTION: Option = { name: "json", about: "print JSON" };
const LISTEN: Option = {
  name: "listen",
  value: "ADDR",
  about: "public address, instead of the config's",
};
const ADMIN: Option = {
  name: "admin",
  value: "ADDR|off",
  about: "admin address, instead of the config's",
};

const ADMIN_API: Option = {
  name: "admin",
  value: "ADDR",
  about: "where the admin API is; 127.0.0.1:9180",
};

export const GLOBAL_OPTIONS: readonly Option[] = [
  { name: "help", short: "h", about: "show help" },
  { name: "version", short: "V", about: "show the version" },
];

const SERVING: readonly Verb[] = [
  {
    name: "",
    usage: "[URL]",
    about: "proxy and cache http://localhost:8080 -> URL; without one, a built-in demo origin",
    details: ["Needs no config file. Listens on loopback unless --listen says otherwise."],
    operandsMax: 1,
    options: [LISTEN, ADMIN, JSON_OPTION],
    load: async () => (await import("./quick-start.ts")).run,
  },
  {
    name: "serve",
    usage: "[-c FILE] [--watch] [--workers N|auto] [--listen ADDR] [--admin ADDR|off]",
    about: "run the gateway from a config file",
    details: [
      "Without -c: edgelane.yaml, .yml, .json, .ts, .js or .mjs of this directory.",
      "SIGTERM and SIGINT finish what is under way and exit 0; a second one exits at once.",
      "SIGHUP reads the config again, and opens log files again.",
    ],
    operandsMax: 0,
    options: [
      { name: "config", short: "c", value: "FILE", about: "the config file" },
      { name: "watch", about: "reload when the file changes" },
      { name: "workers", value: "N|auto", about: "threads that serve" },
      LISTEN,
      ADMIN,
      JSON_OPTION,
    ],
    load: async () => (await import("./serve.ts")).run,
  },
];

const CONFIG: readonly Verb[] = [
  {
    name: "init",
    usage: "[--yes]",
    about: "write a commented edgelane.yaml",
    details: ["Never overwrites a file."],
    operandsMax: 0,
    options: [{ name: "yes", short: "y", about: "ask nothing" }],
    load: async () => (await import("./init.ts")).run,
  },
  {
    name: "check",
    usage: "[FILE] [--json]",
    about: "all errors of a config in one pass, file:line:col, with a suggestion",
    details: ["Exits 1 when there is an error; warnings alone do not fail it."],
    operandsMax: 1,
    options: [JSON_OPTION],
    load: async () => (await import("./check.ts")).run,
  },
  {
    name: "schema",
    usage: "",
    about: "print the JSON Schema of the config, for editors",
    details: [],
    operandsMax: 0,
    options: [JSON_OPTION],
    load: async () => (await import("./schema.ts")).run,
  },
];

const RUNNING: readonly Verb[] = [
  {
    name: "explain",
    usage: "METHOD URL [-H 'k: v'] [--response 'k: v'] [-c FILE | --live [--admin ADDR]] [--json]",
    about: "which route, cache key, rule (with its RFC section), target and limits",
    details: [
      "From the config file alone, or with --live from a running gateway and what it has stored.",
      "With --response or --status: whether such a response would be stored, and for how long.",
      "Sends no request. Exits 1 when no route matches, 3 when the admin API cannot be reached.",
    ],
    operandsMax: 2,
    options: [
      { name: "header", short: "H", value: "LINE", about: "a field of the request", repeats: true },
      { name: "response", value: "LINE", about: "a field of a response to it", repeats: true },
      { name: "status", value: "CODE", about: "of that response; 200" },
      { name: "config", short: "c", value: "FILE", about: "the config file" },
      { name: "live", about: "ask the running gateway" },
      ADMIN_API,
      JSON_OPTION,
    ],
    load: async () => (await import("./explain.ts")).run,
  },
  {
    name: "purge",
    usage: "URL | --tag T | --prefix P | --all [--soft] [--admin ADDR] [--json]",
    about: "remove stored responses from a running gateway",
    details: [
      "A URL stands for all its variants; a prefix for every URL that starts with it.",
      "Tags are those of Surrogate-Key, Cache-Tag and the route. What is on its way is not stored.",
      "The token comes from EDGELANE_ADMIN_TOKEN.",
      "Exits 3 when the admin API cannot be reached.",
    ],
    operandsMax: 1,
    options: [
      { name: "all", about: "everything that is stored" },
      { name: "tag", value: "T", about: "what carries a tag" },
      { name: "prefix", value: "P", about: "what starts with a URL" },
      { name: "soft", about: "keep it as stale: validated before it is used" },
      ADMIN_API,
      JSON_OPTION,
    ],
    load: async () => (await import("./purge.ts")).run,
  },
  {
    name: "warm",
    usage: "[FILE|-|URL] [--sitemap URL|FILE] [--rate 20/s] [-H 'k: v'] [--json]",
    about: "fill the cache of a running gateway from a list of URLs or a sitemap",
    details: [
      "A list has a URL or a path on each line; # begins a comment. - reads standard input.",
      "Sitemaps may be indexes, and gzip. Only the gateway is asked, whatever hosts are named.",
      "Every worker is asked, at the same time: the origin server gets one request.",
      "503 and 429 halve the rate, and Retry-After is waited for. Redirects are not followed.",
      "Exits 1 when something failed or was left out, 3 when the admin API cannot be reached.",
    ],
    operandsMax: 1,
    options: [
      { name: "sitemap", value: "URL|FILE", about: "its pages, and its sitemaps'", repeats: true },
      { name: "rate", value: "RATE", about: "at most; 20/s" },
      { name: "concurrency", value: "N", about: "URLs at the same time; 4" },
      {
        name: "header",
        short: "H",
        value: "LINE",
        about: "a field of each request",
        repeats: true,
      },
      {
        name: "variant",
        value: "LINE",
        about: "ask once with this field, as 'Accept-Encoding: gzip'",
        repeats: true,
      },
      {
        name: "host",
        value: "HOST",
        about: "of paths, and one that sitemaps may name",
        repeats: true,
      },
      { name: "max", value: "N", about: "URLs at most; 100000" },
      { name: "to", value: "ADDR", about: "the public listener, if not as the admin API says" },
      { name: "admin", value: "ADDR", about: "where the admin API is; 127.0.0.1:9180" },
      JSON_OPTION,
    ],
    load: async () => (await import("./warm.ts")).run,
  },
];

const DUTY_OPTIONS: readonly Option[] = [ADMIN_API, JSON_OPTION];
const DUTY_DETAILS = [
  "TARGET is host:port, as /status and the metrics name it. Lasts until the gateway restarts.",
  "Exits 1 where no upstream has it, 3 when the admin API cannot be reached.",
];

const RELOADING: readonly Verb[] = [
  {
    name: "reload",
    usage: "[--admin ADDR] [--json]",
    about: "have a running gateway read its config again",
    details: [
      "It serves the new config from the next request on; upstreams and routes that are as they were",
      "keep their connections, health and stored responses. A config that is no good changes nothing.",
      "Exits 1 where the config is refused, 3 when the admin API cannot be reached.",
    ],
    operandsMax: 0,
    options: [ADMIN_API, JSON_OPTION],
    load: async () => (await import("./reload.ts")).run,
  },
  {
    name: "diff",
    usage: "[FILE] [--admin ADDR] [--json]",
    about: "what a reload would change: the running config against a file",
    details: [
      "Defaults count; secrets are not compared. Changes marked with ! take effect at a restart.",
      "Exits 0 with and without differences, 1 where the file is no good.",
    ],
    operandsMax: 1,
    options: [ADMIN_API, JSON_OPTION],
    load: async () => (await import("./diff.ts")).run,
  },
];

const DUTIES: readonly Verb[] = [
  {
    name: "targets",
    usage: "[UPSTREAM] | add UPSTREAM URL | weight TARGET N | remove TARGET  [OPTION]...",
    about: "list, add, weigh and remove the targets of a running gateway",
    details: [
      "add:     [--weight N] [--backup | --priority N] [--zone Z]; it starts slowly.",
      "weight:  [--upstream U]; 0 takes its requests away, those under way finish.",
      "remove:  [--upstream U]; requests under way have shutdown.grace to finish.",
      "TARGET is as the list names it. In every worker or in none; lasts until a restart.",
      "Exits 1 where it cannot be done, 3 when the admin API cannot be reached.",
    ],
    operandsMax: 3,
    options: [
      { name: "weight", value: "N", about: "share relative to the others; 1" },
      { name: "backup", about: "asked only for what the others are too few for" },
      { name: "priority", value: "N", about: "0 is asked first" },
      { name: "zone", value: "Z", about: "where the target runs" },
      { name: "upstream", value: "U", about: "only there; else wherever the target is" },
      ...DUTY_OPTIONS,
    ],
    load: async () => (await import("./targets.ts")).run,
  },
  {
    name: "drain",
    usage: "TARGET [--admin ADDR] [--json]",
    about: "send a target no more requests; those under way finish",
    details: DUTY_DETAILS,
    operandsMax: 1,
    options: DUTY_OPTIONS,
    load: async () => (await import("./drain.ts")).drain,
  },
  {
    name: "undrain",
    usage: "TARGET [--admin ADDR] [--json]",
    about: "send a target requests again, a few at first",
    details: DUTY_DETAILS,
    operandsMax: 1,
    options: DUTY_OPTIONS,
    load: async () => (await import("./drain.ts")).undrain,
  },
];

const SMALL: readonly Verb[] = [
  {
    name: "version",
    usage: "",
    about: "print the versions of edgelane and of what it runs on",
    details: [],
    operandsMax: 0,
    options: [JSON_OPTION],
    load: async () => (await import("./version.ts")).run,
  },
  {
    name: "completion",
    usage: "SHELL",
    about: "print a completion script for bash, zsh or fish",
    details: ["bash: source <(edgelane completion bash)"],
    operandsMax: 1,
    options: [],
    load: async () => (await import("./completion.ts")).run,
  },
];

/** Understood, so that a slip is told from what is yet to come. */
const UNAVAILABLE: readonly Verb[] = [
  unavailable("top", "", "what is going on, live"),
  unavailable("tail", "[--errors] [--route R]", "requests as they end"),
  unavailable("bench", "[--quick] [--json FILE]", "measure this machine"),
];

export const VERBS: readonly Verb[] = [
  ...SERVING,
  ...CONFIG,
  ...RUNNING,
  ...RELOADING,
  ...DUTIES,
  ...SMALL,
  ...UNAVAILABLE,
];

function unavailable(name: string, usage: string, about: string): Verb {
  return { name, usage, about, details: [], operandsMax: 99, options: [], load: null };
}
