// Owns `edgelane purge`: asks the admin API of a running gateway to remove stored responses, and
// says how many there were.

import { formatAddress, parseAddress } from "../gateway/listen-address.ts";
import { CommandError, EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

const ADMIN_DEFAULT = "127.0.0.1:9180";
/** A gateway that is alive answers at once; one that is not must not hold a deployment script. */
const ANSWER_TIMEOUT_MS = 5000;

export async function run({ operands, options, terminal }: Invocation): Promise<ExitCode> {
  const address = readAdmin(options.get("admin") ?? ADMIN_DEFAULT);
  const isSoft = options.has("soft");
  const body = { ...readScope(operands[0], options), ...(isSoft ? { soft: true } : {}) };
  const token = terminal.environment["EDGELANE_ADMIN_TOKEN"];
  const purged = await postPurge(`http://${address}/purge`, body, token);
  const become = isSoft ? "made stale" : "removed";
  terminal.print(
    options.has("json")
      ? JSON.stringify({ purged })
      : `${purged} stored ${purged === 1 ? "response" : "responses"} ${become}`,
  );
  return EXIT.ok;
}

function readAdmin(text: string): string {
  const parsed = parseAddress(text);
  if (parsed === null || parsed.secure) {
    throw usageError(`--admin: "${text}" is not an address such as ${ADMIN_DEFAULT}`);
  }
  const { host, port } = parsed.address;
  return formatAddress({ host: host ?? "127.0.0.1", port });
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

async function postPurge(url: string, body: object, token: string | undefined): Promise<number> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  }).catch((cause: unknown) => {
    const name = new URL(url).host;
    throw new CommandError(
      `no admin API at ${name}: ${reasonOf(cause)}; --admin says where`,
      EXIT.adminUnreachable,
    );
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.status === 401) {
    throw new CommandError("the admin API wants a token: set EDGELANE_ADMIN_TOKEN");
  }
  if (response.status === 400 && isRefusal(answer)) throw usageError(`purge: ${answer.detail}`);
  if (!response.ok || typeof answer !== "object" || answer === null || !("purged" in answer)) {
    throw new CommandError(`the admin API answered ${response.status}`);
  }
  return Number(answer.purged);
}

function isRefusal(answer: unknown): answer is { readonly detail: string } {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "detail" in answer &&
    typeof answer.detail === "string"
  );
}

/** fetch hides the system's error in the cause of its own. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && "code" in cause) return String(cause.code);
  return cause instanceof Error ? cause.name : "unreachable";
}
