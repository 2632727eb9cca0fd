// Owns which file is the config when nobody names one.

import { access } from "node:fs/promises";
import { CommandError } from "./exit-code.ts";

const NAMES = [
  "edgelane.yaml",
  "edgelane.yml",
  "edgelane.json",
  "edgelane.ts",
  "edgelane.js",
  "edgelane.mjs",
];

/** The config file of the current directory; null when there is none. */
export async function findConfigFile(): Promise<string | null> {
  for (const name of NAMES) {
    const found = await access(name).then(
      () => true,
      () => false,
    );
    if (found) return name;
  }
  return null;
}

/** The same for verbs that cannot do without. */
export async function requireConfigFile(): Promise<string> {
  const name = await findConfigFile();
  if (name !== null) return name;
  throw new CommandError("there is no edgelane.yaml here; `edgelane init` writes one");
}
