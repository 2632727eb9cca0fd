// Owns the table of targets while a gateway runs: what the config and its operators declare, where
// names are, and what a change makes of it. Pure: a table is never written, a change gives another.

import { isDeepStrictEqual } from "node:util";
import { type TargetConfig, targetName } from "../upstream/target.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { serviceOf } from "./target-names.ts";

/** What a target is called in the config or by who added it; a name may have many addresses. */
export interface DeclaredTarget {
  /** "host:port" or "unix:/path": what verbs and paths of the admin API name it by. */
  readonly name: string;
  readonly origin: string;
  readonly weight: number;
  readonly priority: number;
  readonly isLocal: boolean;
  readonly source: "config" | "admin";
  /** null: an address, or a name that has not been resolved yet. */
  readonly endpoints: readonly Endpoint[] | null;
}

/** One place where a target is. */
export interface Endpoint {
  readonly url: string;
  readonly addresses: readonly string[];
  /** What its target's weight is multiplied by, and what is added to its priority. */
  readonly weight: number;
  readonly priority: number;
}

export interface TargetTable {
  readonly upstreams: ReadonlyMap<string, readonly DeclaredTarget[]>;
  /** Upstreams with active checks: what joins there waits for its first good one. */
  readonly probing: ReadonlySet<string>;
  /** "upstream target" of what is out of service: targets, or single addresses of one. */
  readonly draining: ReadonlySet<string>;
  /** The same of what joined while others served. */
  readonly joined: ReadonlySet<string>;
}

/** What may be asked of a table. `upstream` null: each one that has the target. */
export type TargetChange =
  | ({ readonly kind: "add"; readonly upstream: string } & NewTarget)
  | ({ readonly kind: "weight"; readonly weight: number } & Named)
  | ({ readonly kind: "duty"; readonly duty: TargetDuty } & Named)
  | ({ readonly kind: "remove" } & Named)
  | {
      readonly kind: "resolved";
      readonly origin: string;
      /** null: names are not resolved any more. */
      readonly endpoints: readonly Endpoint[] | null;
    };

export type NewTarget = Pick<DeclaredTarget, "origin" | "weight" | "priority" | "isLocal">;

interface Named {
  readonly target: string;
  readonly upstream: string | null;
}

/** What an operator wants of a target. */
export type TargetDuty = "serving" | "draining";

export interface ChangeProblem {
  readonly error: "not_found" | "conflict" | "too_many";
  readonly detail: string;
}

export interface ChangedTable {
  readonly table: TargetTable;
  /** Those that are concerned, whether or not anything is different now. */
  readonly upstreams: readonly string[];
}

/** Each costs a pool, a row in every metric and a step of every choice. */
const TARGETS_MAX = 1000;

export function tableOf({ upstreams }: GatewayConfig): TargetTable {
  const all = [...upstreams.values()];
  return {
    upstreams: new Map(
      all.map(({ name, targets }) => [name, targets.map((own) => declare(own, "config"))]),
    ),
    probing: new Set(all.filter(({ probe }) => probe !== null).map(({ name }) => name)),
    draining: new Set(),
    joined: new Set(),
  };
}

/**
 * The table of another config. What is declared as it was before stays what operators have made of
 * it, be it weighed or removed; what they have added stays where its upstream does.
 */
export function reconfigured(
  table: TargetTable,
  before: GatewayConfig,
  after: GatewayConfig,
): TargetTable {
  const sets = new Map<string, readonly DeclaredTarget[]>();
  for (const [name, { targets }] of after.upstreams) {
    const running = table.upstreams.get(name) ?? [];
    const known = before.upstreams.get(name)?.targets ?? [];
    const declared = targets.flatMap((target) => {
      const own = declare(target, "config");
      const now = running.find(({ origin }) => origin === target.origin);
      const isAsBefore = known.some((one) => isDeepStrictEqual(one, target));
      if (isAsBefore) return now === undefined ? [] : [now];
      return [{ ...own, endpoints: now?.endpoints ?? null }];
    });
    const names = new Set(declared.map((target) => target.name));
    const added = running.filter((own) => own.source === "admin" && !names.has(own.name));
    const all = [...declared, ...added];
    sets.set(name, all.length > 0 ? all : targets.map((target) => declare(target, "config")));
  }
  const { table: next } = changed({ ...tableOf(after), draining: table.draining }, sets);
  return next;
}

/** The targets of an upstream as a cluster takes them; no two have the same name. */
export function targetsOf(table: TargetTable, upstream: string): readonly TargetConfig[] {
  const byName = new Map<string, TargetConfig>();
  for (const target of table.upstreams.get(upstream) ?? []) {
    const isOut = table.draining.has(`${upstream} ${target.name}`);
    for (const { url, addresses, weight, priority } of placesOf(target)) {
      const name = targetName(new URL(url), addresses);
      if (byName.has(name)) continue;
      byName.set(name, {
        url,
        addresses,
        weight: target.weight * weight,
        priority: target.priority + priority,
        isLocal: target.isLocal,
        draining: isOut || table.draining.has(`${upstream} ${name}`),
        awaitsProbe: table.joined.has(`${upstream} ${name}`),
      });
    }
  }
  return [...byName.values()];
}

export function applyChange(
  table: TargetTable,
  change: TargetChange,
): ChangedTable | ChangeProblem {
  switch (change.kind) {
    case "add":
      return add(table, change);
    case "resolved":
      return resolved(table, change);
    case "duty":
      return assign(table, change);
    case "weight":
      return each(table, change, (target) => [{ ...target, weight: change.weight }]);
    default:
      return each(table, change, () => []);
  }
}

type Of<Kind extends TargetChange["kind"]> = Extract<TargetChange, { kind: Kind }>;

function add(table: TargetTable, change: Of<"add">): ChangedTable | ChangeProblem {
  const { upstream } = change;
  const targets = table.upstreams.get(upstream);
  if (targets === undefined) return noUpstream(table, upstream);
  const target = declare(change, "admin");
  if (targets.some(({ name }) => name === target.name)) {
    const detail = `${upstream} has ${target.name} already; its weight can be changed`;
    return { error: "conflict", detail };
  }
  if (targets.length >= TARGETS_MAX) {
    return { error: "too_many", detail: `${upstream} has ${TARGETS_MAX} targets, the most` };
  }
  return changed(table, new Map([[upstream, [...targets, target]]]));
}

function resolved(table: TargetTable, { origin, endpoints }: Of<"resolved">): ChangedTable {
  const sets = new Map<string, readonly DeclaredTarget[]>();
  for (const [upstream, targets] of table.upstreams) {
    if (!targets.some((target) => target.origin === origin)) continue;
    sets.set(
      upstream,
      targets.map((target) => (target.origin === origin ? { ...target, endpoints } : target)),
    );
  }
  return changed(table, sets);
}

/** A target goes out of service or comes back, or one address of it. */
function assign(table: TargetTable, change: Of<"duty">): ChangedTable | ChangeProblem {
  const { target: wanted, duty } = change;
  const upstreams = upstreamsOf(table, change.upstream).filter((upstream) =>
    (table.upstreams.get(upstream) ?? []).some((target) => namesOf(target).includes(wanted)),
  );
  if (upstreams.length === 0) return noTarget(table, change);
  const draining = new Set(table.draining);
  for (const upstream of upstreams) {
    if (duty === "draining") draining.add(`${upstream} ${wanted}`);
    else draining.delete(`${upstream} ${wanted}`);
  }
  return { table: { ...table, draining }, upstreams };
}

/** Replaces the target in each upstream that is meant. */
function each(
  table: TargetTable,
  change: Of<"weight"> | Of<"remove">,
  replace: (target: DeclaredTarget) => readonly DeclaredTarget[],
): ChangedTable | ChangeProblem {
  const sets = new Map<string, readonly DeclaredTarget[]>();
  for (const upstream of upstreamsOf(table, change.upstream)) {
    const targets = table.upstreams.get(upstream) ?? [];
    if (!targets.some(({ name }) => name === change.target)) continue;
    const next = targets.flatMap((own) => (own.name === change.target ? replace(own) : [own]));
    if (next.length === 0) {
      const detail = `${change.target} is the last target of ${upstream}; it can be drained`;
      return { error: "conflict", detail };
    }
    sets.set(upstream, next);
  }
  return sets.size === 0 ? noTarget(table, change) : changed(table, sets);
}

/** Puts sets in; what is in none any more is forgotten, what is new beside others has joined. */
function changed(
  table: TargetTable,
  sets: ReadonlyMap<string, readonly DeclaredTarget[]>,
): ChangedTable {
  const upstreams = new Map([...table.upstreams, ...sets]);
  const known = new Set<string>();
  for (const [upstream, targets] of upstreams) {
    for (const name of targets.flatMap(namesOf)) known.add(`${upstream} ${name}`);
  }
  const kept = (set: ReadonlySet<string>): Set<string> =>
    new Set([...set].filter((key) => known.has(key)));
  const joined = kept(table.joined);
  for (const [upstream, targets] of sets) {
    if (!table.probing.has(upstream)) continue;
    const before = table.upstreams.get(upstream) ?? [];
    const beforeNames = new Set(before.flatMap(namesOf));
    for (const target of targets) {
      // The first answer of a resolver is about targets that were there all the time.
      const isFirst = before.some((own) => own.origin === target.origin && own.endpoints === null);
      if (isFirst) continue;
      for (const name of namesOf(target)) {
        if (!beforeNames.has(name)) joined.add(`${upstream} ${name}`);
      }
    }
  }
  return {
    table: { ...table, upstreams, joined, draining: kept(table.draining) },
    upstreams: [...sets.keys()],
  };
}

function declare(target: NewTarget, source: DeclaredTarget["source"]): DeclaredTarget {
  const { origin, weight, priority, isLocal } = target;
  const name = targetName(new URL(origin));
  return { name, origin, weight, priority, isLocal, source, endpoints: null };
}

/** A name that was not resolved yet is left to the system; a service is nowhere before. */
export function placesOf({ origin, endpoints }: DeclaredTarget): readonly Endpoint[] {
  if (endpoints !== null) return endpoints;
  return serviceOf(origin) === null ? [{ url: origin, addresses: [], weight: 1, priority: 0 }] : [];
}

/** Its own, and those of its addresses. */
function namesOf({ name, endpoints }: DeclaredTarget): readonly string[] {
  const places = endpoints ?? [];
  return [name, ...places.map(({ url, addresses }) => targetName(new URL(url), addresses))];
}

function upstreamsOf(table: TargetTable, upstream: string | null): readonly string[] {
  return upstream === null ? [...table.upstreams.keys()] : [upstream];
}

function noUpstream(table: TargetTable, upstream: string): ChangeProblem {
  const names = [...table.upstreams.keys()].join(", ");
  return { error: "not_found", detail: `no upstream "${upstream}"; there are ${names}` };
}

function noTarget(table: TargetTable, { target, upstream }: Named): ChangeProblem {
  if (upstream !== null && !table.upstreams.has(upstream)) return noUpstream(table, upstream);
  for (const targets of table.upstreams.values()) {
    const owner = targets.find((own) => namesOf(own).includes(target));
    if (owner === undefined || owner.name === target) continue;
    const detail = `${target} is an address of ${owner.name}; change that`;
    return { error: "conflict", detail };
  }
  const where = upstream === null ? "no upstream has" : `${upstream} does not have`;
  return { error: "not_found", detail: `${where} this target; /targets lists them` };
}
