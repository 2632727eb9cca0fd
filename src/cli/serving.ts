// Owns a gateway's life in a process of its own: start, banner, signals, end. The first SIGTERM or
// SIGINT finishes what is under way and ends with 0; a second one, or a deadline that nothing
// keeps, ends at once with 1.

import { flushCompileCache } from "node:module";
import { setFlagsFromString } from "node:v8";
import { sinceProcessStartMs, systemClock } from "../clock.ts";
import { bannerJson, bannerText } from "../gateway/banner.ts";
import type { StartUp } from "../gateway/banner.ts";
import { createGateway } from "../gateway/gateway.ts";
import type { Serving } from "../gateway/gateway.ts";
import type { GatewayConfig, ListenAddress } from "../gateway/gateway-config.ts";
import { isLoopback, parseAddress } from "../gateway/listen-address.ts";
import { packageVersion } from "../gateway/package-version.ts";
import type { LoadConfig } from "../gateway/reloader.ts";
import { countWorkers } from "../gateway/reuse-port.ts";
import { EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";
import { watchFile } from "./watch-file.ts";

/** Past the grace, closing itself may take this long before the process ends regardless. */
const CLOSE_MARGIN_MS = 3000;

/** One Ctrl-C arrives several times: from the terminal, from npm, and from npx. */
const SAME_SIGNAL_MS = 100;

export interface Extras {
  /** Reads the config again; null: it came from no file. */
  readonly load: LoadConfig | null;
  /** A file that is loaded again when it changes; null for none. */
  readonly watch: string | null;
  links(url: string): StartUp["links"];
  readonly hints: readonly string[];
  /** What runs beside the gateway, and ends after it. */
  close(): Promise<void>;
}

/** Serves until a signal ends it. Rejects when it cannot start, with nothing left open. */
export async function serveUntilSignal(
  asked: GatewayConfig,
  { options, terminal }: Invocation,
  extras: Extras,
): Promise<ExitCode> {
  const { count, warning } = await countWorkers(asked.workers);
  const config = warning === null ? asked : { ...asked, warnings: [...asked.warnings, warning] };
  const gateway = await create(config, count, extras.load);
  // Before listening: a signal in mid-start ends the process like any other.
  const ended = untilSignal();
  const bound = await gateway.listen().catch(async (error: unknown) => {
    await gateway.close({ graceMs: 0 });
    await extras.close();
    throw error;
  });
  keepObjectsYoung();
  const start: StartUp = {
    version: packageVersion(),
    elapsedMs: sinceProcessStartMs(),
    config,
    // Both addresses of loopback are one URL to whoever reads it.
    urls: [...new Set(bound.urls)],
    adminUrl: bound.adminUrl,
    workers: count,
    engine: gateway.engine,
    redis: gateway.redis,
    links: extras.links(bound.urls[0] ?? ""),
    hints: extras.hints,
  };
  const stopReloading = reloadWhenAsked(gateway, extras.watch);
  const banner = terminal.interactive && !options.has("json");
  terminal.print(
    banner ? bannerText(start, terminal.style) : bannerJson(start, systemClock.nowMs()),
  );
  await ended;
  stopReloading();
  return finish(gateway, config.shutdownGraceMs, extras);
}

/**
 * Has V8 put every new object where a minor collection frees it. What is under way when one runs
 * survives it, so V8 takes objects of its kind for long-lived and makes them in the old generation,
 * from where they keep others alive: a tenth of the user time of a forwarded request (ADR 12). Not
 * before the start: cached code is for the flags that it was compiled with, Node's own too.
 */
function keepObjectsYoung(): void {
  flushCompileCache();
  setFlagsFromString("--no-allocation-site-pretenuring");
}

/** With one worker there is nobody to supervise, and nothing to load for it. */
async function create(
  config: GatewayConfig,
  count: number,
  load: LoadConfig | null,
): Promise<Serving> {
  const options = load === null ? {} : { load };
  if (count === 1) return createGateway(config, options);
  const { createSupervisor } = await import("../gateway/supervisor.ts");
  return createSupervisor(config, count, options);
}

/** SIGHUP, or a file that changes. The log says what came of it. Returns what undoes it. */
function reloadWhenAsked(gateway: Serving, file: string | null): () => void {
  const reload = (): void => void gateway.reload();
  process.on("SIGHUP", reload);
  const stopWatching = file === null ? undefined : watchFile(file, reload);
  return () => {
    process.off("SIGHUP", reload);
    stopWatching?.();
  };
}

/** The config with --listen and --admin in place of its own addresses. */
export function withAddresses(
  config: GatewayConfig,
  options: ReadonlyMap<string, string>,
): GatewayConfig {
  const listen = options.get("listen");
  const admin = options.get("admin");
  return {
    ...config,
    listen: listen === undefined ? config.listen : [readAddress("--listen", listen)],
    admin: admin === undefined ? config.admin : adminConfig(config, admin),
  };
}

function adminConfig(config: GatewayConfig, text: string): GatewayConfig["admin"] {
  if (text === "off") return null;
  const address = readAddress("--admin", text);
  const token = config.admin?.token ?? null;
  if (!isLoopback(address) && token === null) {
    throw usageError("--admin: any address but loopback needs admin.token in the config");
  }
  return { address, token };
}

function readAddress(option: string, text: string): ListenAddress {
  const parsed = parseAddress(text);
  if (parsed === null) {
    const port = /^\d+$/.test(text) ? `:${text}` : null;
    throw usageError(
      `${option}: "${text}" is not an address such as :8080 or 127.0.0.1:8080`,
      port,
    );
  }
  if (parsed.secure) throw usageError(`${option}: TLS listeners are not available in this version`);
  return parsed.address;
}

/** Resolves at the first signal; from then on, another one ends the process. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let first: { readonly signal: NodeJS.Signals; readonly atMs: number } | null = null;
    const onSignal = (signal: NodeJS.Signals): void => {
      const nowMs = systemClock.monotonicMs();
      first ??= { signal, atMs: nowMs };
      if (signal !== first.signal || nowMs - first.atMs >= SAME_SIGNAL_MS) endNow();
      resolve();
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  });
}

function endNow(): void {
  process.exit(EXIT.failed);
}

async function finish(gateway: Serving, graceMs: number, extras: Extras): Promise<ExitCode> {
  const deadline = setTimeout(endNow, graceMs + CLOSE_MARGIN_MS);
  deadline.unref();
  await gateway.close({ graceMs });
  await extras.close();
  clearTimeout(deadline);
  return EXIT.ok;
}
