// Owns the counts of a warm-up and how they are said: a bar while it runs, a line for each target,
// the summary at its end. Pure: time and width are arguments.

import { formatBytes } from "../../gateway/config-units.ts";
import { meaningOf } from "../../gateway/rule-meaning.ts";
import type { Style, Terminal } from "../terminal.ts";
import type { Outcome, OutcomeKind } from "./outcome.ts";

/** More reasons than these are summed up. */
const REASONS_MAX = 20;

const KINDS: readonly { kind: OutcomeKind; label: string; style: Style }[] = [
  { kind: "stored", label: "stored", style: "green" },
  { kind: "fresh", label: "fresh already", style: "green" },
  { kind: "not_stored", label: "not stored", style: "yellow" },
  { kind: "redirected", label: "redirected", style: "yellow" },
  { kind: "failed", label: "failed", style: "red" },
];

export class Tally {
  readonly #startedMs: number;
  readonly #counts: Record<OutcomeKind, number> = {
    stored: 0,
    fresh: 0,
    not_stored: 0,
    redirected: 0,
    failed: 0,
  };
  /** By reason, of what was not stored and of what failed. */
  readonly #reasons = { not_stored: new Map<string, number>(), failed: new Map<string, number>() };
  #bytes = 0;
  /** Named by a sitemap that may not speak for their host. */
  foreign = 0;
  /** What could not be read of the lists. */
  unreadable = 0;
  /** Answers that asked for patience. */
  slowed = 0;

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
  }

  get done(): number {
    return KINDS.reduce((sum, { kind }) => sum + this.#counts[kind], 0);
  }

  get failed(): number {
    return this.#counts.failed;
  }

  add({ kind, reason, bytes }: Outcome): void {
    this.#counts[kind]++;
    this.#bytes += bytes;
    if (kind !== "not_stored" && kind !== "failed") return;
    const reasons = this.#reasons[kind];
    const name = reasons.has(reason) || reasons.size < REASONS_MAX ? reason : "other reasons";
    reasons.set(name, (reasons.get(name) ?? 0) + 1);
  }

  /** One line of `columns`; `total` is null while more may be named. */
  progress(
    { known, isFinal, perSecond }: { known: number; isFinal: boolean; perSecond: number },
    nowMs: number,
    columns: number,
    style: Terminal["style"],
  ): string {
    const { done } = this;
    const rate = done / Math.max(0.001, (nowMs - this.#startedMs) / 1000);
    const leftSeconds = (known - done) / Math.max(0.001, Math.min(perSecond, rate));
    const share = known === 0 ? 0 : done / known;
    const end = isFinal && done > 0 ? `, ${clock(leftSeconds)} left` : "";
    const counts = KINDS.flatMap(({ kind, label }) => {
      return this.#counts[kind] === 0 ? [] : [`${this.#counts[kind]} ${label}`];
    });
    const speed = `${done}/${known}${isFinal ? "" : "+"} ${rate.toFixed(1)}/s${end}`;
    const text = ` ${[speed, ...counts].join(", ")}`.slice(0, Math.max(0, columns - BAR_MIN - 1));
    const width = Math.min(BAR_MAX, columns - text.length - 1);
    const full = Math.round(share * width);
    return style("green", "█".repeat(full)) + style("gray", "░".repeat(width - full)) + text;
  }

  /** For people. `notes` are further lines. */
  summary(nowMs: number, notes: readonly string[], style: Terminal["style"]): string {
    const seconds = (nowMs - this.#startedMs) / 1000;
    const rate = this.done / Math.max(0.001, seconds);
    const lines = [
      style(
        "bold",
        `${this.done} ${this.done === 1 ? "URL" : "URLs"} in ${seconds.toFixed(1)} s ` +
          `(${rate.toFixed(1)}/s, ${formatBytes(this.#bytes)})`,
      ),
    ];
    for (const { kind, label, style: colour } of KINDS) {
      const count = this.#counts[kind];
      if (count === 0 && kind !== "stored") continue;
      lines.push(`  ${style(colour, label.padEnd(14))} ${String(count).padStart(7)}`);
      const reasons = kind === "not_stored" || kind === "failed" ? this.#reasons[kind] : NONE;
      for (const [reason, times] of [...reasons].toSorted((a, b) => b[1] - a[1])) {
        lines.push(`  ${" ".repeat(14)} ${String(times).padStart(7)}  ${meaningOf(reason)}`);
      }
    }
    return [...lines, ...notes.map((note) => `  ${note}`)].join("\n");
  }

  /** The same for programs. */
  json(nowMs: number): object {
    return {
      urls: this.done,
      seconds: (nowMs - this.#startedMs) / 1000,
      bytes: this.#bytes,
      ...this.#counts,
      notStoredReasons: Object.fromEntries(this.#reasons.not_stored),
      failedReasons: Object.fromEntries(this.#reasons.failed),
      foreign: this.foreign,
      unreadable: this.unreadable,
      slowed: this.slowed,
    };
  }
}

const NONE: ReadonlyMap<string, number> = new Map();
const BAR_MAX = 30;
const BAR_MIN = 8;

/** One target, in columns. */
export function outcomeLine(url: string, outcome: Outcome, style: Terminal["style"]): string {
  const { kind, status, reason, ttlSeconds } = outcome;
  const row = KINDS.find((one) => one.kind === kind);
  const label = style(row?.style ?? "red", (row?.label ?? kind).padEnd(14));
  const arrow = kind === "redirected" ? ` -> ${printable(reason)}` : "";
  const meaning = reason.startsWith(`${status} `) ? reason.slice(4) : meaningOf(reason);
  const why = kind === "not_stored" || kind === "failed" ? `  ${meaning}` : "";
  const ttl = ttlSeconds === null || why !== "" ? "" : `  ttl ${ttlSeconds} s`;
  return `${label} ${status === 0 ? "---" : status}  ${url}${arrow}${ttl}${why}`;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}

function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
