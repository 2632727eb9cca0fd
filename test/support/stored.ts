// Owns stored responses for tests: fresh for a minute from a whole second on, unless fields say
// otherwise.

import { responseDirectives } from "../../src/cache/policy/directives.ts";
import { FRESHNESS_DEFAULTS, metadataOf } from "../../src/cache/policy/freshness.ts";
import { selectingFields, varyNames } from "../../src/cache/policy/vary.ts";
import { type HitRules, StoredResponse } from "../../src/cache/stored-response.ts";

export const NOW_MS = Date.UTC(2026, 0, 1);
export const DATE = "Thu, 01 Jan 2026 00:00:00 GMT";

export const HIT_FORMAT = { cacheName: "edgelane", requestIdPrefix: "0123456789abcdef" };
export const HIT_RULES: HitRules = {
  endpoint: "test",
  plain: true,
  isRetired: false,
  source: "test",
  getRow: 0,
  headRow: 1,
};

export interface StoredOptions {
  readonly status?: number;
  readonly reason?: string;
  readonly fields?: readonly string[];
  readonly content?: string | readonly Uint8Array[];
  readonly requestFields?: readonly string[];
  readonly responseMs?: number;
  readonly tags?: readonly string[];
  readonly placement?: "copy" | "share";
}

export function storedResponse(options: StoredOptions = {}): StoredResponse {
  const fields = options.fields ?? ["Date", DATE, "Cache-Control", "max-age=60"];
  const responseMs = options.responseMs ?? NOW_MS;
  const head = { status: options.status ?? 200, reason: options.reason ?? "", fields };
  const content = options.content ?? "content";
  const pieces = typeof content === "string" ? [Buffer.from(content, "latin1")] : content;
  return new StoredResponse(
    {
      head,
      metadata: metadataOf(
        head,
        responseDirectives(fields, FRESHNESS_DEFAULTS.targetedFields),
        { requestMs: responseMs, responseMs },
        { kind: "auto" },
        FRESHNESS_DEFAULTS,
      ),
      selecting: selectingFields(varyNames(fields) ?? [], options.requestFields ?? []),
      format: HIT_FORMAT,
      rules: HIT_RULES,
      path: "/path",
      tags: options.tags ?? [],
    },
    pieces,
    options.placement ?? "copy",
  );
}

export function text(bytes: Uint8Array | readonly Uint8Array[] | null): string {
  const pieces = bytes instanceof Uint8Array ? [bytes] : (bytes ?? []);
  return Buffer.concat(pieces).toString("latin1");
}
