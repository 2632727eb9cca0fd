// Owns how an explanation is written for people: the answer first, then why, then what would change
// it, and the details below. Pure.

import { formatBytes } from "../gateway/config-units.ts";
import type { Explanation } from "../gateway/explain.ts";
import { meaningOf } from "../gateway/rule-meaning.ts";
import type { Style, Terminal } from "./terminal.ts";

type Paint = Terminal["style"];
type Cache = NonNullable<Explanation["cache"]>;
type GivenResponse = NonNullable<NonNullable<Explanation["storing"]>["response"]>;

export function explanationText(explanation: Explanation, paint: Paint, nowMs: number): string {
  const { method, url, route, otherRoutes, hints, key, cache, storing, upstream } = explanation;
  const page = new Page(paint);
  page.line(paint("bold", `${method} ${url}`));
  if (route === null) {
    page.answer("red", "NO ROUTE", "404 no_route, or the gateway answers itself");
    page.rows("would change it", hints);
    return page.text;
  }
  if (cache !== null) writeVerdict(page, cache, explanation.live, nowMs);
  if (storing?.response) writeResponse(page, storing.response);
  page.rows("route", [
    `${route.name} (${route.match}) -> ${route.to}`,
    ...otherRoutes.map((other) => `less specific: ${other.name} (${other.match})`),
  ]);
  if (key !== null) {
    const selected = Object.entries(key.selectedBy);
    const stripped = [...key.strippedParameters.map((name) => `?${name}`), ...key.strippedFields];
    page.rows("key", [
      key.uri,
      ...selected.map(([name, value]) => `selected by ${name}: ${value ?? "(absent)"}`),
      ...(stripped.length === 0 ? [] : [`not in it, and not forwarded: ${stripped.join(", ")}`]),
      paint("gray", key.hash),
    ]);
  }
  page.rows("stores", storing?.rules ?? []);
  if (upstream !== null) {
    page.rows("upstream", [
      `${upstream.name}, ${upstream.balance}`,
      ...upstream.targets.map(describe),
      `pool: ${describe(upstream.pool)}`,
      `timeouts: ${describe(upstream.timeout)}`,
      `retries: ${describe(upstream.retry)}`,
    ]);
  }
  if (cache !== null) writeRules(page, "rules", cache.steps);
  return page.text;
}

const VERDICTS: Record<Cache["verdict"], readonly [Style, string]> = {
  use: ["green", "HIT"],
  use_and_validate: ["yellow", "STALE HIT"],
  forward: ["yellow", "MISS"],
  bypass: ["yellow", "BYPASS"],
  refuse: ["red", "504"],
};

const TIERS = { l1: " from memory", l2: " from Redis" } as const;

function writeVerdict(page: Page, cache: Cache, live: boolean, nowMs: number): void {
  const { verdict, tier, forwarding, stored } = cache;
  const [style, word] = VERDICTS[verdict];
  const isUsed = verdict === "use" || verdict === "use_and_validate";
  const validates = forwarding?.validates === true;
  const answer = validates ? "VALIDATE" : `${word}${isUsed && tier !== null ? TIERS[tier] : ""}`;
  page.answer(style, answer, withSection(cache));
  if (cache.until !== null) page.detail(`until ${moment(cache.until, nowMs)}`);
  if (forwarding !== null) {
    const { uncacheable } = forwarding;
    if (validates)
      page.detail("the origin server is asked whether it still holds: a 304 is enough");
    page.detail(
      uncacheable === null
        ? "shares one origin request with others like it"
        : `asks for itself until ${moment(uncacheable.until, nowMs)}: the last response was not ` +
            `one to share, ${meaningOf(uncacheable.rule)}`,
    );
  }
  if (live) page.detail(SECOND_TIER[cache.secondTier]);
  page.rows("would change it", cache.wouldChange);
  if (stored === null) return;
  const { tags } = stored;
  page.rows("stored", [
    `${stored.status}, ${formatBytes(stored.contentBytes)}, ${stored.ageSeconds} s old`,
    `fresh until ${moment(stored.freshUntil, nowMs)}: ${meaningOf(stored.freshnessRule)}`,
    ...later(stored.staleWhileRevalidateUntil, stored.freshUntil, "used while validated", nowMs),
    ...later(stored.staleIfErrorUntil, stored.freshUntil, "used if the origin fails", nowMs),
    ...(tags.length === 0 ? [] : [`tags ${tags.slice(0, 10).join(", ")}`]),
  ]);
}

const SECOND_TIER: Record<Cache["secondTier"], string> = {
  off: "",
  not_asked: "",
  stored: "",
  miss: "Redis has nothing for it either",
  purged: "what Redis has was purged",
  away: "Redis cannot be asked now",
};

function later(until: string, freshUntil: string, text: string, nowMs: number): string[] {
  return until === freshUntil ? [] : [`${text} until ${moment(until, nowMs)}`];
}

function writeResponse(page: Page, response: GivenResponse): void {
  const { stored, freshness, vary } = response;
  page.answer(
    stored ? "green" : "yellow",
    `${response.status} ${stored ? "STORED" : "NOT STORED"}`,
    withSection(response),
  );
  if (freshness !== null) {
    const { seconds, validated } = freshness;
    page.detail(`fresh for ${seconds} s: ${meaningOf(freshness.rule)}`);
    if (validated) page.detail("each use is validated");
    if (freshness.staleWhileRevalidateSeconds > 0) {
      page.detail(`${freshness.staleWhileRevalidateSeconds} s longer while it is validated`);
    }
    if (freshness.staleIfErrorSeconds > 0) {
      page.detail(`${freshness.staleIfErrorSeconds} s longer if the origin fails`);
    }
  }
  if (vary.length > 0) page.detail(`one for each value of ${vary.join(", ")}`);
  page.rows("would change it", response.wouldChange);
  writeRules(page, "storing", response.steps);
}

function writeRules(page: Page, label: string, steps: Cache["steps"]): void {
  const width = Math.max(0, ...steps.map(({ rule }) => rule.length));
  page.rows(
    label,
    steps.map(({ rule, decided, section, text }) => {
      const row = `${rule.padEnd(width)}  ${text} (${section})`;
      return decided ? page.paint("bold", `yes  ${row}`) : page.paint("gray", `no   ${row}`);
    }),
  );
}

function withSection({ text, section }: { text: string; section: string }): string {
  return `${text} (${section})`;
}

/** An object of the config or of the status, in words. */
function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const entries = Object.entries(value).map(([name, one]) => {
    return `${name} ${typeof one === "object" && one !== null ? JSON.stringify(one) : String(one)}`;
  });
  return entries.join(", ");
}

/** "15:04:05 (in 58 s)"; with the date where it is another day. */
function moment(iso: string, nowMs: number): string {
  const seconds = Math.round((Date.parse(iso) - nowMs) / 1000);
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const time = iso.startsWith(today) ? `${iso.slice(11, 19)}Z` : `${iso.slice(0, 19)}Z`;
  const distance = span(Math.abs(seconds));
  return seconds >= 0 ? `${time} (in ${distance})` : `${time} (${distance} ago)`;
}

function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} d`;
}

/** Lines under labels: a label is written once, before the first of its lines. */
class Page {
  readonly paint: Paint;
  readonly #lines: string[] = [];

  constructor(paint: Paint) {
    this.paint = paint;
  }

  get text(): string {
    return this.#lines.join("\n");
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  /** The one thing that matters. */
  answer(style: Style, word: string, why: string): void {
    this.line("");
    this.line(`  ${this.paint([style, "bold"].flat() as Style, word)}  ${why}`);
  }

  detail(text: string): void {
    if (text !== "") this.line(`  ${text}`);
  }

  rows(label: string, rows: readonly string[]): void {
    if (rows.length === 0) return;
    this.line("");
    for (const [index, row] of rows.entries()) {
      const name = index === 0 ? label : "";
      this.line(`${this.paint("cyan", name.padEnd(LABEL_WIDTH))} ${row}`);
    }
  }
}

const LABEL_WIDTH = 16;
