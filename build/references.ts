// Owns `npm run docs`: writes the references that are generated from tables in the code.

import { writeFileSync } from "node:fs";
import { CONFIG_REFERENCE, configReference } from "./config-reference.ts";
import { METRICS_REFERENCE, metricsReference } from "./metrics-reference.ts";

for (const [file, text] of [
  [CONFIG_REFERENCE, configReference()],
  [METRICS_REFERENCE, metricsReference()],
] as const) {
  writeFileSync(file, text);
  process.stdout.write(`wrote ${file.pathname}\n`);
}
