// Owns `edgelane drain` and `undrain`: takes a target of a running gateway out of service, or puts
// it back, and says which upstreams that concerns.

import { askAdmin } from "./admin-client.ts";
import { CommandError, EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

export function drain(invocation: Invocation): Promise<ExitCode> {
  return change(invocation, "drain");
}

export function undrain(invocation: Invocation): Promise<ExitCode> {
  return change(invocation, "undrain");
}

async function change(invocation: Invocation, verb: "drain" | "undrain"): Promise<ExitCode> {
  const { operands, options, terminal } = invocation;
  const [target] = operands;
  if (target === undefined) throw usageError(`${verb}: which target? Such as 10.0.0.11:3000`);
  const path = `/targets/${encodeURIComponent(target)}/${verb}`;
  const { status, body } = await askAdmin(invocation, path, {});
  if (status === 404) throw new CommandError(`no upstream has a target "${target}"`);
  if (status !== 200 || typeof body !== "object" || body === null || !("upstreams" in body)) {
    throw new CommandError(`the admin API answered ${status}`);
  }
  const names = Array.isArray(body.upstreams) ? body.upstreams.join(", ") : "";
  const done = verb === "drain" ? "gets no more requests" : "gets requests again";
  terminal.print(options.has("json") ? JSON.stringify(body) : `${target} (${names}) ${done}`);
  return EXIT.ok;
}
