// Owns what is said about a config that is wrong: place, sentence, suggestion, order. Pure; never
// prints a secret value, because it is only handed sentences that hold none.

import { formatPath } from "./config-keys.ts";
import type { ConfigPath } from "./config-keys.ts";

export interface Place {
  /** Both count from 1, as editors do. */
  readonly line: number;
  readonly column: number;
}

export interface ConfigProblem {
  readonly severity: "error" | "warning";
  /** null where the config is an object or a program. */
  readonly place: Place | null;
  /** "upstreams.api.pool"; "" for the whole file. */
  readonly key: string;
  readonly message: string;
  /** What to write instead. */
  readonly suggestion: string | null;
}

/** A config that cannot be used; the message is every error, one a line. */
export class ConfigError extends Error {
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const errors = problems.filter((problem) => problem.severity === "error");
    super(errors.map((problem) => formatProblem(file, problem)).join("\n"));
    this.name = "ConfigError";
    this.file = file;
    this.problems = problems;
  }
}

/** "edgelane.yaml:12:5: upstreams.api.pol: unknown key; did you mean "pool"?" */
export function formatProblem(file: string, problem: ConfigProblem): string {
  const place = problem.place === null ? "" : `:${problem.place.line}:${problem.place.column}`;
  return `${file}${place}: ${problemText(problem)}`;
}

/** The same without the place. */
function problemText(problem: ConfigProblem): string {
  const severity = problem.severity === "warning" ? "warning: " : "";
  const key = problem.key === "" ? "" : `${problem.key}: `;
  const question = problem.suggestion === null ? "" : `; did you mean "${problem.suggestion}"?`;
  return `${severity}${key}${problem.message}${question}`;
}

/** By line, then column; what has no place stays behind in the order found. */
function sortProblems(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const last = { line: Number.MAX_SAFE_INTEGER, column: 0 };
  return [...problems].sort((a, b) => {
    const left = a.place ?? last;
    const right = b.place ?? last;
    return left.line - right.line || left.column - right.column;
  });
}

/** Collects problems of one config; `locate` knows where its values stand. */
export class ProblemList {
  readonly #locate: (path: ConfigPath) => Place | null;
  readonly #problems: ConfigProblem[] = [];

  constructor(locate: (path: ConfigPath) => Place | null) {
    this.#locate = locate;
  }

  get problems(): readonly ConfigProblem[] {
    return sortProblems(this.#problems);
  }

  get failed(): boolean {
    return this.#problems.some((problem) => problem.severity === "error");
  }

  /** An error at this very place was already reported; a second one would be its consequence. */
  has(path: ConfigPath): boolean {
    const key = formatPath(path);
    return this.#problems.some((problem) => problem.severity === "error" && problem.key === key);
  }

  error(path: ConfigPath, message: string, suggestion: string | null = null): void {
    this.#add("error", path, message, suggestion);
  }

  warn(path: ConfigPath, message: string, suggestion: string | null = null): void {
    this.#add("warning", path, message, suggestion);
  }

  #add(
    severity: "error" | "warning",
    path: ConfigPath,
    message: string,
    suggestion: string | null,
  ): void {
    const place = this.#locate(path);
    this.#problems.push({ severity, place, key: formatPath(path), message, suggestion });
  }
}
