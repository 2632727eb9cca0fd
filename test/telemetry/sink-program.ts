// A process of its own for the tests of the sink: logs to its standard output in the way that its
// argument names, says on standard error how many lines were dropped, and ends.

import { setImmediate as nextTurn } from "node:timers/promises";
import { systemClock } from "../../src/clock.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { Sink } from "../../src/telemetry/sink.ts";

const LINE = `${"y".repeat(199)}\n`;
const [, , how, path] = process.argv;

if (how === "fatal") {
  const logger = createLogger({
    level: "info",
    sink: new Sink({ destination: path ?? "stdout" }),
    clock: systemClock,
  });
  logger.fatal("out of luck");
  process.exit(7);
}

const sink = new Sink({ destination: "stdout", pendingBytesMax: 256 * 1024 });
const turns = how === "file" ? 1 : 100;
for (let turn = 0; turn < turns; turn += 1) {
  for (let i = 0; i < 1000; i += 1) sink.write(LINE);
  await nextTurn();
}
await sink.close(300);
process.stderr.write(String(sink.dropped));
