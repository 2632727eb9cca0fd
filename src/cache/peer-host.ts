// Owns what a cache does for the caches of other workers: it lets them follow what is on its way
// here, gives them what is stored, and hears what became invalid there. Knows no ports.

import type { RequestHead } from "../http/message.ts";
import type { CacheState } from "./cache-state.ts";
import type { FillTicket } from "./collapse.ts";
import type { CachePlan } from "./fill-plan.ts";
import { type CacheKey, type KeyMemory, keyOfUri } from "./key.ts";
import type { OpenFills } from "./open-fills.ts";
import type { PeerHost, PeerResponse } from "./peers.ts";

export function hostForPeers(
  memory: KeyMemory,
  state: CacheState,
  fills: OpenFills,
  invalidate: (key: CacheKey) => void,
): PeerHost {
  const followed = new WeakMap<FillTicket, CachePlan>();
  return {
    joinFill: (uri, request, reader) => {
      const key = keyOfUri(memory, uri);
      const open = key === undefined ? undefined : fills.findOpen(key, request, null);
      // A fill that itself comes from a peer is not passed on: nobody waits in a circle.
      if (open === undefined || open.fill === null || open.peer !== null) return null;
      const ticket = open.fill.join(reader, "peer");
      followed.set(ticket, open.plan);
      return ticket;
    },
    timesOf: (ticket) => followed.get(ticket)?.times ?? NEVER,
    stored: (uri, request) => storedForPeer(memory, state, uri, request),
    isUncacheable: (uri, { fields }) => {
      const key = keyOfUri(memory, uri);
      return key !== undefined && state.isUncacheable(key, fields, state.clock.nowMs());
    },
    rememberUncacheable: (uri, { fields }) => {
      const key = keyOfUri(memory, uri);
      if (key !== undefined)
        state.rememberUncacheable(key, fields, "uncacheable", state.clock.nowMs());
    },
    invalidated: (uri) => {
      const key = keyOfUri(memory, uri);
      if (key !== undefined) invalidate(key);
    },
  };
}

/** Stale at once, whatever it says. */
const NEVER = { requestMs: 0, responseMs: 0 };

/** A fresh stored response as if it came from the origin server when it was born, with its tags. */
function storedForPeer(
  memory: KeyMemory,
  state: CacheState,
  uri: string,
  request: RequestHead,
): PeerResponse | null {
  const key = keyOfUri(memory, uri);
  const stored = key === undefined ? undefined : state.store.get(key)?.select(request.fields);
  const nowMs = state.clock.nowMs();
  if (stored === undefined || stored.rules.isRetired) return null;
  if (nowMs < stored.hitFromMs || nowMs >= stored.hitUntilMs) return null;
  const { status, reason, fields } = stored.head();
  const tags = stored.tags.length === 0 ? [] : ["Cache-Tag", stored.tags.join(",")];
  const { bornMs } = stored.metadata;
  return {
    head: { status, reason, fields: [...fields, ...tags] },
    times: { requestMs: bornMs, responseMs: bornMs },
    content: stored.content,
  };
}
