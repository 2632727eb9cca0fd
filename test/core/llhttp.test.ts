// The core against Node's llhttp over generated heads. Where both accept, they must have read the
// same; where one accepts what the other refuses, the difference must be on the list, with the
// section that decides it, and each entry of the list must be met.

import { expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import { coreOf } from "./engines.ts";
import { CaseWriter, Random } from "./fuzz/generator.ts";
import { fieldsOf, parseRequest, parseResponse, parseWhole, textAt } from "./head-run.ts";
import { Llhttp, type LlhttpHead } from "./llhttp.ts";

const CASES = 60_000;
const SEED = 7;

type Difference = readonly [code: number, section: string, why: string];

/** What the core refuses, by ERROR_* code, and llhttp accepts. */
const STRICTER: readonly Difference[] = [
  [layout.ERROR_TARGET, "RFC 9110 4.2.4", "userinfo, other schemes, invalid ports in the target"],
  [layout.ERROR_TARGET_TOO_LONG, "RFC 9112 3", "llhttp leaves limits to its caller"],
  [layout.ERROR_FRAGMENT, "RFC 9112 3.2", "a fragment is no part of a request-target"],
  [layout.ERROR_VERSION, "RFC 9112 2.3", "llhttp reads a line without version as HTTP/0.9"],
  [
    layout.ERROR_VERSION_UNSUPPORTED,
    "RFC 9110 2.5",
    "llhttp leaves HTTP/0.9 and 2.0 to its caller",
  ],
  [layout.ERROR_BARE_LF, "RFC 9112 2.2", "the empty line before a request line is a CRLF"],
  [layout.ERROR_BARE_CR, "RFC 9112 2.2", "llhttp skips bare CRs around start lines"],
  [layout.ERROR_HEAD_TOO_LARGE, "RFC 6585 5", "llhttp leaves limits to its caller"],
  [layout.ERROR_TOO_MANY_FIELDS, "RFC 6585 5", "llhttp leaves limits to its caller"],
  [layout.ERROR_HOST_MISSING, "RFC 9112 3.2", "llhttp does not look at Host"],
  [layout.ERROR_HOST_REPEATED, "RFC 9112 3.2", "llhttp does not look at Host"],
  [layout.ERROR_HOST_INVALID, "RFC 9112 3.2", "llhttp does not look at Host"],
  [layout.ERROR_HOST_MISMATCH, "RFC 9112 3.2.2", "llhttp does not look at Host"],
  [layout.ERROR_CONTENT_LENGTH, "RFC 9110 8.6", "lengths from 2^53 on are not exact in JavaScript"],
  [layout.ERROR_TRANSFER_ENCODING, "RFC 9112 6.1", "llhttp takes codings other than chunked"],
  [layout.ERROR_TRANSFER_ENCODING_VERSION, "RFC 9112 6.1", "llhttp takes it in HTTP/1.0"],
  [layout.ERROR_STATUS_LINE, "RFC 9110 15", "llhttp takes any three digits"],
  [layout.ERROR_DOT_SEGMENT, "RFC 3986 6.2.2.3", "llhttp leaves paths to its caller"],
  [layout.ERROR_METHOD_TARGET, "RFC 9112 3.2", "llhttp takes the asterisk form for any method"],
];

/** What the core accepts and llhttp refuses, by llhttp's error number. */
const MORE_LENIENT: readonly Difference[] = [
  [6, "RFC 9110 16.1", "methods are extensible; llhttp knows a fixed list"],
  [9, "RFC 9110 2.5", "HTTP/1.2 to 1.9 count as HTTP/1.1"],
];

/** "" where both read the same. */
function differenceOf(ours: { status: number; code: number }, theirs: LlhttpHead): string {
  const accepted = ours.status === layout.STATUS_COMPLETE;
  if (accepted && !theirs.complete) return `lenient ${theirs.errno}`;
  if (!accepted && theirs.complete) return `strict ${ours.code}`;
  return "";
}

test("both read the same heads in the same way, but for listed differences", () => {
  const core = coreOf("wasm-simd");
  const llhttp = new Llhttp();
  const random = new Random(SEED);
  const writer = new CaseWriter(random);
  const listed = new Set([
    ...STRICTER.map(([code]) => `strict ${code}`),
    ...MORE_LENIENT.map(([errno]) => `lenient ${errno}`),
  ]);
  const seen = new Set<string>();
  let accepted = 0;
  for (let index = 0; index < CASES; index++) {
    const kind = random.below(3) === 0 ? "response" : "request";
    writer[kind]();
    const bytes = writer.bytes.slice(0, writer.length);
    const parse = kind === "request" ? parseRequest : parseResponse(layout.METHOD_GET);
    const ours = parseWhole(core, parse, bytes);
    const theirs = llhttp.parse(kind, bytes);
    const text = (): string => `case ${index}: ${JSON.stringify(String.fromCharCode(...bytes))}`;
    const difference = differenceOf(ours, theirs);
    if (difference !== "") {
      if (!listed.has(difference)) expect.fail(`${difference} in ${text()}`);
      seen.add(difference);
    } else if (theirs.complete) {
      accepted++;
      // llhttp leaves the OWS behind a value to its caller.
      const fields = theirs.fields.map((field) => field.replace(/[ \t]+$/, ""));
      expect(fieldsOf(core).flat(), text()).toEqual(fields);
      if (kind === "response") continue;
      const start = ours.words[layout.RECORD_TARGET_START] ?? 0;
      expect(textAt(core, start, ours.words[layout.RECORD_TARGET_LENGTH] ?? 0)).toBe(theirs.url);
      expect(ours.words[layout.RECORD_VERSION_MINOR]).toBe(theirs.minor);
    }
  }
  expect(accepted).toBeGreaterThan(CASES / 10);
  expect([...listed].filter((difference) => !seen.has(difference))).toEqual([]);
});
