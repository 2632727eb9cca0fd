// Owns `edgelane reload`: has a running gateway read its config again, and says what came of it.

import { askAdmin } from "./admin-client.ts";
import { printChanges, readChanges } from "./changes.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

/** Files are read, listeners bound, and all workers asked. */
const RELOAD_TIMEOUT_MS = 60_000;

export async function run(invocation: Invocation): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const { status, body } = await askAdmin(invocation, "/reload", {}, RELOAD_TIMEOUT_MS);
  if (status === 422 || status === 409) {
    if (!options.has("json")) throw new CommandError(detailOf(body));
    terminal.print(JSON.stringify(body));
    return EXIT.failed;
  }
  const changes = readChanges(body);
  if (status !== 200 || changes === null) {
    throw new CommandError(`the admin API answered ${status}`);
  }
  if (options.has("json")) {
    terminal.print(JSON.stringify({ changes }));
    return EXIT.ok;
  }
  terminal.print(changes.length === 0 ? "reloaded: nothing has changed" : "reloaded:");
  printChanges(changes, terminal);
  return EXIT.ok;
}

function detailOf(body: unknown): string {
  const detail = typeof body === "object" && body !== null && "detail" in body ? body.detail : "";
  return `not reloaded, the config before serves on\n${String(detail)}`;
}
