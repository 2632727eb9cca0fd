// Owns the list of rules that a decision went through, in order, for whoever asks why. Decisions
// take it as their last argument, undefined where nobody asks, and so cost nothing then.

import { RULES, type RuleName } from "./rules.ts";

export interface TraceStep {
  readonly rule: RuleName;
  /** It decided; the others before it did not apply. */
  readonly decided: boolean;
  readonly section: string;
  readonly text: string;
}

export class Trace {
  readonly steps: TraceStep[] = [];

  passed(rule: RuleName): void {
    this.steps.push({ rule, decided: false, ...RULES[rule] });
  }

  decided(rule: RuleName): void {
    this.steps.push({ rule, decided: true, ...RULES[rule] });
  }
}
