// Owns the answers that a stored response gives to those who wait for the origin server: after a
// 304 (RFC 9111 section 4.3.3), and when it failed (section 4.2.4, RFC 5861 section 4). Each reader
// gets what it would have got alone.

import { fieldValues, withoutFields } from "../http/fields.ts";
import type { ResponseHead } from "../http/message.ts";
import { type Answer, answerFrom, suffices } from "./answer.ts";
import type { CacheState } from "./cache-state.ts";
import { forwardStatus } from "./cache-status.ts";
import type { StoredAnswer } from "./fill-contract.ts";
import type { Forward } from "./forward.ts";
import { requestDirectives } from "./policy/directives.ts";
import { standInRule } from "./policy/reuse.ts";
import { bringsContent } from "./policy/storing.ts";
import { selects } from "./policy/vary.ts";
import type { StoredResponse } from "./stored-response.ts";

/** `head` is the 304 by which `current` was freshened. */
export function validatedAnswers(
  cacheName: string,
  { reason, request }: Forward,
  current: StoredResponse,
  { head, nowMs }: { readonly head: ResponseHead; readonly nowMs: number },
): StoredAnswer {
  const { metadata } = current;
  const sharedSeconds = metadata.lifetimeSeconds + metadata.staleWhileRevalidateSeconds;
  const isShared = !metadata.noCache && nowMs < metadata.bornMs + sharedSeconds * 1000;
  return (reader) => {
    const isLeader = reader.request === request;
    // What is validated before each use may be one client's: this says nothing of others.
    if (!isLeader && !(isShared && selects(current.selecting, reader.request.fields))) return null;
    if (!suffices(current, reader.request, nowMs)) return null;
    const status = forwardStatus(cacheName, {
      reason,
      status: 304,
      stored: true,
      collapsed: !isLeader,
      ttlSeconds: current.ttlSeconds(nowMs),
      detail: undefined,
    });
    const answer = answerFrom(current, reader.request, status, nowMs);
    return isLeader ? withCookies(answer, head) : answer;
  };
}

export interface OriginFailure {
  /** What it answered; 0 where it did not. */
  readonly originStatus: number;
  /** How long past its lifetime a response stands in, unless it says otherwise. */
  readonly disconnectedSeconds: number;
}

/** Undefined where nothing that is stored may stand in. */
export function standInAnswers(
  { cacheName, clock, stats }: CacheState,
  { stored, request, reason }: Forward,
  { originStatus, disconnectedSeconds }: OriginFailure,
): StoredAnswer | undefined {
  if (stored === null || !bringsContent(request.method) || stored.isWithdrawn) return undefined;
  const nowMs = clock.nowMs();
  const directives = requestDirectives(request.fields);
  const rule = standInRule(stored.metadata, directives, nowMs, disconnectedSeconds);
  if (rule === undefined || !suffices(stored, request, nowMs)) return undefined;
  return (reader) => {
    const isLeader = reader.request === request;
    if (!isLeader && !selects(stored.selecting, reader.request.fields)) return null;
    if (!suffices(stored, reader.request, nowMs)) return null;
    stats.stale++;
    const status = forwardStatus(cacheName, {
      reason,
      status: originStatus,
      stored: false,
      collapsed: !isLeader,
      ttlSeconds: stored.ttlSeconds(nowMs),
      detail: rule,
    });
    return answerFrom(stored, reader.request, status, nowMs);
  };
}

const SET_COOKIE = new Set(["set-cookie"]);

/** The cookies of a 304 are for the client whose request it answers, and for nobody else. */
function withCookies(answer: Answer, head: ResponseHead): Answer {
  const cookies = fieldValues(head.fields, "set-cookie");
  if (cookies.length === 0) return answer;
  const others = withoutFields(answer.head.fields, SET_COOKIE);
  const fields = [...others, ...cookies.flatMap((cookie) => ["Set-Cookie", cookie])];
  return { ...answer, head: { ...answer.head, fields } };
}
