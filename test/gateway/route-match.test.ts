// Tests the syntax of matches and the order in which routes are tried.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareSpecificity, parseMatch } from "../../src/gateway/route-match.ts";
import type { RouteMatch } from "../../src/gateway/route-match.ts";

function match(source: string): RouteMatch {
  const result = parseMatch(source);
  if ("problem" in result) throw new Error(`${source}: ${result.problem}`);
  return result.match;
}

describe("parseMatch", () => {
  const valid: [string, Omit<RouteMatch, "source">][] = [
    ["/", { method: null, host: null, segments: [""], rest: false }],
    ["/*", { method: null, host: null, segments: [], rest: true }],
    ["/a", { method: null, host: null, segments: ["a"], rest: false }],
    ["/a/", { method: null, host: null, segments: ["a", ""], rest: false }],
    ["/a/*", { method: null, host: null, segments: ["a"], rest: true }],
    ["/a/*/c", { method: null, host: null, segments: ["a", "*", "c"], rest: false }],
    ["/%20a", { method: null, host: null, segments: ["%20a"], rest: false }],
    ["GET /a", { method: "GET", host: null, segments: ["a"], rest: false }],
    ["  GET   /a ", { method: "GET", host: null, segments: ["a"], rest: false }],
    ["* /a", { method: null, host: null, segments: ["a"], rest: false }],
    ["PROPFIND /a", { method: "PROPFIND", host: null, segments: ["a"], rest: false }],
    [
      "Example.COM/a",
      { method: null, host: { kind: "exact", name: "example.com" }, segments: ["a"], rest: false },
    ],
    [
      "POST *.example.com/*",
      {
        method: "POST",
        host: { kind: "wildcard", suffix: ".example.com" },
        segments: [],
        rest: true,
      },
    ],
    [
      "[::1]/a",
      { method: null, host: { kind: "exact", name: "[::1]" }, segments: ["a"], rest: false },
    ],
    ["*/a", { method: null, host: null, segments: ["a"], rest: false }],
  ];
  for (const [source, expected] of valid) {
    it(`reads ${JSON.stringify(source)}`, () => {
      expect(match(source)).toMatchObject(expected);
    });
  }

  const invalid: [string, string, string | null][] = [
    ["", "no path", "/*"],
    ["example.com", "no path", "example.com/*"],
    ["GET", "a method without a path", "GET /*"],
    ["get /a", "methods are case-sensitive", "GET"],
    ["HEAD /a", "a GET match covers HEAD as well", "GET"],
    ["CONNECT /a", "CONNECT has no path to route", null],
    ["G(T /a", '"G(T" is not a method', null],
    ["GET example.com /a", "more than a method and a path", null],
    ["/a?b=1", "a match has no query and no fragment", "/a"],
    ["/a#b", "a match has no query and no fragment", "/a"],
    ["/:id", '":id" is not a literal', "/*"],
    ["//a///b", "a run of slashes is compared as one", "/a/b"],
    ["/a*", "a star stands for a whole segment", null],
    ["/a/**", "a star stands for a whole segment", null],
    ["/%zz", '"%zz" is not a path segment', null],
    ["/\u00e4", '"\u00e4" is not a path segment', null],
    ["example.com:8443/a", "a host match has no port", "example.com"],
    ["*.*.com/a", '"*.*.com" is not a host name', null],
    ["a.*.com/a", '"a.*.com" is not a host name', null],
    ["-a.com/a", '"-a.com" is not a host name', null],
    ["http://example.com/a", '"http:" is not a host name', null],
  ];
  for (const [source, problem, suggestion] of invalid) {
    it(`refuses ${JSON.stringify(source)}: ${problem}`, () => {
      expect(parseMatch(source)).toEqual({ problem, suggestion });
    });
  }
});

describe("compareSpecificity", () => {
  it("tries the most specific first", () => {
    const ordered = [
      "GET www.example.com/a/b",
      "www.example.com/a/b",
      "www.example.com/*",
      "*.www.example.com/*",
      "*.example.com/a",
      "GET /a/b",
      "POST /a/b",
      "/a/b",
      "/a/b/*",
      "/a/*/c",
      "/a/*",
      "/*",
    ];
    const reversed = ordered.toReversed().map(match).sort(compareSpecificity);
    expect(reversed.map((item) => item.source)).toEqual(ordered);
  });

  it("is zero only for matches of the same requests", () => {
    expect(compareSpecificity(match("GET A.com/x"), match("GET a.com/x"))).toBe(0);
    expect(compareSpecificity(match("/a"), match("/a/"))).not.toBe(0);
    expect(compareSpecificity(match("/a/*"), match("/a"))).not.toBe(0);
    expect(compareSpecificity(match("/a/*"), match("/a/*/*"))).not.toBe(0);
  });

  const segment = fc.constantFrom("a", "b", "*", "");
  const source = fc
    .tuple(
      fc.constantFrom("", "GET ", "POST "),
      fc.constantFrom("", "a.com", "*.a.com", "*.b.a.com"),
      fc.array(segment, { minLength: 1, maxLength: 4 }),
    )
    .map(([method, host, segments]) => {
      const path = `/${segments.join("/")}`.replace(/\/{2,}/g, "/");
      return match(`${method}${host}${path}`);
    });

  it("is a total order", () => {
    fc.assert(
      fc.property(source, source, source, (a, b, c) => {
        const sign = Math.sign(compareSpecificity(a, b));
        expect(Math.sign(compareSpecificity(b, a)) + sign).toBe(0);
        if (sign <= 0 && compareSpecificity(b, c) <= 0) {
          expect(compareSpecificity(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });

  it("puts a path that another covers before the other", () => {
    fc.assert(
      fc.property(source, fc.nat(), (narrow, index) => {
        const segments = [...narrow.segments];
        const at = segments.length === 0 ? 0 : index % segments.length;
        // Opening one literal segment, or the end, makes the match wider.
        const wide = { ...narrow, segments: segments.slice(0, at), rest: true };
        fc.pre(compareSpecificity(narrow, wide) !== 0);
        expect(compareSpecificity(narrow, wide)).toBeLessThan(0);
      }),
    );
  });
});
