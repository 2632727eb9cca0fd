// Owns the scenes of the balancing benchmark: what each of three origin servers is like, and what
// happens to one of them while the load runs.

import { setTimeout as delay } from "node:timers/promises";

interface OriginKind {
  readonly workMs: number;
  readonly failureShare: number;
}

/** What a scene can do to its third origin. */
export interface Stage {
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export interface Scene {
  readonly name: string;
  readonly about: string;
  /** The targets differ: adaptive must beat round robin by a quarter at p99. */
  readonly unequal: boolean;
  readonly origins: readonly OriginKind[];
  /** Runs beside the load, for as long as it takes. */
  readonly play: (stage: Stage, durationMs: number) => Promise<void>;
}

const same: OriginKind = { workMs: 5, failureShare: 0 };
const nothing = async (): Promise<void> => {};

export const SCENES: readonly Scene[] = [
  {
    name: "equal",
    about: "three targets at 5 ms",
    unequal: false,
    origins: [same, same, same],
    play: nothing,
  },
  {
    name: "unequal",
    about: "three targets at 1, 5 and 20 ms",
    unequal: true,
    origins: [{ ...same, workMs: 1 }, same, { ...same, workMs: 20 }],
    play: nothing,
  },
  {
    name: "failing",
    about: "three targets at 5 ms, one fails 10 %",
    unequal: false,
    origins: [same, same, { ...same, failureShare: 0.1 }],
    play: nothing,
  },
  {
    name: "stalling",
    about: "three targets at 5 ms, one stops for 700 ms every 2 s",
    unequal: true,
    origins: [same, same, same],
    play: async (stage, durationMs) => {
      for (let elapsedMs = 0; elapsedMs + 2000 <= durationMs; elapsedMs += 2000) {
        await delay(1300);
        stage.freeze();
        await delay(700);
        stage.thaw();
      }
    },
  },
  {
    name: "killed",
    about: "three targets at 5 ms, one is killed and comes back",
    unequal: false,
    origins: [same, same, same],
    play: async (stage, durationMs) => {
      await delay(durationMs * 0.5);
      await stage.kill();
      await delay(durationMs * 0.25);
      await stage.restart();
    },
  },
];
