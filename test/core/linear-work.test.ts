// The work for a head is linear in its bytes however they come, on both engines. Measures CPU time.

import { describe, expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import { meanCpuMsOf } from "../support/cpu-time.ts";
import { coreOf, ENGINES, latin1 } from "./engines.ts";

const START = "GET / HTTP/1.1\r\nHost: a\r\n";

describe.each(ENGINES)("linear work on %s", (engine) => {
  const core = coreOf(engine);

  test.each([
    ["one long value", `${`${START}X: `.padEnd(30_000, "v")}\r\n\r\n`],
    ["one long name", `${START.padEnd(30_000, "n")}: v\r\n\r\n`],
    ["many lines", `${START}${`X-Name: ${"v".repeat(300)}\r\n`.repeat(95)}\r\n`],
    ["trailing spaces", `${`${START}X: v`.padEnd(30_000, " ")}\r\n\r\n`],
    ["leading spaces", `${`${START}X:`.padEnd(30_000, " ")}v\r\n\r\n`],
  ])("a head a byte at a time costs linear work: %s", (_title, text) => {
    const head = latin1(text);
    core.bytes.set(head, core.scratchInput);
    const costOf = (length: number): number => {
      return meanCpuMsOf(() => {
        core.resetRecord(core.scratchRecord);
        for (let end = 1; end <= length; end++) {
          core.parseRequestHead(core.scratchRecord, core.scratchInput, end);
        }
      });
    };
    costOf(head.length);
    const eighth = costOf(Math.floor(head.length / 8));
    const whole = costOf(head.length);
    // Linear work gives 8, quadratic work 64.
    expect(whole / eighth).toBeLessThan(24);
    expect(core.words[core.scratchRecord / 4]).toBe(layout.STATUS_COMPLETE);
  });
});
