// Owns docs/config.md: writes it from the table of config keys, the table of what is not available
// yet, and the limits that are compiled into the Wasm. `npm run docs` runs it; a test fails while
// the file is out of date.

import { readFileSync } from "node:fs";
import { CONFIG_KEYS } from "../src/gateway/config-keys.ts";
import type { ConfigKey } from "../src/gateway/config-keys.ts";
import { UNAVAILABLE } from "../src/gateway/config-unavailable.ts";
import { INTERIM_RESPONSES_MAX } from "../src/upstream/watched-attempt.ts";

const ROOT = new URL("../", import.meta.url);

export const CONFIG_REFERENCE = new URL("docs/config.md", ROOT);

interface WasmLimits {
  readonly headBytesMax: number;
  readonly fieldCountMax: number;
  readonly methodBytesMax: number;
  readonly targetBytesMax: number;
  readonly hostBytesMax: number;
  readonly chunkSizeDigitsMax: number;
  readonly chunkExtensionBytesMax: number;
  readonly chunkExtensionBytesTotalMax: number;
  readonly trailerBytesMax: number;
  readonly trailerCountMax: number;
}

/** The whole page. */
export function configReference(): string {
  const buildConfig = readFileSync(new URL("wasm-build.config.json", ROOT), "utf8");
  const { limits } = JSON.parse(buildConfig) as { readonly limits: WasmLimits };
  return [
    "# Configuration reference",
    "",
    "Generated from the tables in `src/gateway/config-keys*.ts` by `npm run docs`; do not edit.",
    "",
    "A config is `edgelane.yaml`, `.json`, or a program (`.ts`, `.js`, `.mjs`) whose default",
    "export is made with `defineConfig`. Unknown keys are errors. `edgelane check` says everything",
    "that is wrong in one pass; `edgelane schema` prints a JSON Schema for editors.",
    "",
    "`$NAME` as a whole value is replaced from the environment and must be set; `$NAME?` may be",
    "unset, and the key is then as if it were not there; `$$` starts a value that begins with a",
    "dollar. KB, MB and GB are powers of 1,000; KiB, MiB and GiB of 1,024. File names are relative",
    "to the config file.",
    "",
    ...sections(),
    "## Limits that are compiled in",
    "",
    "They size the memory of the WebAssembly core (`wasm-build.config.json`).",
    "",
    "| limit | value | outcome |",
    "|---|---|---|",
    `| request head | ${limits.headBytesMax} bytes | 431, close |`,
    `| field lines of a head | ${limits.fieldCountMax} | 431, close |`,
    `| method | ${limits.methodBytesMax} bytes | 400, close |`,
    `| request-target | ${limits.targetBytesMax} bytes | 414, close |`,
    `| host | ${limits.hostBytesMax} bytes | 400, close |`,
    `| digits of a chunk size | ${limits.chunkSizeDigitsMax} | 400, close |`,
    `| extensions of one chunk | ${limits.chunkExtensionBytesMax} bytes | 400, close |`,
    `| extensions of one message | ${limits.chunkExtensionBytesTotalMax} bytes | 400, close |`,
    `| trailer section | ${limits.trailerBytesMax} bytes | 431, close |`,
    `| field lines of a trailer section | ${limits.trailerCountMax} | 431, close |`,
    `| interim responses to one request | ${INTERIM_RESPONSES_MAX} | 502 |`,
    "",
    "They hold for origin servers as well, with 502 for an outcome.",
    "",
    "## Not available in this version",
    "",
    "An error where ignoring the key would leave somebody unprotected, else a warning.",
    "",
    "| key | | what is missing |",
    "|---|---|---|",
    ...UNAVAILABLE.map((row) => `| \`${row.key}\` | ${row.effect} | ${row.consequence} |`),
    "",
  ].join("\n");
}

function sections(): string[] {
  const titles = [...new Set(CONFIG_KEYS.map(titleOf))];
  return titles.flatMap((title) => [
    `## ${title}`,
    "",
    "| key | value | default | why | at the limit |",
    "|---|---|---|---|---|",
    ...CONFIG_KEYS.filter((row) => titleOf(row) === title).map(line),
    "",
  ]);
}

function titleOf(row: ConfigKey): string {
  return (row.key.split(".")[0] ?? "").replace("[]", "");
}

function line(row: ConfigKey): string {
  const standard = row.required === true ? "required" : `\`${String(row.default ?? "none")}\``;
  const value = `${row.about} ${capital(row.form.expected)}.`;
  const cells = [`\`${row.key}\``, value, standard, row.reason, row.outcome ?? ""];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
