// Owns `edgelane schema`.

import { jsonSchema } from "../gateway/config-schema.ts";
import { EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

export function run({ terminal }: Invocation): ExitCode {
  terminal.print(JSON.stringify(jsonSchema(), null, 2));
  return EXIT.ok;
}
