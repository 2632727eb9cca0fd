// Owns the exit codes and the one way to leave a verb with a sentence instead of a stack trace.

export const EXIT = { ok: 0, failed: 1, usage: 2, adminUnreachable: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that a sentence explains; anything else that is thrown is a mistake of ours. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failed) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong. */
export function usageError(message: string, suggestion: string | null = null): CommandError {
  const question = suggestion === null ? "" : `; did you mean "${suggestion}"?`;
  return new CommandError(`${message}${question}`, EXIT.usage);
}
