// What of a request is in the key of a route; the rest is taken off what is forwarded (RFC 9111
// sections 2 and 4.1).

import { describe, expect, test } from "vitest";
import { hasCookie, KeyPlan, type KeyRules, type QueryRules } from "../../src/cache/key-plan.ts";
import type { RequestHead } from "../../src/http/message.ts";

const ALL: QueryRules = { kind: "all", names: [], sort: false };
const plan = (rules: Partial<KeyRules>): KeyPlan =>
  new KeyPlan({ query: ALL, headers: [], cookies: null, forwarding: "ignored", ...rules });
const allow = (...names: string[]): QueryRules => ({ kind: "allow", names, sort: false });
const deny = (...names: string[]): QueryRules => ({ kind: "deny", names, sort: false });

describe("the query", () => {
  test.each<[string, QueryRules, string, string]>([
    ["all, as sent", ALL, "/?b=1&a=2&&", "/?b=1&a=2&&"],
    ["none", { kind: "none", names: [], sort: false }, "/a?b=1", "/a"],
    ["none, and there is none", { kind: "none", names: [], sort: false }, "/a", "/a"],
    ["allowed", allow("a", "b"), "/?x=1&a=2&b&c=3", "/?a=2&b"],
    ["nothing allowed is left", allow("a"), "/?x=1", "/"],
    ["the same one twice", allow("a"), "/?a=1&x=1&a=2", "/?a=1&a=2"],
    ["denied", deny("utm_*", "fbclid"), "/?utm_a=1&q=2&fbclid=3&utm_=4", "/?q=2"],
    ["a name is not a start", deny("utm"), "/?utm_a=1&utm=2", "/?utm_a=1"],
    ["names are compared with case", deny("a"), "/?A=1&a=1", "/?A=1"],
    ["`;` does not separate: hidden behind a denied one", deny("x"), "/?x=1;a=2&b=3", "/?b=3"],
    ["`;` does not separate: hidden behind an allowed one", allow("a"), "/?a=1;x=2", "/?a=1;x=2"],
    ["an allowed name in another encoding", allow("a"), "/?%61=1", "/"],
    ["a denied name in another encoding stays in the key", deny("a"), "/?%61=1", "/?%61=1"],
    ["a second `?` is a part of the value", allow("a"), "/?a=1?b=2", "/?a=1?b=2"],
    ["sorted", { ...ALL, sort: true }, "/?b=1&a=2&c", "/?a=2&b=1&c"],
    ["sorted, stable", { ...ALL, sort: true }, "/?b=2&a&b=1", "/?a&b=2&b=1"],
    ["allowed and sorted", { ...allow("b", "a"), sort: true }, "/?b=1&x&a=2", "/?a=2&b=1"],
  ])("%s", (_name, query, path, expected) => {
    const { pathOf } = { pathOf: (text: string) => plan({ query }).pathOf(text) };
    expect(pathOf(path)).toBe(expected);
    expect(pathOf(pathOf(path))).toBe(expected);
  });
});

describe("fields and cookies", () => {
  const request = (...fields: string[]): RequestHead => {
    return { method: "GET", scheme: "http", authority: "a", path: "/", version: "1.1", fields };
  };

  test.each<[string, readonly string[] | null, string[], string[]]>([
    ["as sent", null, ["Cookie", "a=1; b=2"], ["Cookie", "a=1; b=2"]],
    ["none", [], ["Cookie", "a=1", "X", "y"], ["X", "y"]],
    ["chosen, in order", ["b", "a"], ["Cookie", "a=1;c=3; b=2"], ["Cookie", "b=2; a=1"]],
    ["the same one twice", ["a"], ["Cookie", "a=1; b=2", "Cookie", "a=3"], ["Cookie", "a=1; a=3"]],
    ["a comma is a part of a value", ["a"], ["Cookie", "a=1,b=2"], ["Cookie", "a=1,b=2"]],
    ["not there", ["a"], ["Cookie", "aa=1"], []],
    ["no Cookie", ["a"], ["X", "y"], ["X", "y"]],
  ])("cookies: %s", (_name, cookies, fields, expected) => {
    expect(plan({ cookies }).normalised(request(...fields), true).fields).toEqual(expected);
  });

  test("what selects: named fields, Cookie where cookies are named", () => {
    expect(plan({ headers: ["x-a"], cookies: ["a"] }).fields).toEqual(["x-a", "cookie"]);
    expect(plan({ headers: ["x-a"], cookies: [] }).fields).toEqual(["x-a"]);
  });

  test("what proxies say of the URI selects, and only where they are trusted", () => {
    const keys = plan({ forwarding: "believed" });
    const sent = request("X-Forwarded-Host", "evil", "X-A", "1");
    expect(keys.normalised(sent, true).fields).toEqual(sent.fields);
    expect(keys.normalised(sent, false).fields).toEqual(["X-A", "1"]);
    expect(keys.fields).toContain("x-forwarded-proto");
  });

  test("a cookie by its whole name", () => {
    expect(hasCookie(["Cookie", "a=1; session=x"], ["session"])).toBe(true);
    expect(hasCookie(["Cookie", "a=session; xsession=1"], ["session"])).toBe(false);
  });
});
