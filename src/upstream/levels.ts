// Owns who shares the requests: targets by priority and zone, each group with the share that its
// health allows, so that requests spill over to the next group little by little instead of all at
// once. Pure, and run only when a target's state changes. The sums are those of Envoy's priority
// load: a group with 70 % of its weight healthy still takes everything.

import type { Standing } from "./target-state.ts";

export interface Placed {
  /** 0 is asked first. */
  readonly priority: number;
  /** In the zone of this gateway, or no zone is known. */
  readonly isLocal: boolean;
  readonly baseWeight: number;
}

export interface Group<T> {
  readonly members: readonly T[];
  /** Share of the requests that go here or to a group before this one; 1 for the last group. */
  readonly upTo: number;
}

export interface Plan<T> {
  readonly groups: readonly Group<T>[];
  /** Half-open: asked once in a while, whatever the groups say. */
  readonly trials: readonly T[];
  /** Too few are healthy: unhealthy ones are asked too. */
  readonly panic: boolean;
}

/** How much more than its share a healthy target can carry. */
const OVERPROVISION = 1.4;

interface Level<T> {
  readonly all: readonly T[];
  readonly healthy: readonly T[];
  /** Healthy, ejected or failed by probes: whom panic asks. */
  readonly reachable: readonly T[];
  readonly healthyShare: number;
  readonly health: number;
}

/** `panicShare`: below this share of healthy weight, health is no longer believed. */
export function planGroups<T extends Placed>(
  targets: readonly T[],
  standingOf: (target: T) => Standing,
  panicShare: number,
): Plan<T> {
  const standings = targets.map((target) => [target, standingOf(target)] as const);
  const trials = standings.filter(([, standing]) => standing === "trial").map(([target]) => target);
  const levels = levelsOf(standings);
  const health = levels.reduce((sum, level) => sum + level.health, 0);
  if (health === 0) return { ...panicPlan(levels), trials };
  const groups: Group<T>[] = [];
  let panic = false;
  let upTo = 0;
  for (const level of levels) {
    if (upTo >= 1 || level.health === 0) continue;
    const share = Math.min(1 - upTo, level.health / Math.min(1, health));
    const isPanicking = health < 1 && level.healthyShare < panicShare;
    panic ||= isPanicking;
    if (isPanicking) groups.push({ members: level.reachable, upTo: upTo + share });
    else addZones(groups, level, upTo, share);
    upTo += share;
  }
  return { groups, trials, panic };
}

function panicPlan<T>(levels: readonly Level<T>[]): { groups: Group<T>[]; panic: boolean } {
  const first = levels.find((level) => level.reachable.length > 0);
  if (first === undefined) return { groups: [], panic: false };
  return { groups: [{ members: first.reachable, upTo: 1 }], panic: true };
}

function levelsOf<T extends Placed>(
  standings: readonly (readonly [T, Standing])[],
): readonly Level<T>[] {
  const priorities = [...new Set(standings.map(([target]) => target.priority))];
  return priorities
    .sort((a, b) => a - b)
    .map((priority) => {
      const all = standings.filter(([target]) => target.priority === priority);
      const healthy = membersOf(all, (standing) => standing === "in");
      const reachable = membersOf(all, (standing) => standing === "in" || standing === "out");
      const members = all.map(([target]) => target);
      const whole = weightOf(members);
      const healthyShare = whole === 0 ? 0 : weightOf(healthy) / whole;
      const health = Math.min(1, OVERPROVISION * healthyShare);
      return { all: members, healthy, reachable, healthyShare, health };
    });
}

function membersOf<T>(
  standings: readonly (readonly [T, Standing])[],
  wanted: (standing: Standing) => boolean,
): readonly T[] {
  return standings.filter(([, standing]) => wanted(standing)).map(([target]) => target);
}

/** Near ones take what the healthy among them can carry, the others the rest. */
function addZones<T extends Placed>(
  groups: Group<T>[],
  { all, healthy }: Level<T>,
  from: number,
  share: number,
): void {
  const near = healthy.filter((target) => target.isLocal);
  const far = healthy.filter((target) => !target.isLocal);
  if (near.length === 0 || far.length === 0) {
    groups.push({ members: healthy, upTo: from + share });
    return;
  }
  const nearHealth = weightOf(near) / weightOf(all.filter((target) => target.isLocal));
  const nearShare = Math.min(1, OVERPROVISION * nearHealth);
  groups.push({ members: near, upTo: from + share * nearShare });
  if (nearShare < 1) groups.push({ members: far, upTo: from + share });
}

function weightOf(targets: readonly Placed[]): number {
  return targets.reduce((sum, target) => sum + target.baseWeight, 0);
}
