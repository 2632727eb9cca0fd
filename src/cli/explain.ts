// Owns `edgelane explain`: what becomes of a request and why, from a config file alone, or from
// what a running gateway knows.

import type { Explanation } from "../gateway/explain.ts";
import { readExplained } from "../gateway/explain-request.ts";
import { loadConfig } from "../gateway/config.ts";
import { createGateway } from "../gateway/gateway.ts";
import { askAdmin } from "./admin-client.ts";
import { requireConfigFile } from "./config-file.ts";
import { CommandError, EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { describeModuleError } from "./module-error.ts";
import type { Terminal } from "./terminal.ts";
import type { Invocation } from "./verbs.ts";

export async function run(invocation: Invocation): Promise<ExitCode> {
  const { operands, options, terminal } = invocation;
  const [method, url] = operands;
  if (method === undefined || url === undefined) {
    throw usageError("explain takes a method and a URL: edgelane explain GET http://host/path");
  }
  const lines = (options.get("header") ?? "").split("\n").filter((line) => line !== "");
  const reading = readExplained(method, url, lines);
  if ("problem" in reading) throw usageError(`explain: ${reading.problem}`);
  if (options.has("live") && options.has("config")) {
    throw usageError("explain takes --live or --config, not both");
  }
  const explanation = options.has("live")
    ? await explainLive(invocation, method, url, lines)
    : await explainConfig(invocation, reading.request);
  terminal.print(options.has("json") ? JSON.stringify(explanation) : render(explanation, terminal));
  return explanation.route === null ? EXIT.failed : EXIT.ok;
}

/** Builds what would serve, without a listener and without logs. */
async function explainConfig(
  { options, terminal }: Invocation,
  request: Parameters<ReturnType<typeof createGateway>["explain"]>[0],
): Promise<Explanation> {
  const file = options.get("config") ?? (await requireConfigFile());
  const { environment } = terminal;
  const config = await describeModuleError(file, loadConfig(file, { environment }));
  const gateway = createGateway({ ...config, log: { level: "silent", access: { kind: "off" } } });
  try {
    return gateway.explain(request);
  } finally {
    await gateway.close({ graceMs: 0 });
  }
}

async function explainLive(
  invocation: Invocation,
  method: string,
  url: string,
  lines: readonly string[],
): Promise<Explanation> {
  const query = new URLSearchParams([
    ["method", method],
    ["url", url],
    ...lines.map((line) => ["field", line]),
  ]);
  const { status, body } = await askAdmin(invocation, `/explain?${query.toString()}`);
  if (status !== 200 || typeof body !== "object" || body === null || !("otherRoutes" in body)) {
    throw new CommandError(`the admin API answered ${status}`);
  }
  return body as Explanation;
}

function render(explanation: Explanation, terminal: Terminal): string {
  const { route, otherRoutes, key, cache, upstream } = explanation;
  const lines = [terminal.style("bold", `${explanation.method} ${explanation.url}`)];
  const add = (label: string, text: string): void => {
    lines.push(`${label.padEnd(10)} ${text}`);
  };
  if (route === null) {
    add("route", "none matches: 404 no_route, or the gateway answers itself");
    return lines.join("\n");
  }
  add("route", `${route.name} (${route.match}) -> ${route.to}`);
  for (const other of otherRoutes) add("", `less specific: ${other.name} (${other.match})`);
  if (key !== null) {
    add("key", `${key.uri} (${key.hash})`);
    for (const [name, value] of Object.entries(key.selectedBy)) {
      add("", `selected by ${name}: ${value ?? "(absent)"}`);
    }
    const stripped = [...key.strippedParameters.map((name) => `?${name}`), ...key.strippedFields];
    if (stripped.length > 0) add("", `not in it, and not forwarded: ${stripped.join(", ")}`);
  }
  if (cache !== null) renderCache(cache, explanation.live, add);
  if (upstream !== null) {
    add("upstream", `${upstream.name}, ${upstream.balance}`);
    for (const target of upstream.targets) add("", JSON.stringify(target));
    add("limits", JSON.stringify({ ...upstream.pool, ...upstream.timeout, ...upstream.retry }));
  }
  return lines.join("\n");
}

function renderCache(
  cache: NonNullable<Explanation["cache"]>,
  live: boolean,
  add: (label: string, text: string) => void,
): void {
  add("verdict", `${cache.verdict}: ${cache.text} (${cache.section})`);
  if (live) add("tier", cache.tier ?? "nothing is stored for it");
  for (const step of cache.steps) {
    add(step === cache.steps[0] ? "rules" : "", `${step.decided ? "->" : "  "} ${step.rule}`);
  }
  const { stored } = cache;
  if (stored !== null) {
    add("stored", `${stored.status}, ${stored.contentBytes} bytes, age ${stored.ageSeconds} s`);
    add("until", `fresh ${stored.freshUntil} (${stored.freshnessRule})`);
    add("", `while validated ${stored.staleWhileRevalidateUntil}`);
    add("", `when the origin fails ${stored.staleIfErrorUntil}`);
  }
  for (const [index, line] of cache.storing.entries()) add(index === 0 ? "stores" : "", line);
  for (const [index, line] of cache.wouldChange.entries()) add(index === 0 ? "changes" : "", line);
}
