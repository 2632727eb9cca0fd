// Tests that the admin page is complete and needs nothing from outside: each file that it names is
// served, and nothing in it would be stopped by its content security policy.

import { expect, test } from "vitest";
import { dashboardFiles } from "../../src/gateway/dashboard.ts";

const files = dashboardFiles();

test("every file that the page names is there", () => {
  const named = [...files].flatMap(([path, { content }]) => {
    const base = new URL(path, "http://admin.invalid");
    const references = content.matchAll(/(?: src=| href=|^import .* from )"([^"]+)"/gm);
    return [...references].map(([, reference = ""]) => new URL(reference, base));
  });
  expect(named.length).toBeGreaterThan(5);
  // /status is a link for readers without scripts.
  for (const url of named) expect([...files.keys(), "/status"]).toContain(url.pathname);
  for (const url of named) expect(url.host).toBe("admin.invalid");
});

test("the page has neither scripts nor styles in it, and makes no markup from text", () => {
  const page = files.get("/")?.content ?? "";
  expect(page).toContain('<script type="module" src=');
  expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script>/i);
  for (const [path, { content }] of files) {
    expect(content, path).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/,
    );
    expect(content, path).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  }
});
