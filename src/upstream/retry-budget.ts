// Owns how many attempts beyond the first a cluster may make: a share of the requests under way,
// and the same share of the last ten seconds' requests, so that an origin that fails everything
// sees little more than it would without retries. Pure: time is an argument.

import { RecentCounts } from "./recent-counts.ts";

export interface BudgetRules {
  /** Retries that may run at a time, as a share of the running requests … */
  readonly budgetShare: number;
  /** … and how many may run at least; also how many there may be in ten seconds at least. */
  readonly budgetMin: number;
}

/** busy: too many run at this moment; spent: there have been too many lately. */
export type Grant = "taken" | "busy" | "spent";

export class RetryBudget {
  /** Retries and hedges under way. */
  running = 0;
  /** Times that one was refused. */
  exhausted = 0;
  readonly #rules: BudgetRules;
  readonly #requests = new RecentCounts();
  readonly #retries = new RecentCounts();

  constructor(rules: BudgetRules) {
    this.#rules = rules;
  }

  /** A request has come. */
  request(nowMs: number): void {
    this.#requests.good(nowMs);
  }

  /** Takes one if there is one; `active` are the requests under way. */
  take(active: number, nowMs: number): Grant {
    const { budgetShare, budgetMin } = this.#rules;
    this.#requests.advance(nowMs);
    this.#retries.advance(nowMs);
    if (this.#retries.total + 1 > Math.max(budgetMin, budgetShare * this.#requests.total)) {
      this.exhausted += 1;
      return "spent";
    }
    if (this.running + 1 > Math.max(budgetMin, budgetShare * active)) return "busy";
    this.running += 1;
    this.#retries.good(nowMs);
    return "taken";
  }

  /** The request that took one has ended. */
  giveBack(): void {
    this.running -= 1;
  }
}
