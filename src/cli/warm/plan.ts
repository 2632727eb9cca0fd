// Owns what `edgelane warm` was told: from operands and options to numbers, fields and sources, or
// to what is wrong with them.

import { readExplained } from "../../gateway/explain-request.ts";
import { parseRate } from "../../gateway/config-units.ts";
import { parseAddress } from "../../gateway/listen-address.ts";
import { packageVersion } from "../../gateway/package-version.ts";
import { usageError } from "../exit-code.ts";
import type { Invocation } from "../verbs.ts";
import { readTarget } from "./url-list.ts";
import type { WarmTarget } from "./work-list.ts";

/** Twenty a second is what a person would not notice of an origin server's load. */
const RATE_DEFAULT = "20/s";
const CONCURRENCY_DEFAULT = 4;
const CONCURRENCY_MAX = 256;
const TARGETS_DEFAULT = 100_000;
const TARGETS_MAX = 10_000_000;

export interface WarmPlan {
  /** "-" is standard input. */
  readonly lists: readonly string[];
  readonly sitemaps: readonly string[];
  /** Named on the command line itself. */
  readonly targets: readonly WarmTarget[];
  readonly perSecond: number;
  readonly concurrency: number;
  readonly targetsMax: number;
  /** Hosts that were given; the first is that of paths. */
  readonly hosts: readonly string[];
  /** Names and values by turns, one list for each variant that is asked for. */
  readonly variants: readonly (readonly string[])[];
  /** The public listener; null: the admin API says it. */
  readonly to: string | null;
  readonly json: boolean;
}

export function readPlan({ operands, options }: Invocation): WarmPlan {
  const [operand] = operands;
  const sitemaps = valuesOf(options.get("sitemap"));
  if (operand === undefined && sitemaps.length === 0) {
    throw usageError("warm: which URLs? A file, - for standard input, a URL, or --sitemap");
  }
  const isUrl = operand !== undefined && /^https?:\/\//i.test(operand);
  const target = isUrl ? readTarget(operand) : null;
  if (target !== null && "problem" in target) throw usageError(`warm: ${target.problem}`);
  const common = ["user-agent", `edgelane-warm/${packageVersion()}`, ...readFields(options)];
  const variants = valuesOf(options.get("variant")).map(readField);
  return {
    lists: operand === undefined || isUrl ? [] : [operand],
    sitemaps,
    targets: target === null ? [] : [target],
    perSecond: readRate(options.get("rate") ?? RATE_DEFAULT),
    concurrency: readCount("concurrency", options, CONCURRENCY_DEFAULT, CONCURRENCY_MAX),
    targetsMax: readCount("max", options, TARGETS_DEFAULT, TARGETS_MAX),
    hosts: valuesOf(options.get("host")).map(readHost),
    variants: variants.length === 0 ? [common] : variants.map((field) => [...common, ...field]),
    to: readListener(options.get("to")),
    json: options.has("json"),
  };
}

function valuesOf(joined: string | undefined): string[] {
  return joined === undefined ? [] : joined.split("\n").filter((value) => value !== "");
}

function readFields(options: Invocation["options"]): string[] {
  return valuesOf(options.get("header")).flatMap(readField);
}

function readField(line: string): string[] {
  const reading = readExplained("GET", "http://a/", [line]);
  if ("problem" in reading) throw usageError(`warm: ${reading.problem}`);
  const [name = "", value = ""] = reading.request.fields.slice(2);
  // What says where a request goes, or how its content is framed, is ours.
  if (name === "" || OURS.has(name.toLowerCase())) {
    throw usageError(
      `warm: ${line.split(":")[0] ?? ""} cannot be given as a field; --host says whom`,
    );
  }
  return [name, value];
}

const OURS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function readRate(text: string): number {
  const perSecond = parseRate(text);
  if (perSecond !== null && perSecond > 0) return perSecond;
  const suggestion = /^\d+$/.test(text) ? `${text}/s` : null;
  throw usageError(`--rate: "${text}" is not a rate such as 20/s or 600/m`, suggestion);
}

function readCount(
  name: string,
  options: Invocation["options"],
  standard: number,
  max: number,
): number {
  const text = options.get(name) ?? String(standard);
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= max) return count;
  throw usageError(`--${name}: "${text}" is not a whole number from 1 to ${max}`);
}

function readHost(text: string): string {
  const url = URL.parse(`http://${text}/`);
  if (url !== null && url.href === `http://${url.host}/`) return url.host;
  throw usageError(`--host: "${text}" is not a host such as example.com or example.com:8080`);
}

function readListener(text: string | undefined): string | null {
  if (text === undefined) return null;
  const parsed = parseAddress(text);
  if (parsed === null || parsed.secure) {
    throw usageError(`--to: "${text}" is not an address such as 127.0.0.1:8080`);
  }
  const { host, port } = parsed.address;
  return `http://${host === null ? "localhost" : host.includes(":") ? `[${host}]` : host}:${port}`;
}
