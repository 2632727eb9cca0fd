// Owns talking to the admin API of a running gateway: where it is, its token, and what went wrong
// in a sentence.

import { formatAddress, parseAddress } from "../gateway/listen-address.ts";
import { CommandError, EXIT, usageError } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

const ADMIN_DEFAULT = "127.0.0.1:9180";
/** A gateway that is alive answers at once; one that is not must not hold a deployment script. */
const ANSWER_TIMEOUT_MS = 5000;

export interface AdminAnswer {
  readonly status: number;
  /** null where it was not JSON. */
  readonly body: unknown;
}

/** The host of what `--admin` names, without brackets. */
export function adminHost({ options }: Invocation): string {
  return (
    parseAddress(readAdmin(options.get("admin") ?? ADMIN_DEFAULT))?.address.host ?? "localhost"
  );
}

/** Asks what `--admin` names; `body` makes it a POST. Throws a CommandError where nobody answers. */
export async function askAdmin(
  { options, terminal }: Invocation,
  path: string,
  body?: object,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<AdminAnswer> {
  const address = readAdmin(options.get("admin") ?? ADMIN_DEFAULT);
  const token = terminal.environment["EDGELANE_ADMIN_TOKEN"];
  const response = await fetch(`http://${address}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((cause: unknown) => {
    throw new CommandError(
      `no admin API at ${address}: ${reasonOf(cause)}; --admin says where`,
      EXIT.adminUnreachable,
    );
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.status === 401) {
    throw new CommandError("the admin API wants a token: set EDGELANE_ADMIN_TOKEN");
  }
  return { status: response.status, body: answer };
}

function readAdmin(text: string): string {
  const parsed = parseAddress(text);
  if (parsed === null || parsed.secure) {
    throw usageError(`--admin: "${text}" is not an address such as ${ADMIN_DEFAULT}`);
  }
  const { host, port } = parsed.address;
  return formatAddress({ host: host ?? "127.0.0.1", port });
}

/** fetch hides the system's error in the cause of its own. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && "code" in cause) return String(cause.code);
  return cause instanceof Error ? cause.name : "unreachable";
}
