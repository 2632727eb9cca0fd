// Owns `edgelane diff`: what a reload would change, the running config against a file.

import { configChanges } from "../gateway/config-diff.ts";
import { loadConfig } from "../gateway/config.ts";
import { redactConfig } from "../gateway/config-redaction.ts";
import { askAdmin } from "./admin-client.ts";
import { printChanges } from "./changes.ts";
import { requireConfigFile } from "./config-file.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { describeModuleError } from "./module-error.ts";
import type { Invocation } from "./verbs.ts";

export async function run(invocation: Invocation): Promise<ExitCode> {
  const { operands, options, terminal } = invocation;
  const file = operands[0] ?? (await requireConfigFile());
  const { environment } = terminal;
  const config = await describeModuleError(file, loadConfig(file, { environment }));
  const { status, body } = await askAdmin(invocation, "/config");
  if (status !== 200) throw new CommandError(`the admin API answered ${status}`);
  const changes = configChanges(body, redactConfig(config));
  if (options.has("json")) {
    terminal.print(JSON.stringify({ changes }));
    return EXIT.ok;
  }
  if (changes.length === 0) terminal.print(`${file}: as it is running`);
  printChanges(changes, terminal);
  return EXIT.ok;
}
