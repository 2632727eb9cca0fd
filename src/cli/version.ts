// Owns `edgelane version`.

import { packageVersion } from "../gateway/package-version.ts";
import { EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

export function run({ options, terminal }: Invocation): ExitCode {
  const version = packageVersion();
  const { platform, arch, versions } = process;
  if (options.has("json")) {
    const name = "edgelane";
    terminal.print(JSON.stringify({ name, version, node: versions.node, platform, arch }));
  } else {
    terminal.print(`edgelane ${version} (Node ${versions.node}, ${platform} ${arch})`);
  }
  return EXIT.ok;
}
