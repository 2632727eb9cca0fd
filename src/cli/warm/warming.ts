// Owns a warm-up while it runs: takes targets from the list at the pace that is allowed, asks every
// worker for every variant, waits when it is asked to, stops when nobody answers.

import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../clock.ts";
import { EXIT } from "../exit-code.ts";
import type { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../terminal.ts";
import type { GatewayAnswer, GatewayConnections } from "./gateway-connections.ts";
import { failure, type Outcome, outcomeOf, worstOf } from "./outcome.ts";
import { Pace, retryAfterMs } from "./pace.ts";
import type { WarmPlan } from "./plan.ts";
import { SitemapError } from "./sitemap.ts";
import { readSources } from "./sources.ts";
import { outcomeLine, Tally } from "./tally.ts";
import { urlOf, type WarmTarget, WorkList } from "./work-list.ts";

/** A request that was refused for want of time is made again. */
const ATTEMPTS_MAX = 4;
/** So many in a row without any answer: the gateway is gone. */
const SILENT_MAX = 10;
const DRAW_MS = 100;

/** Why a warm-up ended before its list did; null: it did not. */
export type Ended = "interrupted" | "no_answer" | null;

export interface WarmingParts {
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
}

export class Warming {
  readonly #plan: WarmPlan;
  readonly #connections: GatewayConnections;
  readonly #signal: AbortSignal;
  readonly #terminal: Terminal;
  readonly #work: WorkList;
  readonly #pace: Pace;
  readonly #tally = new Tally(systemClock.monotonicMs());
  readonly #showsBar: boolean;
  #workers: readonly string[] = [];
  #unreached = 0;
  /** Targets in a row that nobody answered. */
  #silent = 0;
  #ended: Ended = null;

  constructor(plan: WarmPlan, connections: GatewayConnections, parts: WarmingParts) {
    this.#plan = plan;
    this.#connections = connections;
    this.#signal = parts.signal;
    this.#terminal = parts.terminal;
    this.#work = new WorkList(plan.targetsMax);
    this.#pace = new Pace(plan.perSecond);
    this.#showsBar = parts.terminal.interactive && !plan.json;
    parts.signal.addEventListener("abort", () => this.#stop("interrupted"));
  }

  /** Resolves when all is asked, or it was stopped; rejects where nobody listens. */
  async run(listener: string, workerCount: number): Promise<Ended> {
    this.#workers = await this.#connections.workers();
    this.#unreached = workerCount - this.#workers.length;
    const drawing = this.#showsBar ? setInterval(() => this.#draw(), DRAW_MS) : undefined;
    try {
      const reading = this.#read(listener);
      const lanes = Array.from({ length: this.#plan.concurrency }, () => this.#serve());
      await Promise.all([reading, ...lanes]);
    } finally {
      clearInterval(drawing);
      this.#terminal.show("");
    }
    return this.#ended;
  }

  /** Says how it went. `lost` is how many stored responses memory had no room for meanwhile. */
  report(ended: Ended, lost: number): ExitCode {
    const nowMs = systemClock.monotonicMs();
    const left = this.#work.size - this.#tally.done;
    if (this.#plan.json) {
      const summary = { ...this.#tally.json(nowMs), left, lost, ended, cut: this.#work.isCut };
      this.#terminal.print(JSON.stringify({ summary }));
    } else {
      const notes = this.#notes(ended, left, lost);
      this.#terminal.print(this.#tally.summary(nowMs, notes, this.#terminal.style));
    }
    const { failed, unreadable } = this.#tally;
    const isWhole = ended === null && !this.#work.isCut && this.#unreached === 0;
    return failed === 0 && unreadable === 0 && isWhole ? EXIT.ok : EXIT.failed;
  }

  #notes(ended: Ended, left: number, lost: number): string[] {
    const { foreign, unreadable, slowed } = this.#tally;
    const rows: [boolean, string][] = [
      [ended === "interrupted", `interrupted, with ${left} not asked for`],
      [ended === "no_answer", `the gateway does not answer: stopped with ${left} not asked for`],
      [unreadable > 0, `${unreadable} entries could not be read`],
      [foreign > 0, `${foreign} of other hosts than the sitemap's were left out (--host)`],
      [this.#work.isCut, `only the first ${this.#plan.targetsMax} were asked for (--max)`],
      [slowed > 0, `slowed down ${slowed} times by 503 or 429`],
      [this.#unreached > 0, `${this.#unreached} workers could not be reached`],
      [lost > 0, `memory had no room for ${lost} stored responses (cache.memory)`],
    ];
    return rows.flatMap(([holds, text]) => (holds ? [text] : []));
  }

  async #read(listener: string): Promise<void> {
    const { lists, sitemaps, targets, hosts } = this.#plan;
    for (const target of targets) this.#work.add(target);
    const options = { lists, sitemaps, host: hosts[0] ?? listener, hosts: new Set(hosts) };
    const reading = readSources(options, this.#work, {
      fetch: async (target) => this.#fetchSitemap(target),
      failed: (what, why) => {
        this.#tally.unreadable++;
        this.#terminal.complain(`${what}: ${why}`);
      },
      foreign: () => this.#tally.foreign++,
    });
    const aborted = new Promise<void>((resolve) => {
      this.#signal.addEventListener("abort", () => resolve(), { once: true });
    });
    try {
      // A pipe that nobody closes must not keep an interrupted command.
      await Promise.race([reading, aborted]);
    } catch (error) {
      if (!this.#signal.aborted) {
        this.#work.abandon();
        throw error;
      }
    } finally {
      this.#work.complete();
    }
  }

  async #fetchSitemap(target: WarmTarget): Promise<AsyncIterable<Uint8Array>> {
    const [fields = []] = this.#plan.variants;
    const { status, content } = await this.#connections.open(target, fields).catch((error) => {
      throw new SitemapError(reasonOf(error));
    });
    if (status !== 200) throw new SitemapError(`the gateway answered ${status}`);
    return content;
  }

  /** One of several that work at the same time. */
  async #serve(): Promise<void> {
    for (let target = await this.#work.next(); target !== null; target = await this.#work.next()) {
      const outcome = await this.#warm(target);
      if (this.#signal.aborted || this.#ended !== null) return;
      this.#tally.add(outcome);
      this.#say(target, outcome);
      this.#silent = outcome.status === 0 ? this.#silent + 1 : 0;
      if (this.#silent >= SILENT_MAX) this.#stop("no_answer");
    }
  }

  async #warm(target: WarmTarget): Promise<Outcome> {
    const outcomes: Outcome[] = [];
    for (const fields of this.#plan.variants) {
      outcomes.push(await this.#ask(target, fields));
    }
    return worstOf(outcomes);
  }

  /** All workers at once: whoever comes second follows the first one's origin request. */
  async #ask(target: WarmTarget, fields: readonly string[]): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      await this.#turn();
      if (this.#ended !== null) return failure("interrupted");
      const answers = await Promise.all(
        this.#workers.map((worker) =>
          this.#connections.ask(worker, target, fields).catch((error: unknown) => reasonOf(error)),
        ),
      );
      const isBusy = answers.some((answer) => this.#isTooFast(answer));
      if (isBusy && attempt < ATTEMPTS_MAX) continue;
      return worstOf(
        answers.map((answer) => (typeof answer === "string" ? failure(answer) : outcomeOf(answer))),
      );
    }
  }

  #isTooFast(answer: GatewayAnswer | string): boolean {
    if (typeof answer === "string") return false;
    const { status, retryAfter } = answer;
    if (status !== 503 && status !== 429) {
      this.#pace.succeeded();
      return false;
    }
    this.#tally.slowed++;
    const pauseMs = retryAfterMs(retryAfter, systemClock.nowMs());
    this.#pace.slowDown(systemClock.monotonicMs(), pauseMs);
    return true;
  }

  async #turn(): Promise<void> {
    const waitMs = this.#pace.reserve(systemClock.monotonicMs());
    if (waitMs < 1) return;
    await delay(waitMs, undefined, { signal: this.#signal }).catch(() => undefined);
  }

  #stop(ended: Ended): void {
    this.#ended ??= ended;
    this.#work.abandon();
  }

  #say(target: WarmTarget, outcome: Outcome): void {
    const url = urlOf(target);
    if (this.#plan.json) {
      this.#terminal.print(JSON.stringify({ url, ...outcome }));
    } else if (!this.#showsBar || outcome.kind === "failed" || outcome.kind === "redirected") {
      this.#terminal.print(outcomeLine(url, outcome, this.#terminal.style));
    }
  }

  #draw(): void {
    const { size: known, isComplete: isFinal } = this.#work;
    const now = { known, isFinal, perSecond: this.#pace.perSecond };
    const { columns, style } = this.#terminal;
    this.#terminal.show(this.#tally.progress(now, systemClock.monotonicMs(), columns, style));
  }
}

/** One word: the system's code, or undici's. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code === "" && error instanceof Error ? error.message : code;
}
