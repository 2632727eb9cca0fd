// Owns the gateway's own log: pino on the same sink as the access log, so that lines keep their
// order. JSON with level names and ISO times, as collectors take them. Errors are fields. Field
// values, content, queries and secrets have no place here; whoever logs passes names, codes and
// counts.

import { pino } from "pino";
import type { LevelWithSilent, Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Sink } from "./sink.ts";

/** Makes the logger. It writes to `sink`; whoever made the sink closes it. */
export function createLogger(options: {
  level: LevelWithSilent;
  sink: Sink;
  clock: Clock;
}): Logger {
  const { level, sink, clock } = options;
  return pino(
    {
      level,
      // No pid and no host name: the collector knows both, and a container's are noise.
      base: null,
      messageKey: "msg",
      errorKey: "error",
      timestamp: () => `,"time":"${new Date(clock.nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError, err: describeError },
    },
    {
      write(line: string): void {
        sink.write(line);
        // A process that is about to die does not reach the end of its batch.
        if (line.startsWith('{"level":"fatal"')) sink.flushSync();
      },
    },
  );
}

/**
 * Reopens the sink's file on SIGHUP, as log rotation expects; where it cannot, the old file stays.
 * Returns what undoes it.
 */
export function reopenOnHangUp(sink: Sink, onError: (error: unknown) => void): () => void {
  const reopen = (): void => {
    try {
      sink.reopen();
    } catch (error) {
      onError(error);
    }
  };
  process.on("SIGHUP", reopen);
  return () => process.off("SIGHUP", reopen);
}

/**
 * Type, message, code and stack; not the other properties, which libraries fill with requests and
 * sockets.
 */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const described: Record<string, unknown> = { type: error.name, message: error.message };
  if ("code" in error) described["code"] = error.code;
  if (error.stack !== undefined) described["stack"] = error.stack;
  if (error.cause !== undefined) described["cause"] = describeError(error.cause);
  return described;
}
