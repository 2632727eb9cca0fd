// Tests the alert rules: they name only metrics and labels that the gateway has, each is shown to
// fire and to stay quiet, and promtool, where it is installed, evaluates them.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { METHOD_GET } from "../../assembly/layout.ts";
import { FAILURES } from "../../src/http/errors.ts";
import { LATENCY_METRICS, METRICS } from "../../src/telemetry/metric-table.ts";
import { ReportedMetrics } from "../support/metrics.ts";
import { parseExposition } from "../telemetry/exposition-parser.ts";

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly labels: { readonly severity: string };
    }[];
  }[];
}

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

const directory = new URL("../../deploy/alerts/", import.meta.url);
const read = (file: string): unknown => parse(readFileSync(new URL(file, directory), "utf8"));
const rules = (read("edgelane.rules.yaml") as Rules).groups.flatMap((group) => group.rules);
const ruleTests = (read("edgelane.tests.yaml") as RuleTests).tests.flatMap(
  (one) => one.alert_rule_test,
);

/** Labels that Prometheus adds to what it scrapes. */
const SCRAPE_LABELS = ["job", "instance", "le"];
const labelsOf = new Map<string, readonly string[]>(
  [...METRICS, ...LATENCY_METRICS].map(({ name, labels }) => [name, labels]),
);

describe.each(rules.map((rule) => [rule.alert, rule] as const))("%s", (alert, { expr, labels }) => {
  test("names metrics and labels that exist", async () => {
    const metrics = new ReportedMetrics({ version: "1", engine: "none" });
    const defaults = parseExposition(await metrics.text()).types;
    metrics.close();
    const selectors = [...expr.matchAll(/\b((?:gateway|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)];
    if (alert !== "GatewayDown") expect(selectors.length).toBeGreaterThan(0);
    for (const [, series = "", matchers = ""] of selectors) {
      const name = series.replace(/_(bucket|sum|count)$/, "");
      expect([...labelsOf.keys(), ...defaults.keys()]).toContain(name);
      for (const [, label = ""] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
        expect([...SCRAPE_LABELS, ...(labelsOf.get(name) ?? [])], series).toContain(label);
      }
    }
    for (const [, reason = ""] of expr.matchAll(/reason="(\w+)"/g)) {
      expect(Object.keys(FAILURES)).toContain(reason);
    }
  });

  test("is shown to fire and to stay quiet, and says how urgent it is", () => {
    const own = ruleTests.filter((one) => one.alertname === alert);
    expect(own.some((one) => one.exp_alerts.length > 0)).toBe(true);
    expect(own.some((one) => one.exp_alerts.length === 0)).toBe(true);
    expect(["page", "ticket"]).toContain(labels.severity);
  });
});

test("promtool evaluates the rules as their tests say", ({ skip }) => {
  const cwd = fileURLToPath(directory);
  const { error, status, stdout, stderr } = spawnSync(
    "promtool",
    ["test", "rules", "edgelane.tests.yaml"],
    {
      cwd,
      encoding: "utf8",
    },
  );
  skip(error !== undefined, "promtool is not installed (Debian: apt-get install prometheus)");
  expect(stderr + stdout).toContain("SUCCESS");
  expect(status).toBe(0);
});

test("promtool finds nothing to criticise in a scrape", async ({ skip }) => {
  const metrics = new ReportedMetrics({ version: "1", engine: "none" });
  metrics.record(metrics.route("api", METHOD_GET), 200, 1, 1);
  metrics.recordUpstream(metrics.upstream("api"), 200, 1);
  metrics.attach({ eventLoopLag: [[["p50"], 0.001]] });
  const input = await metrics.text();
  metrics.close();
  const { error, status, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input,
    encoding: "utf8",
  });
  skip(error !== undefined, "promtool is not installed (Debian: apt-get install prometheus)");
  expect(stderr).toBe("");
  expect(status).toBe(0);
});
