// Owns `npm run bench:profile`: loads one Node gateway, takes a CPU profile of just that time, and
// prints the functions with the most self time. For finding what to make faster; its numbers are no
// benchmark results.

import { copyFileSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { closeContext, openContext, startSubject, type BenchContext } from "./bench-context.ts";
import type { Peer } from "./peer.ts";
import { edgelane, edgelaneWithLog } from "./peer-edgelane.ts";
import { fastify, httpProxy3 } from "./peer-node.ts";
import { browserFields, runWrk } from "./wrk.ts";

interface ProfileOptions {
  readonly peer: Peer;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  readonly head: "short" | "browser";
  readonly top: number;
  /** Where the .cpuprofile is kept, for a browser's developer tools; null to throw it away. */
  readonly out: string | null;
}

/**
 * What V8 writes: a tree of call frames and, in sequence, the node and microseconds of each sample.
 */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface SelfTime {
  readonly name: string;
  readonly place: string;
  microseconds: number;
}

const usage = `npm run bench:profile -- [options]
  --path P         /fresh/1k (a hit; default), /fresh/64k, /pass/1k (proxied), /pass/64k
  --peer NAME      edgelane (default), edgelane+log, fastify, http-proxy-3
  --connections N  64      --seconds S  5      --top N  40
  --head H         short (default) or browser
  --out FILE       keep the .cpuprofile
`;

const peers: readonly Peer[] = [edgelane, edgelaneWithLog, fastify, httpProxy3];
const profileBytesMin = 1_000;

async function profile(options: ProfileOptions): Promise<string> {
  const availability = await options.peer.find();
  if (!availability.found) throw new Error(`${options.peer.name}: ${availability.reason}`);
  const context = await openContext(0, () => undefined);
  try {
    const { requestsPerSecond, file } = await profileUnderLoad(context, options);
    if (options.out !== null) copyFileSync(file, options.out);
    const functions = selfTimes(JSON.parse(readFileSync(file, "utf8")) as CpuProfile);
    return render(options, requestsPerSecond, functions);
  } finally {
    await closeContext(context);
  }
}

async function profileUnderLoad(
  context: BenchContext,
  options: ProfileOptions,
): Promise<{ requestsPerSecond: number; file: string }> {
  const hook = new URL("profile-hook.ts", import.meta.url).href;
  process.env["EDGELANE_PROFILE_DIRECTORY"] = context.directory;
  const subject = await startSubject(context, options.peer, ["--import", hook]);
  const { path, connections, seconds } = options;
  const fields = options.head === "browser" ? browserFields : [];
  const load = { port: subject.port, path, connections, seconds, fields };
  // Compiled code is what matters; the first seconds run in the interpreter.
  await runWrk(context, { ...load, seconds: 3 });
  subject.child.signal("SIGURG");
  const result = await runWrk(context, load);
  subject.child.signal("SIGURG");
  if (result.failed > 0) throw new Error(`${result.failed} requests failed`);
  const file = await busiestProfile(context.directory);
  return { requestsPerSecond: result.requestsPerSecond, file };
}

/**
 * The largest profile is that of the thread with the most different stacks: the one that served.
 */
async function busiestProfile(directory: string): Promise<string> {
  for (let attempt = 0; attempt < 100; attempt++) {
    await delay(100);
    const files = readdirSync(directory)
      .filter((name) => name.endsWith(".cpuprofile"))
      .map((name) => join(directory, name))
      .sort((a, b) => statSync(b).size - statSync(a).size);
    const [largest] = files;
    if (largest !== undefined && isComplete(largest)) return largest;
  }
  throw new Error("the gateway wrote no profile");
}

function isComplete(file: string): boolean {
  if (!existsSync(file) || statSync(file).size < profileBytesMin) return false;
  return readFileSync(file, "utf8").endsWith("}");
}

function selfTimes(cpuProfile: CpuProfile): SelfTime[] {
  const byNode = new Map<number, SelfTime>();
  const byPlace = new Map<string, SelfTime>();
  for (const { id, callFrame } of cpuProfile.nodes) {
    const name = callFrame.functionName === "" ? "(anonymous)" : callFrame.functionName;
    const place =
      callFrame.url === "" ? "" : `${shorten(callFrame.url)}:${callFrame.lineNumber + 1}`;
    const key = `${name} ${place}`;
    const entry = byPlace.get(key) ?? { name, place, microseconds: 0 };
    byPlace.set(key, entry);
    byNode.set(id, entry);
  }
  cpuProfile.samples.forEach((node, index) => {
    const entry = byNode.get(node);
    if (entry !== undefined) entry.microseconds += cpuProfile.timeDeltas[index] ?? 0;
  });
  return [...byPlace.values()].sort((a, b) => b.microseconds - a.microseconds);
}

function shorten(url: string): string {
  const parts = url.split("/");
  const modules = parts.lastIndexOf("node_modules");
  if (modules >= 0) return parts.slice(modules + 1).join("/");
  const root = basename(join(import.meta.dirname, "..", ".."));
  const at = parts.lastIndexOf(root);
  return at >= 0 ? parts.slice(at + 1).join("/") : url;
}

function render(options: ProfileOptions, rate: number, functions: readonly SelfTime[]): string {
  const busy = functions.filter((entry) => !isOutside(entry));
  const total = busy.reduce((sum, entry) => sum + entry.microseconds, 0);
  const requests = rate * options.seconds;
  const lines = busy.slice(0, options.top).map((entry) => {
    const share = ((entry.microseconds / total) * 100).toFixed(1).padStart(5);
    const each = (entry.microseconds / requests).toFixed(3).padStart(8);
    return `${share} % ${each} µs  ${entry.name.padEnd(32)} ${entry.place}`;
  });
  const about = `${options.peer.name} ${options.path}, ${options.connections} connections`;
  const head = `${about}: ${Math.round(rate)} requests/s under the profiler`;
  return `${head}; share of busy time, and per request\n${lines.join("\n")}\n`;
}

/** Time that serves nobody: waiting, and the profiler itself. */
function isOutside(entry: SelfTime): boolean {
  return entry.name === "(idle)" || entry.place.startsWith("node:inspector");
}

function parseProfileOptions(words: readonly string[]): ProfileOptions | "help" {
  const { values } = parseArgs({
    args: [...words],
    options: {
      path: { type: "string", default: "/fresh/1k" },
      peer: { type: "string", default: edgelane.name },
      connections: { type: "string", default: "64" },
      seconds: { type: "string", default: "5" },
      head: { type: "string", default: "short" },
      top: { type: "string", default: "40" },
      out: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const peer = peers.find((one) => one.name === values.peer);
  if (peer === undefined)
    throw new RangeError(`--peer takes ${peers.map((one) => one.name).join(", ")}`);
  return {
    peer,
    path: values.path,
    connections: Number(values.connections),
    seconds: Number(values.seconds),
    head: values.head === "browser" ? "browser" : "short",
    top: Number(values.top),
    out: values.out ?? null,
  };
}

if (import.meta.main) {
  try {
    const options = parseProfileOptions(process.argv.slice(2));
    process.stdout.write(options === "help" ? usage : await profile(options));
  } catch (error) {
    process.stderr.write(`profile: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
