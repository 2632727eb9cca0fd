// Owns `edgelane targets`: lists the targets of a running gateway, adds one, weighs one, removes
// one.

import { askAdmin } from "./admin-client.ts";
import { CommandError, EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  const [action] = invocation.operands;
  switch (action) {
    case "add":
      return add(invocation);
    case "weight":
      return weigh(invocation);
    case "remove":
      return remove(invocation);
    default:
      return list(invocation);
  }
}

async function list(invocation: Invocation): Promise<ExitCode> {
  const { operands, options, terminal } = invocation;
  const [upstream, extra] = operands;
  refuseOptions(invocation, []);
  if (extra !== undefined) throw usageError(`targets does not take "${extra}"`);
  const query = upstream === undefined ? "" : `?upstream=${encodeURIComponent(upstream)}`;
  const { status, body } = await askAdmin(invocation, `/targets${query}`);
  if (status !== 200) throw refusal(status, body);
  if (options.has("json")) {
    terminal.print(JSON.stringify(body));
    return EXIT.ok;
  }
  const rows = (body as { readonly targets: readonly ListedTarget[] }).targets.map(columnsOf);
  const all = [["UPSTREAM", "TARGET", "WEIGHT", "STATE", "RUNNING", "FROM"], ...rows];
  for (const row of all) {
    const cells = row.map((cell, column) => cell.padEnd(widthOf(all, column)));
    terminal.print(cells.join("  ").trimEnd());
  }
  return EXIT.ok;
}

interface ListedTarget {
  readonly upstream: string;
  readonly target: string;
  readonly weight: number;
  readonly backup: boolean;
  readonly state: string;
  readonly inFlight: number;
  /** None of these for a target that was removed and has not finished. */
  readonly declared?: string;
  readonly source?: string;
}

function columnsOf(listed: ListedTarget): string[] {
  const { upstream, target, weight, backup, state, inFlight, declared, source = "" } = listed;
  const from = declared === undefined || declared === target ? source : `${source}: ${declared}`;
  const share = backup ? `${weight} (backup)` : String(weight);
  return [upstream, target, share, state, String(inFlight), from];
}

function widthOf(rows: readonly (readonly string[])[], column: number): number {
  return Math.max(...rows.map((row) => row[column]?.length ?? 0));
}

async function add(invocation: Invocation): Promise<ExitCode> {
  const { operands, options } = invocation;
  const [, upstream, url, extra] = operands;
  refuseOptions(invocation, ["weight", "backup", "priority", "zone"]);
  if (upstream === undefined || url === undefined || extra !== undefined) {
    throw usageError("targets add UPSTREAM URL, such as targets add api http://10.0.0.13:3000");
  }
  const zone = options.get("zone");
  return change(
    invocation,
    "/targets",
    {
      upstream,
      url,
      ...wholeOf(options, "weight"),
      ...wholeOf(options, "priority"),
      ...(options.has("backup") ? { backup: true } : {}),
      ...(zone === undefined ? {} : { zone }),
    },
    (upstreams) => `${url} joins ${upstreams}`,
  );
}

async function weigh(invocation: Invocation): Promise<ExitCode> {
  const [, target, written, extra] = invocation.operands;
  refuseOptions(invocation, ["upstream"]);
  if (target === undefined || written === undefined || extra !== undefined) {
    throw usageError("targets weight TARGET N, such as targets weight 10.0.0.13:3000 2");
  }
  const weight = wholeNumber(written, "weight");
  const path = `/targets/${encodeURIComponent(target)}/weight`;
  const body = { weight, ...upstreamOf(invocation) };
  const done = (upstreams: string): string => `${target} (${upstreams}) has weight ${weight}`;
  return change(invocation, path, body, done);
}

async function remove(invocation: Invocation): Promise<ExitCode> {
  const [, target, extra] = invocation.operands;
  refuseOptions(invocation, ["upstream"]);
  if (target === undefined || extra !== undefined) {
    throw usageError("targets remove TARGET, such as targets remove 10.0.0.13:3000");
  }
  const path = `/targets/${encodeURIComponent(target)}/remove`;
  const done = (upstreams: string): string =>
    `${target} leaves ${upstreams}; what is under way there finishes`;
  return change(invocation, path, upstreamOf(invocation), done);
}

async function change(
  invocation: Invocation,
  path: string,
  request: object,
  done: (upstreams: string) => string,
): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const { status, body } = await askAdmin(invocation, path, request);
  if (status !== 200 || !isDone(body)) throw refusal(status, body);
  const text = options.has("json") ? JSON.stringify(body) : done(body.upstreams.join(", "));
  terminal.print(text);
  return EXIT.ok;
}

function isDone(body: unknown): body is { readonly upstreams: readonly string[] } {
  return (
    typeof body === "object" &&
    body !== null &&
    "upstreams" in body &&
    Array.isArray(body.upstreams)
  );
}

/** What the admin API says of a request that it did not follow. */
function refusal(status: number, body: unknown): CommandError {
  const isSaid = typeof body === "object" && body !== null && "detail" in body;
  const detail = isSaid ? String(body.detail) : `the admin API answered ${status}`;
  return status === 400 ? usageError(detail) : new CommandError(detail);
}

function upstreamOf({ options }: Invocation): object {
  const upstream = options.get("upstream");
  return upstream === undefined ? {} : { upstream };
}

/** Each action has options of its own; a slip must not be taken for nothing. */
function refuseOptions({ operands, options }: Invocation, own: readonly string[]): void {
  const name = operands[0] ?? "";
  for (const option of ["weight", "backup", "priority", "zone", "upstream"]) {
    if (!options.has(option) || own.includes(option)) continue;
    const verb = ["add", "weight", "remove"].includes(name) ? `targets ${name}` : "targets";
    throw usageError(`edgelane ${verb} has no option --${option}`);
  }
}

function wholeOf(options: Invocation["options"], name: string): object {
  const written = options.get(name);
  return written === undefined ? {} : { [name]: wholeNumber(written, name) };
}

function wholeNumber(written: string, name: string): number {
  if (!/^\d{1,6}$/.test(written)) throw usageError(`${name}: "${written}" is not a whole number`);
  return Number(written);
}
