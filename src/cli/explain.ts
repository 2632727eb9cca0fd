// Owns `edgelane explain`: what becomes of a request and why, from a config file alone, or from
// what a running gateway knows.

import type { Explanation } from "../gateway/explain.ts";
import { type ExplainQuestion, readExplained, readResponse } from "../gateway/explain-request.ts";
import { loadConfig } from "../gateway/config.ts";
import { createGateway } from "../gateway/gateway.ts";
import { systemClock } from "../clock.ts";
import { askAdmin } from "./admin-client.ts";
import { requireConfigFile } from "./config-file.ts";
import { CommandError, EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { explanationText } from "./explain-text.ts";
import { describeModuleError } from "./module-error.ts";
import type { Invocation } from "./verbs.ts";

export async function run(invocation: Invocation): Promise<ExitCode> {
  const { operands, options, terminal } = invocation;
  const [method, url] = operands;
  if (method === undefined || url === undefined) {
    throw usageError("explain takes a method and a URL: edgelane explain GET http://host/path");
  }
  const lines = linesOf(options.get("header"));
  const reading = readExplained(method, url, lines);
  if ("problem" in reading) throw usageError(`explain: ${reading.problem}`);
  const given = readResponse(options.get("status"), linesOf(options.get("response")));
  if ("problem" in given) throw usageError(`explain: ${given.problem}`);
  if (options.has("live") && options.has("config")) {
    throw usageError("explain takes --live or --config, not both");
  }
  const explanation = options.has("live")
    ? await explainLive(invocation, method, url, lines)
    : await explainConfig(invocation, { request: reading.request, response: given.response });
  terminal.print(
    options.has("json")
      ? JSON.stringify(explanation)
      : explanationText(explanation, terminal.style, systemClock.nowMs()),
  );
  return explanation.route === null ? EXIT.failed : EXIT.ok;
}

/** Builds what would serve, without a listener and without logs. */
async function explainConfig(
  { options, terminal }: Invocation,
  question: ExplainQuestion,
): Promise<Explanation> {
  const file = options.get("config") ?? (await requireConfigFile());
  const { environment } = terminal;
  const config = await describeModuleError(file, loadConfig(file, { environment }));
  const gateway = createGateway({ ...config, log: { level: "silent", access: { kind: "off" } } });
  try {
    return await gateway.explain(question);
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
  const { options } = invocation;
  const query = new URLSearchParams([
    ["method", method],
    ["url", url],
    ...lines.map((line) => ["field", line]),
    ...linesOf(options.get("response")).map((line) => ["response", line]),
    ...linesOf(options.get("status")).map((status) => ["status", status]),
  ]);
  const { status, body } = await askAdmin(invocation, `/explain?${query.toString()}`);
  if (status !== 200 || typeof body !== "object" || body === null || !("otherRoutes" in body)) {
    throw new CommandError(`the admin API answered ${status}`);
  }
  return body as Explanation;
}

function linesOf(joined: string | undefined): string[] {
  return (joined ?? "").split("\n").filter((line) => line !== "");
}
