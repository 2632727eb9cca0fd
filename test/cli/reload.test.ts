// `edgelane reload`, `edgelane diff`, SIGHUP and --watch, as their users meet them: a process that
// serves from a file, and the file changes.

import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Command, edgelane, type Finished, startEdgelane } from "../support/command.ts";
import { until } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, byPath } from "../support/origin-scripts.ts";

let directory = "";
let file = "";
let origin: TestOrigin;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edgelane-reload-"));
  file = join(directory, "edgelane.yaml");
  origin = await startOrigin(byPath({ "/": answer("app") }));
});
afterEach(async () => {
  await origin.close();
  await rm(directory, { recursive: true });
});

const yaml = (more: string): string => `
listen: ["127.0.0.1:0"]
admin: {listen: "127.0.0.1:0"}
workers: 1
log: {access: "off"}
upstreams:
  app: {targets: ["${origin.url}"], timeout: {${more}}}
`;

/** The running gateway, and how to command it. */
async function serve(...more: string[]): Promise<{
  running: Command;
  run: (...args: string[]) => Promise<Finished>;
  timeoutMs: () => Promise<number>;
  reloads: (result: string) => Promise<number>;
}> {
  await writeFile(file, yaml("idle: 30s"));
  const running = startEdgelane(["serve", "-c", file, ...more]);
  const { admin } = await running.started();
  const address = (admin ?? "").replace("http://localhost", "127.0.0.1");
  const ask = (path: string): Promise<Response> =>
    fetch(`http://${address}${path}`, { headers: { connection: "close" } });
  return {
    running,
    run: (...args) => edgelane([...args, "--admin", address]),
    timeoutMs: async () => {
      const config = (await (await ask("/config")).json()) as {
        upstreams: { app: { timeout: { idleMs: number } } };
      };
      return config.upstreams.app.timeout.idleMs;
    },
    reloads: async (result) => {
      const text = await (await ask("/metrics")).text();
      return Number(new RegExp(`reloads_total{result="${result}"} (\\d+)`).exec(text)?.[1]);
    },
  };
}

it("says what has changed, and serves it", async () => {
  const { running, run, timeoutMs } = await serve();
  await using _ = running;
  expect(await run("reload")).toEqual({
    code: 0,
    stdout: "reloaded: nothing has changed\n",
    stderr: "",
  });
  await writeFile(file, yaml("idle: 7s"));
  const line = "~ upstreams.app.timeout.idleMs  30000 -> 7000\n";
  expect(await run("diff", file)).toEqual({ code: 0, stdout: line, stderr: "" });
  expect(await timeoutMs()).toBe(30_000);
  expect((await run("reload")).stdout).toBe(`reloaded:\n${line}`);
  expect(await timeoutMs()).toBe(7000);
  expect((await run("diff", file)).stdout).toBe(`${file}: as it is running\n`);
});

it("refuses what is wrong with the place of each mistake, and serves on", async () => {
  const { running, run, timeoutMs, reloads } = await serve();
  await using _ = running;
  await writeFile(file, yaml("idle: 7s, totall: 5s"));
  const { code, stderr, stdout } = await run("reload");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("not reloaded, the config before serves on");
  expect(stderr).toMatch(/edgelane\.yaml:7:\d+: upstreams\.app\.timeout\.totall: unknown key/);
  expect(stderr).toContain('did you mean "total"?');
  const json = JSON.parse((await run("reload", "--json")).stdout) as { problems: string[] };
  expect(json.problems).toHaveLength(1);
  expect((await run("diff", file)).code).toBe(1);
  expect(await timeoutMs()).toBe(30_000);
  expect(await reloads("failed")).toBe(2);
});

it("marks what only a restart changes", async () => {
  const { running, run } = await serve();
  await using _ = running;
  await writeFile(file, yaml("idle: 30s").replace("workers: 1", "workers: 2"));
  expect((await run("diff", file)).stdout).toBe("~ workers  1 -> 2  ! at the next start\n");
});

it("exits 3 where no gateway runs", async () => {
  for (const verb of ["reload", "diff"]) {
    await writeFile(file, yaml("idle: 30s"));
    const args = [verb, ...(verb === "diff" ? [file] : []), "--admin", "127.0.0.1:65535"];
    const { code, stderr } = await edgelane(args);
    expect(code).toBe(3);
    expect(stderr).toContain("no admin API at 127.0.0.1:65535: ECONNREFUSED");
  }
});

it("is what SIGHUP does", async () => {
  const { running, timeoutMs } = await serve();
  await using _ = running;
  await writeFile(file, yaml("idle: 8s"));
  running.signal("SIGHUP");
  await until(async () => (await timeoutMs()) === 8000, "the new config");
});

it("follows the file with --watch, written in place or put in its place", async () => {
  const { running, timeoutMs, reloads } = await serve("--watch");
  await using _ = running;
  await writeFile(file, yaml("idle: 8s"));
  await until(async () => (await timeoutMs()) === 8000, "what was written");
  await writeFile(join(directory, "next"), yaml("idle: 9s"));
  await rename(join(directory, "next"), file);
  await until(async () => (await timeoutMs()) === 9000, "what was put in its place");
  await writeFile(file, "nonsense: [");
  await until(async () => (await reloads("failed")) === 1, "the mistake to be noticed");
  expect(await timeoutMs()).toBe(9000);
  await writeFile(file, yaml("idle: 10s"));
  await until(async () => (await timeoutMs()) === 10_000, "the mistake to be mended");
});
