// Owns `edgelane purge`: asks the admin API of a running gateway to remove stored responses, and
// says how many there were.

import { askAdmin } from "./admin-client.ts";
import { CommandError, EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

export async function run(invocation: Invocation): Promise<ExitCode> {
  const { operands, options, terminal } = invocation;
  const isSoft = options.has("soft");
  const body = { ...readScope(operands[0], options), ...(isSoft ? { soft: true } : {}) };
  const purged = await postPurge(invocation, body);
  const become = isSoft ? "made stale" : "removed";
  terminal.print(
    options.has("json")
      ? JSON.stringify({ purged })
      : `${purged} stored ${purged === 1 ? "response" : "responses"} ${become}`,
  );
  return EXIT.ok;
}

/** What the admin API calls the one thing that is to be purged. */
function readScope(url: string | undefined, options: Invocation["options"]): object {
  const given = ["all", "tag", "prefix"].filter((name) => options.has(name));
  const named = [...(url === undefined ? [] : ["a URL"]), ...given.map((name) => `--${name}`)];
  if (named.length > 1) throw usageError(`purge takes ${named.slice(0, 2).join(" or ")}, not both`);
  if (url !== undefined) return { url: readUrl(url) };
  if (options.has("all")) return { all: true };
  const tag = options.get("tag");
  if (tag !== undefined) return { tag };
  const prefix = options.get("prefix");
  if (prefix !== undefined) return { prefix: readUrl(prefix) };
  throw usageError("purge: which URL? Or --tag, --prefix or --all");
}

function readUrl(url: string): string {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw usageError(`"${url}" is not a URL of http or https`);
  }
  return url;
}

async function postPurge(invocation: Invocation, scope: object): Promise<number> {
  const { status, body } = await askAdmin(invocation, "/purge", scope);
  if (status === 400 && isRefusal(body)) throw usageError(`purge: ${body.detail}`);
  if (status !== 200 || typeof body !== "object" || body === null || !("purged" in body)) {
    throw new CommandError(`the admin API answered ${status}`);
  }
  return Number(body.purged);
}

function isRefusal(answer: unknown): answer is { readonly detail: string } {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "detail" in answer &&
    typeof answer.detail === "string"
  );
}
