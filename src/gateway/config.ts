// Owns the way from what a user wrote (a file, text, an object) to a validated GatewayConfig, or to
// every problem with it in one pass. The environment is an argument. A config that does not
// validate gives no GatewayConfig at all.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { checkAcross } from "./config-checks.ts";
import { checkPages } from "./config-fallback.ts";
import { isMap, substitute } from "./config-environment.ts";
import type { Environment } from "./config-environment.ts";
import { ConfigError, ProblemList, formatProblem } from "./config-problem.ts";
import type { ConfigProblem } from "./config-problem.ts";
import { resolveValid } from "./config-resolve.ts";
import { checkShape } from "./config-schema.ts";
import { readSource } from "./config-source.ts";
import type { ConfigSource } from "./config-source.ts";
import { checkAvailable } from "./config-unavailable.ts";
import type { EdgelaneConfig } from "./edgelane-config.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { availableMemoryBytes } from "./machine-memory.ts";
import { checkTlsFiles } from "./upstream-tls.ts";

export interface ConfigContext {
  readonly environment: Environment;
  /** Memory that this process may use; the machine's, or the container's, when left out. */
  readonly memoryBytes?: number;
}

export interface CheckedConfig {
  /** null when there is an error. */
  readonly config: GatewayConfig | null;
  /** Errors and warnings, by line. */
  readonly problems: readonly ConfigProblem[];
}

const PROGRAM = /\.[mc]?[jt]s$/;

/**
 * Reads and checks a file: YAML, JSON, or a program that exports the config. Throws what reading it
 * throws.
 */
export async function checkFile(path: string, context: ConfigContext): Promise<CheckedConfig> {
  if (!PROGRAM.test(path)) return checkText(await readFile(path, "utf8"), path, context);
  // Reading first gives a missing file the same error as above, and not a module loader's. Other
  // content is another module: a module that was imported once is never read again.
  const digest = createHash("sha256").update(await readFile(path));
  const { href } = pathToFileURL(resolve(path));
  const module: unknown = await import(`${href}?${digest.digest("hex").slice(0, 16)}`);
  const exported = module as { readonly default?: unknown; readonly config?: unknown };
  const source = { value: exported.default ?? exported.config, locate: () => null };
  return check(source, path, context);
}

/** Checks the text of a file. */
export function checkText(text: string, file: string, context: ConfigContext): CheckedConfig {
  let source: ConfigSource;
  try {
    source = readSource(text, file);
  } catch (error) {
    if (error instanceof ConfigError) return { config: null, problems: error.problems };
    throw error;
  }
  return check(source, file, context);
}

/** The config of a file. Throws a ConfigError that says everything that is wrong with it. */
export async function loadConfig(path: string, context: ConfigContext): Promise<GatewayConfig> {
  return unwrap(await checkFile(path, context), path);
}

/** The config of a file whose text is at hand. Throws a ConfigError. */
export function parseConfig(text: string, file: string, context: ConfigContext): GatewayConfig {
  return unwrap(checkText(text, file, context), file);
}

/** The config of an object, as `createGateway` gets it. Throws a ConfigError. */
export function resolveConfig(
  config: EdgelaneConfig,
  context: ConfigContext = { environment: {} },
): GatewayConfig {
  const source = { value: config, locate: () => null };
  return unwrap(check(source, null, context), "config");
}

function check(source: ConfigSource, file: string | null, context: ConfigContext): CheckedConfig {
  const problems = new ProblemList((path) => source.locate(path));
  if (!isMap(source.value)) {
    problems.error([], "expected a map with at least the key upstreams");
    return { config: null, problems: problems.problems };
  }
  const value = substitute(source.value, context.environment, problems);
  checkShape(value, problems);
  checkAvailable(value, problems);
  checkAcross(value, problems);
  const directory = file === null ? process.cwd() : dirname(resolve(file));
  checkPages(value, directory, problems);
  if (problems.failed) return { config: null, problems: problems.problems };
  const config = resolveValid(value as EdgelaneConfig, {
    file,
    directory,
    memoryBytes: context.memoryBytes ?? availableMemoryBytes(),
    warnings: problems.problems.map((problem) => formatProblem(file ?? "config", problem)),
  });
  checkTlsFiles(config, problems);
  return { config: problems.failed ? null : config, problems: problems.problems };
}

function unwrap(checked: CheckedConfig, file: string): GatewayConfig {
  if (checked.config === null) throw new ConfigError(file, checked.problems);
  return checked.config;
}
