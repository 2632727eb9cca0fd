// Owns what the command line says and where: results to stdout, the rest to stderr, colours only
// where somebody looks and NO_COLOR is not set. The environment comes in here and is handed on.

import { styleText } from "node:util";
import type { Environment } from "../gateway/config-environment.ts";

export type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  readonly environment: Environment;
  /** stdout is a terminal, not a pipe or a file. */
  readonly interactive: boolean;
  print(line: string): void;
  /** One line on stderr, with the program's name before it. */
  complain(line: string): void;
  /** Colours text that is going to stdout. */
  style(style: Style, text: string): string;
}

export function createTerminal(): Terminal {
  return {
    environment: process.env,
    interactive: process.stdout.isTTY,
    print: (line) => {
      process.stdout.write(`${line}\n`);
    },
    complain: (line) => {
      const name = styleText("red", "edgelane:", { stream: process.stderr });
      process.stderr.write(`${name} ${line}\n`);
    },
    style: (style, text) => styleText(style, text, { stream: process.stdout }),
  };
}
