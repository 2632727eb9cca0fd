// Owns where log lines go: the gateway's own log to standard output, the access log with it or to a
// file of its own.

import { systemClock } from "../clock.ts";
import { createLogger, reopenOnHangUp } from "../telemetry/log.ts";
import { Sink } from "../telemetry/sink.ts";
import type { LogConfig } from "./gateway-config.ts";

export interface LogSinks {
  readonly log: Sink;
  /** null: no access log. */
  readonly access: Sink | null;
  /** Writes what is pending, within a deadline. */
  close(): Promise<void>;
}

/** Throws the system's error when a file cannot be opened. */
export function openLogSinks({ access }: LogConfig): LogSinks {
  const log = new Sink({ destination: "stdout" });
  if (access.kind !== "file") {
    return {
      log,
      access: access.kind === "stdout" ? log : null,
      close: () => log.close(CLOSE_DEADLINE_MS),
    };
  }
  const file = new Sink({ destination: access.path });
  const logger = createLogger({ level: "error", sink: log, clock: systemClock });
  const stopReopening = reopenOnHangUp(file, (error) => {
    logger.error({ error, path: access.path }, "the access log could not be reopened");
  });
  return {
    log,
    access: file,
    close: async () => {
      stopReopening();
      await Promise.all([file.close(CLOSE_DEADLINE_MS), log.close(CLOSE_DEADLINE_MS)]);
    },
  };
}

/** A sink that nobody reads must not keep the process. */
const CLOSE_DEADLINE_MS = 1000;
