// Clients that come back to their target by a signed cookie: given out once, taken from whoever has
// one that is signed, left when the target is, never seen by the origin and never stored.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EdgelaneUpstream } from "../../src/gateway/edgelane-config.ts";
import { takeCookie, withStickyCookie } from "../../src/gateway/sticky-cookie.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { get, type RawResponse } from "../support/raw-client.ts";

const SECRET = "a secret of sixteen or more".replaceAll(" ", "-");
const OLD_SECRET = "another-secret-of-some-length";

describe("the cookie of a request", () => {
  const CASES: [string, string[], string, string[]][] = [
    ["none", ["Host", "a", "Cookie", "b=1"], "", ["Host", "a", "Cookie", "b=1"]],
    ["alone", ["Cookie", "s=x"], "x", []],
    ["among others", ["cookie", "a=1; s=x;b=2"], "x", ["cookie", "a=1; b=2"]],
    ["of another's name", ["Cookie", "ss=y; s2=z; s =q"], "", ["Cookie", "ss=y; s2=z; s =q"]],
    ["twice", ["Cookie", "s=x; s=y"], "x", []],
    ["in lines of its own", ["Cookie", "a=1", "Cookie", "s=x"], "x", ["Cookie", "a=1"]],
    ["empty", ["Cookie", "s=; a=1"], "", ["Cookie", "a=1"]],
  ];
  test.each(CASES)("%s", (_name, fields, value, left) => {
    expect(takeCookie(fields, "s")).toEqual({ value, fields: left });
  });

  test("a response that anybody could store becomes the client's own", () => {
    const sticky = {
      name: "s",
      secrets: [SECRET],
      maxAgeSeconds: 3600,
      path: "/app",
      secure: "auto",
      sameSite: "strict",
      httpOnly: false,
    } as const;
    const set = (control: string[], isSecure: boolean): readonly string[] => {
      const fields = control.flatMap((value) => ["Cache-Control", value]);
      return withStickyCookie({ status: 200, reason: "", fields }, "t", sticky, isSecure);
    };
    const cookie = "s=t; Path=/app; Max-Age=3600; SameSite=Strict";
    expect(set([], false)).toEqual(["Set-Cookie", cookie, "Cache-Control", "private"]);
    expect(set(["public, max-age=9"], false).slice(-2)).toEqual(["Cache-Control", "private"]);
    expect(set(["max-age=9, Private"], false).slice(2)).toEqual(["Set-Cookie", cookie]);
    const secure = "s=t; Path=/app; Max-Age=3600; Secure; SameSite=Strict";
    expect(set(["no-store"], true).slice(2)).toEqual(["Set-Cookie", secure]);
  });
});

describe("in a gateway", () => {
  let origins: TestOrigin[] = [];
  let gateway: TestGateway | null = null;
  let lines: string[] = [];

  beforeEach(async () => {
    lines = ["Cache-Control: no-store"];
    origins = await Promise.all(
      ["a", "b", "c"].map((name) =>
        startOrigin(async (connection) => {
          for (;;) {
            await connection.readHead();
            await connection.send(answer(name, ...lines));
          }
        }),
      ),
    );
  });
  afterEach(async () => {
    await gateway?.close();
    gateway = null;
    for (const origin of origins) await origin.close();
  });

  async function start(
    sticky: NonNullable<EdgelaneUpstream["sticky"]> = { secrets: [SECRET] },
    more: Partial<EdgelaneUpstream> = {},
  ): Promise<void> {
    await gateway?.close();
    gateway = await startGateway({
      upstreams: {
        app: {
          targets: origins.map((origin) => origin.url),
          balance: "round-robin",
          slowStart: "off",
          sticky,
          ...more,
        },
      },
      routes: [{ match: "/*", to: "app" }],
    });
  }

  let paths = 0;
  function ask(cookie = "", path = `/${(paths += 1)}`): Promise<RawResponse> {
    return get(gateway?.port ?? 0, path, ...(cookie === "" ? [] : [`Cookie: ${cookie}`]));
  }
  const given = (response: RawResponse): string =>
    (response.field("set-cookie") ?? "").split(";")[0] ?? "";

  test("given once, and whoever has it comes back", async () => {
    await start();
    const first = await ask();
    expect(first.field("set-cookie")).toMatch(
      /^edgelane-app=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const cookie = given(first);
    for (let turn = 0; turn < 5; turn += 1) {
      const again = await ask(`theme=dark; ${cookie}`);
      expect([again.text, again.field("set-cookie")]).toEqual([first.text, undefined]);
    }
    const others = [await ask(), await ask(), await ask()];
    expect(new Set(others.map((other) => other.text)).size).toBe(3);
    const heads = origins.flatMap((origin) => origin.heads);
    expect(heads.filter((head) => head.includes("edgelane-app"))).toEqual([]);
    expect(heads.filter((head) => head.includes("Cookie: theme=dark\r\n"))).toHaveLength(5);
  });

  test("forged, of another upstream or of nobody: ignored, and a good one is given", async () => {
    await start();
    const cookie = given(await ask());
    const last = cookie.endsWith("A") ? "B" : "A";
    for (const bad of [`${cookie.slice(0, -1)}${last}`, "edgelane-app=", "edgelane-app=%00x"]) {
      expect(given(await ask(bad))).toMatch(/^edgelane-app=[\w-]{22}$/);
    }
    await start({ secrets: [OLD_SECRET] });
    expect(given(await ask(cookie))).not.toBe("");
  });

  test("secrets are rotated: one by an older secret is taken, and renewed", async () => {
    await start({ secrets: [OLD_SECRET] });
    const first = await ask();
    await start({ secrets: [SECRET, OLD_SECRET] });
    const renewed = await ask(given(first));
    expect(renewed.text).toBe(first.text);
    expect(given(renewed)).not.toBe(given(first));
    const again = await ask(given(renewed));
    expect([again.text, again.field("set-cookie")]).toEqual([first.text, undefined]);
    await start({ secrets: [SECRET] });
    expect((await ask(given(renewed))).text).toBe(first.text);
  });

  test("a target that drains or failed is left, and the client is told the new one", async () => {
    await start({ secrets: [SECRET] }, { health: { eject: { after: 1 } } });
    const first = await ask();
    const index = ["a", "b", "c"].indexOf(first.text);
    const host = origins[index]?.host ?? "";
    await gateway?.admin("POST", `/targets/${host}/drain`, {});
    const moved = await ask(given(first));
    expect(moved.text).not.toBe(first.text);
    expect(given(moved)).not.toBe("");
    expect((await ask(given(moved))).text).toBe(moved.text);
    await gateway?.admin("POST", `/targets/${host}/undrain`, {});
    expect((await ask(given(first))).text).toBe(first.text);
    await origins[index]?.close();
    const failed = await ask(given(first));
    expect(failed.status).toBe(200);
    expect(failed.text).not.toBe(first.text);
    expect(given(failed)).not.toBe("");
    expect((await ask(given(failed))).text).toBe(failed.text);
  });

  test("what is stored carries no cookie, and hits neither", async () => {
    await start();
    const cookie = given(await ask());
    lines = ["Cache-Control: public, max-age=60", "Vary: Cookie"];
    const stored = await ask("", "/shared");
    expect([stored.field("set-cookie"), stored.field("cache-status")]).toEqual([
      undefined,
      expect.stringContaining("stored"),
    ]);
    // The cookie is nothing that a response could vary by.
    const hit = await ask(cookie, "/shared");
    expect([hit.field("set-cookie"), hit.field("cache-status")]).toEqual([
      undefined,
      expect.stringContaining("hit"),
    ]);
  });

  test("of requests that wait for one response each gets its own cookie, or none", async () => {
    await start();
    const cookies = new Map<string, string>();
    for (let turn = 0; turn < 3; turn += 1) {
      const response = await ask();
      cookies.set(response.text, given(response));
    }
    const clients = ["a", "b", "c"].map((name) => ask(cookies.get(name), "/same"));
    const answers = await Promise.all(clients);
    // Not stored, so each went its own way.
    expect(answers.map((response) => response.text)).toEqual(["a", "b", "c"]);
    expect(answers.map((response) => response.field("set-cookie"))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
