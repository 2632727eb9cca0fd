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
  const body = readSubject(operands[0], options.has("all"));
  const token = terminal.environment["EDGELANE_ADMIN_TOKEN"];
  const purged = await postPurge(`http://${address}/purge`, body, token);
  terminal.print(
    options.has("json")
      ? JSON.stringify({ purged })
      : `${purged} stored ${purged === 1 ? "response" : "responses"} removed`,
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

function readSubject(url: string | undefined, isAll: boolean): object {
  if (isAll && url !== undefined) throw usageError("purge takes a URL or --all, not both");
  if (isAll) return { all: true };
  if (url === undefined) throw usageError("purge: which URL? Or --all");
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw usageError(`"${url}" is not a URL of http or https`);
  }
  return { url };
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
  if (!response.ok || typeof answer !== "object" || answer === null || !("purged" in answer)) {
    throw new CommandError(`the admin API answered ${response.status}`);
  }
  return Number(answer.purged);
}

/** fetch hides the system's error in the cause of its own. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && "code" in cause) return String(cause.code);
  return cause instanceof Error ? cause.name : "unreachable";
}
