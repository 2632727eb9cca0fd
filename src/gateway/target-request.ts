// Owns how changes of targets are written in JSON on the admin API. Pure: a value in, a change or a
// sentence for whoever sent it out.

import { targetName } from "../upstream/target.ts";
import { parseTarget } from "./listen-address.ts";
import type { TargetChange } from "./target-table.ts";
import { nearestWord } from "./suggestion.ts";

export type ChangeReading = { readonly change: TargetChange } | { readonly problem: string };

/** What can be done to a target that exists, by the last segment of the path. */
export const TARGET_ACTIONS = ["drain", "undrain", "weight", "remove"] as const;
export type TargetAction = (typeof TARGET_ACTIONS)[number];

const ADD_MEMBERS = ["upstream", "url", "weight", "backup", "priority", "zone"];
const WEIGHT_MAX = 1000;
const PRIORITY_MAX = 9;

type Members = Readonly<Record<string, unknown>>;

/** `zone`: where this gateway runs; null where that is not known. */
export function readAddition(value: unknown, zone: string | null): ChangeReading {
  const members = readMembers(value, ADD_MEMBERS);
  if (typeof members === "string") return { problem: members };
  const { upstream, url, weight = 1, backup = false, priority, zone: own = null } = members;
  if (typeof upstream !== "string") return { problem: '"upstream" is the name of an upstream' };
  const origin = typeof url === "string" ? parseTarget(url) : null;
  if (origin === null) {
    return { problem: '"url" is scheme, host and port, such as http://10.0.0.11:3000' };
  }
  if (!isWhole(weight, WEIGHT_MAX)) return { problem: WEIGHT_PROBLEM };
  if (typeof backup !== "boolean") return { problem: '"backup" is true or false' };
  if (priority !== undefined && backup) return { problem: '"backup" is priority 1: not both' };
  const level = priority ?? (backup ? 1 : 0);
  if (!isWhole(level, PRIORITY_MAX)) {
    return { problem: `"priority" is a whole number from 0 to ${PRIORITY_MAX}` };
  }
  if (own !== null && typeof own !== "string") return { problem: '"zone" is a name' };
  const isLocal = own === null || zone === null || own === zone;
  return { change: { kind: "add", upstream, origin, weight, priority: level, isLocal } };
}

export function readAction(target: string, action: TargetAction, value: unknown): ChangeReading {
  const members = readMembers(value, action === "weight" ? ["upstream", "weight"] : ["upstream"]);
  if (typeof members === "string") return { problem: members };
  const { upstream = null, weight } = members;
  if (upstream !== null && typeof upstream !== "string") {
    return { problem: '"upstream" is the name of an upstream' };
  }
  // What it was added by is understood too.
  const origin = parseTarget(target);
  const named = { target: origin === null ? target : targetName(new URL(origin)), upstream };
  switch (action) {
    case "remove":
      return { change: { kind: "remove", ...named } };
    case "weight":
      if (!isWhole(weight, WEIGHT_MAX)) return { problem: WEIGHT_PROBLEM };
      return { change: { kind: "weight", weight, ...named } };
    default: {
      const duty = action === "drain" ? "draining" : "serving";
      return { change: { kind: "duty", duty, ...named } };
    }
  }
}

const WEIGHT_PROBLEM = `"weight" is a whole number from 0 to ${WEIGHT_MAX}`;

/** A map with no other members than these; no content at all is an empty one. */
function readMembers(value: unknown, known: readonly string[]): Members | string {
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value)) return "expected a JSON object";
  const members = value as Members;
  const unknown = Object.keys(members).find((name) => !known.includes(name));
  if (unknown === undefined) return members;
  const near = nearestWord(unknown, known);
  const question = near === null ? `expected ${known.join(", ")}` : `did you mean "${near}"?`;
  return `unknown member "${unknown.slice(0, 64)}"; ${question}`;
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;
}
