// Owns what the command line says and where: results to stdout, the rest to stderr, colours only
// where somebody looks and NO_COLOR is not set. The environment comes in here and is handed on.

import { styleText } from "node:util";
import type { Environment } from "../gateway/config-environment.ts";

export type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  readonly environment: Environment;
  /** stdout is a terminal, not a pipe or a file. */
  readonly interactive: boolean;
  /** Characters of a line of it. */
  readonly columns: number;
  print(line: string): void;
  /** The line below all others, until the next one is shown in its place; "" for none. */
  show(line: string): void;
  /** One line on stderr, with the program's name before it. */
  complain(line: string): void;
  /** Colours text that is going to stdout. */
  style(style: Style, text: string): string;
}

const COLUMNS_DEFAULT = 80;
/** To the first column, and nothing behind it. */
const CLEAR = "\r\u001b[K";

export function createTerminal(): Terminal {
  let shown = "";
  /** Writes above the line that is shown. */
  const above = (write: () => void): void => {
    if (shown !== "") process.stdout.write(CLEAR);
    write();
    if (shown !== "") process.stdout.write(shown);
  };
  return {
    environment: process.env,
    interactive: process.stdout.isTTY,
    get columns() {
      return process.stdout.columns ?? COLUMNS_DEFAULT;
    },
    print: (line) => above(() => process.stdout.write(`${line}\n`)),
    show: (line) => {
      if (shown !== "" || line !== "") process.stdout.write(`${CLEAR}${line}`);
      shown = line;
    },
    complain: (line) => {
      const name = styleText("red", "edgelane:", { stream: process.stderr });
      above(() => process.stderr.write(`${name} ${line}\n`));
    },
    style: (style, text) => styleText(style, text, { stream: process.stdout }),
  };
}
