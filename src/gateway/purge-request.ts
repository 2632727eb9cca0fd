// Owns how a purge is written in JSON: {"url": …}, {"prefix": …}, {"tag": …} or {"all": true}, with
// "soft". The admin API reads it; what instances tell each other has the same form. Pure.

import { uriPrefixOf } from "../cache/key.ts";
import { isTag } from "../cache/policy/tags.ts";
import type { Purge, PurgeScope } from "../cache/purge.ts";

/** The purge, or a sentence for whoever sent it. */
export type PurgeReading = { readonly purge: Purge } | { readonly problem: string };

export function readPurge(value: unknown): PurgeReading {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { problem: `expected ${SHAPE}` };
  }
  const { soft = false, ...rest } = value as Readonly<Record<string, unknown>>;
  const [given, another] = Object.entries(rest);
  if (typeof soft !== "boolean") return { problem: '"soft" is true or false' };
  if (given === undefined) return { problem: `what is to be purged? Expected ${SHAPE}` };
  if (another !== undefined && SCOPES.has(given[0]) && SCOPES.has(another[0])) {
    return { problem: `"${given[0]}" and "${another[0]}" exclude each other` };
  }
  const unknown = Object.keys(rest).find((name) => !SCOPES.has(name));
  if (unknown !== undefined) return { problem: `unknown member; expected ${SHAPE}` };
  const scope = readScope(given[0], given[1]);
  if (typeof scope === "string") return { problem: scope };
  return { purge: { scope, mode: soft ? "soft" : "hard" } };
}

const SHAPE =
  '{"url": "http://host/path"}, {"prefix": "http://host/path"}, {"tag": "name"} or ' +
  '{"all": true}, and "soft": true to keep as stale';

const SCOPES: ReadonlySet<string> = new Set(["url", "prefix", "tag", "all"]);

/** The scope, or what is wrong with it. */
function readScope(name: string, value: unknown): PurgeScope | string {
  if (name === "all") return value === true ? { kind: "all" } : '"all" can only be true';
  if (typeof value !== "string") return `"${name}" is text`;
  if (name === "tag") {
    return isTag(value)
      ? { kind: "tag", tag: value }
      : "a tag has 1 to 1024 visible ASCII characters, no spaces and no commas";
  }
  const uri = absoluteUri(value);
  if (uri === undefined) return `"${name}" is a URL of http or https, such as http://host/path`;
  return name === "url" ? { kind: "uri", uri } : { kind: "prefix", prefix: uri };
}

/**
 * Paths are compared as clients send them, so what a client could send stays as it is; anything
 * else is encoded as a browser would.
 */
function absoluteUri(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const uri = VISIBLE.test(text) ? text : new URL(text).href;
  return uriPrefixOf(uri) === undefined ? undefined : uri;
}

const VISIBLE = /^[\x21-\x7e]+$/;
