// Tests how a purge is written in JSON, and what is said of one that is not.

import { describe, expect, test } from "vitest";
import { readPurge } from "../../src/gateway/purge-request.ts";

describe("a purge in JSON", () => {
  test.each<[unknown, unknown]>([
    [{ url: "http://h/p?q" }, { scope: { kind: "uri", uri: "http://h/p?q" }, mode: "hard" }],
    [
      { url: "HTTP://H:80/../p" },
      { scope: { kind: "uri", uri: "HTTP://H:80/../p" }, mode: "hard" },
    ],
    [{ url: "http://h/ü" }, { scope: { kind: "uri", uri: "http://h/%C3%BC" }, mode: "hard" }],
    [{ prefix: "http://h" }, { scope: { kind: "prefix", prefix: "http://h" }, mode: "hard" }],
    [
      { tag: "a/b:c", soft: true },
      { scope: { kind: "tag", tag: "a/b:c" }, mode: "soft" },
    ],
    [
      { all: true, soft: false },
      { scope: { kind: "all" }, mode: "hard" },
    ],
  ])("%j", (value, purge) => {
    expect(readPurge(value)).toEqual({ purge });
  });

  test.each<[unknown, RegExp]>([
    [null, /^expected \{"url"/],
    [[], /^expected/],
    ["http://h/", /^expected/],
    [{}, /^what is to be purged\?/],
    [{ soft: true }, /^what is to be purged\?/],
    [{ all: true, soft: "yes" }, /^"soft" is true or false$/],
    [{ all: false }, /^"all" can only be true$/],
    [{ url: "http://h/", tag: "t" }, /^"url" and "tag" exclude each other$/],
    [{ url: "http://h/", mode: "soft" }, /^unknown member/],
    [{ url: 1 }, /^"url" is text$/],
    [{ url: "/path" }, /^"url" is a URL of http or https/],
    [{ prefix: "ftp://h/" }, /^"prefix" is a URL of http or https/],
    [{ prefix: "http://user@h/" }, /^"prefix" is a URL/],
    [{ tag: "" }, /^a tag has/],
    [{ tag: "a,b" }, /^a tag has/],
    [{ tag: "x".repeat(1025) }, /^a tag has/],
  ])("%j is refused", (value, problem) => {
    const reading = readPurge(value);
    expect("problem" in reading ? reading.problem : "").toMatch(problem);
  });
});
