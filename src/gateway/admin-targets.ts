// Owns what the admin API answers about targets: the list, and changes while the gateway runs.

import type { Context } from "hono";
import type { ChangeResult } from "./target-registry.ts";
import type { TargetChange } from "./target-table.ts";
import {
  type ChangeReading,
  readAction,
  readAddition,
  TARGET_ACTIONS,
  type TargetAction,
} from "./target-request.ts";

/** What the admin listener asks of whoever keeps the targets. */
export interface TargetAdmin {
  /** Where this gateway runs; null where that is not known. */
  zone(): string | null;
  /** A JSON value for /targets; of one upstream where that is given. */
  list(upstream: string | null): Promise<readonly object[] | null>;
  submit(change: TargetChange): Promise<ChangeResult>;
}

const STATUSES = {
  not_found: 404,
  conflict: 409,
  too_many: 409,
  queue_full: 503,
  not_applied: 503,
} as const;

export async function listTargets(context: Context, targets: TargetAdmin): Promise<Response> {
  const upstream = context.req.query("upstream") ?? null;
  const list = await targets.list(upstream);
  if (list !== null) return context.json({ targets: list });
  return context.json({ error: "not_found", detail: `no upstream "${upstream ?? ""}"` }, 404);
}

export async function addTarget(context: Context, targets: TargetAdmin): Promise<Response> {
  const reading = readAddition(await contentOf(context), targets.zone());
  return answer(context, targets, reading, {});
}

export async function changeTarget(context: Context, targets: TargetAdmin): Promise<Response> {
  const target = context.req.param("name") ?? "";
  const action = TARGET_ACTIONS.find((known) => known === context.req.param("action"));
  if (action === undefined) {
    const detail = `what can be done to a target: ${TARGET_ACTIONS.join(", ")}`;
    return context.json({ error: "not_found", detail }, 404);
  }
  const reading = readAction(target, action, await contentOf(context));
  return answer(context, targets, reading, { target, ...DUTIES[action] });
}

const DUTIES: Partial<Record<TargetAction, object>> = {
  drain: { duty: "draining" },
  undrain: { duty: "serving" },
};

async function answer(
  context: Context,
  targets: TargetAdmin,
  reading: ChangeReading,
  done: object,
): Promise<Response> {
  if ("problem" in reading) {
    return context.json({ error: "invalid_request", detail: reading.problem }, 400);
  }
  const result = await targets.submit(reading.change);
  if ("upstreams" in result) return context.json({ ...done, ...result });
  const { error, detail } = result;
  return context.json({ error, detail }, STATUSES[error]);
}

/** undefined where there is none; what is no JSON is a text, which no reader takes. */
async function contentOf(context: Context): Promise<unknown> {
  const text = await context.req.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
