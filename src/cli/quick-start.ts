// Owns `edgelane [URL]`: a gateway without a config file, in front of one origin, or of the
// built-in demo origin.

import { networkInterfaces } from "node:os";
import { systemClock } from "../clock.ts";
import { resolveValid } from "../gateway/config-resolve.ts";
import { DEMO_PAGES, startDemoOrigin } from "../gateway/demo-origin.ts";
import type { GatewayConfig } from "../gateway/gateway-config.ts";
import { parseTarget } from "../gateway/listen-address.ts";
import { availableMemoryBytes } from "../gateway/machine-memory.ts";
import { findConfigFile } from "./config-file.ts";
import { usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { serveUntilSignal, withAddresses } from "./serving.ts";
import type { Invocation } from "./verbs.ts";

const PORT = 8080;

export async function run(invocation: Invocation): Promise<ExitCode> {
  const url = invocation.operands[0];
  return url === undefined ? serveDemo(invocation) : serveOrigin(url, invocation);
}

function serveOrigin(url: string, invocation: Invocation): Promise<ExitCode> {
  const origin = readOrigin(url);
  const config = configFor("origin", origin, invocation);
  return serveUntilSignal(config, invocation, {
    links: () => [],
    hints: [],
    load: null,
    watch: null,
    close: () => Promise.resolve(),
  });
}

async function serveDemo(invocation: Invocation): Promise<ExitCode> {
  // Options are checked before anything is started.
  configFor("demo", "http://127.0.0.1:1", invocation);
  const file = await findConfigFile();
  const demo = await startDemoOrigin(systemClock);
  return serveUntilSignal(configFor("demo", demo.url, invocation), invocation, {
    links: (url) => [
      { url: `${url}/`, about: "a page that lists all of these" },
      ...DEMO_PAGES.map(({ path, about }) => ({ url: `${url}${path}`, about })),
    ],
    hints: file === null ? [] : [`${file} is not used; \`edgelane serve\` does`],
    load: null,
    watch: null,
    close: () => demo.close(),
  });
}

/** "http://localhost:3000"; the scheme may be left out. */
function readOrigin(text: string): string {
  const origin = parseTarget(text) ?? (text.includes("://") ? null : parseTarget(`http://${text}`));
  if (origin !== null) return origin;
  const near = URL.canParse(text) && /^https?:/.test(text) ? new URL(text).origin : null;
  throw usageError(`"${text}" is not a URL of scheme, host and port`, near);
}

function configFor(name: string, origin: string, { options }: Invocation): GatewayConfig {
  // Behind TLS the name in Host must be one of the certificate's; a plain origin is one's own, and
  // makes links from it.
  const host = origin.startsWith("https:") ? "target" : "preserve";
  const config = resolveValid(
    // A server under development restarts and fails all the time: it is asked again at once.
    {
      listen: loopbackAddresses(),
      workers: 1,
      upstreams: { [name]: { targets: [origin], host, breaker: "off" } },
    },
    { file: null, directory: process.cwd(), memoryBytes: availableMemoryBytes(), warnings: [] },
  );
  return withAddresses(config, options);
}

/** What "localhost" may mean to a client: both, where the machine has both. */
function loopbackAddresses(): string[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const six = own.some((address) => address.address === "::1");
  return six ? [`127.0.0.1:${PORT}`, `[::1]:${PORT}`] : [`127.0.0.1:${PORT}`];
}
