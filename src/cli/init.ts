// Owns `edgelane init`: a commented edgelane.yaml that works as it is.

import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { parseTarget } from "../gateway/listen-address.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

const FILE = "edgelane.yaml";
const ORIGIN = "http://localhost:3000";

export async function run({ options, terminal }: Invocation): Promise<ExitCode> {
  const ask = !options.has("yes") && process.stdin.isTTY && terminal.interactive;
  const origin = ask ? await askOrigin() : ORIGIN;
  try {
    // "wx" refuses in one step: nobody can put a file there between a look and the write.
    await writeFile(FILE, template(origin), { flag: "wx" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new CommandError(`${FILE} is there already; it stays as it is`);
    }
    throw error;
  }
  terminal.print(`wrote ${FILE}; next: \`edgelane check\`, then \`edgelane serve\``);
  return EXIT.ok;
}

async function askOrigin(): Promise<string> {
  const readline = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = (await readline.question(`Where does your service listen? [${ORIGIN}] `)).trim();
    if (answer === "") return ORIGIN;
    const origin = parseTarget(answer) ?? parseTarget(`http://${answer}`);
    if (origin === null)
      throw new CommandError(`"${answer}" is not a URL of scheme, host and port`);
    return origin;
  } finally {
    readline.close();
  }
}

/** Every commented line works when its comment sign is removed. */
export function template(origin: string): string {
  return `# Every key and its default: docs/config.md, or \`edgelane schema\` for editors.
# Check this file with \`edgelane check\`.

listen: [":8080"]

# Metrics and readiness; anything but loopback needs a token.
admin: {listen: 127.0.0.1:9180}
# admin: {listen: ":9180", token: $EDGELANE_ADMIN_TOKEN}

# Whose Forwarded and X-Forwarded-* fields are believed: the balancer in front, if there is one.
# trust: [10.0.0.0/8]

upstreams:
  app:
    targets:
      - ${origin}
      # - {url: http://10.0.0.12:3000, weight: 2}
      # - {url: http://10.0.1.1:3000, backup: true}
    # pool: {connections: 100, queue: 1000}
    # timeout: {connect: 2s, headers: 60s, idle: 60s}

cache:
  memory: 256MB

# The most specific match wins, whatever the order: [METHOD ][host]/path.
routes:
  # - match: GET /assets/*
  #   to: app
  #   cache: {ttl: 1h, stale: 1d}
  - match: /*
    to: app
    cache: auto               # obey the origin (RFC 9111); off never stores

# limits: {body: 100MB, headTimeout: 10s, idleTimeout: 75s}
# log: {level: info, access: stdout}
# shutdown: {grace: 25s}
`;
}
