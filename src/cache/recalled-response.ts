// Owns making a stored response of what the second tier holds, for the request and the route that
// ask: another instance may have stored it, with another config. Changes nothing.

import type { RequestHead } from "../http/message.ts";
import type { CacheState } from "./cache-state.ts";
import type { RouteCaching } from "./forward.ts";
import { responseDirectives } from "./policy/directives.ts";
import { metadataOf } from "./policy/freshness.ts";
import { selectingFields, selects } from "./policy/vary.ts";
import type { Recall } from "./second-tier.ts";
import { pathWithoutQuery } from "./key.ts";
import { StoredResponse } from "./stored-response.ts";

/** Null where it is not selected by the request, or not by what the route has in its keys. */
export function storedFrom(
  { options, clock }: CacheState,
  { value, isExpired }: Recall,
  request: RequestHead,
  caching: RouteCaching,
): StoredResponse | null {
  const names = value.selecting.map(([name]) => name);
  // Another instance may have another config: what selects here must have selected there.
  const required = caching.keys?.fields ?? [];
  if (!required.every((name) => names.includes(name))) return null;
  const sent = value.selecting.flatMap(([name, text]) => (text === null ? [] : [name, text]));
  const selecting = selectingFields(names, sent);
  if (!selects(selecting, request.fields)) return null;
  const { freshness, format } = options;
  const { responseMs, initialAgeMs } = value;
  const directives = responseDirectives(value.fields, freshness.targetedFields);
  const head = { status: value.status, reason: value.reason, fields: value.fields };
  // The same initial age as then: its whole seconds as Age, the rest as the time under way.
  const age = ["Age", String(Math.floor(initialAgeMs / 1000))];
  const aged = { ...head, fields: [...value.fields, ...age] };
  const times = { requestMs: responseMs - (initialAgeMs % 1000), responseMs };
  const metadata = metadataOf(aged, directives, times, caching.mode, freshness);
  const path = pathWithoutQuery(request.path);
  const { tags, content } = value;
  const parts = { head, metadata, selecting, format, rules: caching.rules, path, tags };
  const stored = new StoredResponse(parts, [content], "copy");
  if (isExpired) stored.expire(clock.nowMs());
  return stored;
}
