// Owns what differs between two configs, key by key. Works on what may be shown of them
// (config-redaction.ts), so that a change of a secret is none.

import { isDeepStrictEqual } from "node:util";

export interface ConfigChange {
  /** "upstreams.api.timeout.totalMs", "routes[api].cache.ttlSeconds". */
  readonly key: string;
  readonly kind: "added" | "removed" | "changed";
  /** JSON values; undefined where there was, or is, none. */
  readonly before?: unknown;
  readonly after?: unknown;
  /** A reload leaves it as it is. */
  readonly needsRestart: boolean;
}

type Members = ReadonlyMap<string, unknown>;

/** What is made once for a process, or holds what a change would lose. */
const AT_START_ONLY: ReadonlySet<string> = new Set(["admin", "workers", "log.access"]);
/** Where a config came from, and what was said about it. */
const NO_SETTING: ReadonlySet<string> = new Set(["file", "warnings"]);

/** From one redacted config to another, in the order of the keys. */
export function configChanges(before: unknown, after: unknown): ConfigChange[] {
  const changes: ConfigChange[] = [];
  compare("", before, after, changes);
  return changes;
}

function compare(key: string, before: unknown, after: unknown, changes: ConfigChange[]): void {
  if (NO_SETTING.has(key) || isDeepStrictEqual(before, after)) return;
  const [old, now] = [membersOf(before), membersOf(after)];
  if (old === null || now === null || AT_START_ONLY.has(key) || isOtherKind(old, now)) {
    changes.push(changeOf(key, before, after));
    return;
  }
  const isList = Array.isArray(before) || Array.isArray(after);
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const path = isList ? `${key}[${name}]` : key === "" ? name : `${key}.${name}`;
    if (old.has(name) && now.has(name)) compare(path, old.get(name), now.get(name), changes);
    else changes.push(changeOf(path, old.get(name), now.get(name)));
  }
}

/** Alternatives of a key share no settings that could be compared. */
function isOtherKind(old: Members, now: Members): boolean {
  return old.get("kind") !== now.get("kind");
}

function changeOf(key: string, before: unknown, after: unknown): ConfigChange {
  const needsRestart = AT_START_ONLY.has(key);
  if (before === undefined) return { key, kind: "added", after, needsRestart };
  if (after === undefined) return { key, kind: "removed", before, needsRestart };
  return { key, kind: "changed", before, after, needsRestart };
}

/** By key; lists by the names of what they hold. null: a value, to be compared as one. */
function membersOf(value: unknown): Members | null {
  if (typeof value !== "object" || value === null) return null;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const named = value.map((item: unknown): [string, unknown] => [nameOf(item), item]);
  const members = new Map(named);
  return members.has("") || members.size < value.length ? null : members;
}

/** "" for none. */
function nameOf(item: unknown): string {
  if (typeof item !== "object" || item === null) return "";
  if ("name" in item && typeof item.name === "string") return item.name;
  return "origin" in item && typeof item.origin === "string" ? item.origin : "";
}
