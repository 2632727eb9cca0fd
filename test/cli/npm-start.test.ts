// Tests `npm start` and `npm test` as a newcomer types them: in a copy of the project that nothing
// was built in. Packages are the installed ones, so no network is needed; `npm run test:fresh`
// installs those too.

import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Command } from "../support/command.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const NOT_COPIED = /^(?:node_modules|\.git|bench|build[/\\](?:js|wasm|\.stamps))$/;
const BUILD_MS_MAX = 120_000;

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "edgelane-start-"));
  await cp(ROOT, directory, {
    recursive: true,
    filter: (source) => {
      const path = relative(ROOT, source);
      return !NOT_COPIED.test(path) && !path.endsWith("node_modules");
    },
  });
  await symlink(join(ROOT, "node_modules"), join(directory, "node_modules"));
}, BUILD_MS_MAX);
afterAll(() => rm(directory, { recursive: true, force: true }));

function npm(...args: string[]): Command {
  return new Command("npm", args, {
    directory,
    environment: { npm_config_update_notifier: "false" },
  });
}

describe("npm start", () => {
  it(
    "builds, serves the demo through the cache, and ends with 0 at SIGTERM",
    async () => {
      await using command = npm(
        ...["start", "--silent", "--", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
      );
      const start = await command.started();
      const url = `${start.listen[0]}/cacheable`;
      const first = await fetch(url);
      const second = await fetch(url);
      expect(first.headers.get("cache-status")).toContain("fwd=uri-miss");
      expect(second.headers.get("cache-status")).toContain("hit");
      expect(await second.text()).toBe(await first.text());
      command.signal("SIGTERM");
      const { code, stderr } = await command.finished();
      expect(stderr).toContain("edgelane: building wasm …\nedgelane: building js …\n");
      expect(code).toBe(0);
    },
    BUILD_MS_MAX,
  );

  it("builds nothing a second time, and hands mistakes and their exit code on", async () => {
    await using command = npm("start", "--silent", "--", "--lisen", ":1");
    const { code, stdout, stderr } = await command.finished();
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe('edgelane: edgelane has no option --lisen; did you mean "--listen"?\n');
  });
});

describe("npm test", () => {
  const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";

  it("ends with the counts on a line of their own", async () => {
    await using command = npm("test", "--silent", "--", "test/gateway/config-units.test.ts");
    const { code, stdout } = await command.finished();
    expect(lastLine(stdout)).toMatch(/^[1-9]\d* passed, 0 failed$/);
    expect(code).toBe(0);
  });

  it("never says that nothing failed when no test could run", async () => {
    await using command = npm("test", "--silent", "--", "test/no-such.test.ts");
    const { code, stdout } = await command.finished();
    expect(lastLine(stdout)).toBe("0 passed, 1 failed");
    expect(code).toBe(1);
  });
});
