// Tests what is typed and what comes back: exit codes, one line for each mistake, help, completion.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { template } from "../../src/cli/init.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { checkText } from "../../src/gateway/config.ts";
import { edgelane } from "../support/command.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edgelane-cli-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("a mistake is one line on stderr", () => {
  const rows: [args: string[], code: number, line: string][] = [
    [["chekc"], 2, 'unknown verb "chekc"; did you mean "check"?'],
    [["zzzzzz"], 2, 'unknown verb "zzzzzz"'],
    [["3000"], 2, 'unknown verb "3000"; did you mean "http://localhost:3000"?'],
    [
      ["serve", "--confg", "x"],
      2,
      'edgelane serve has no option --confg; did you mean "--config"?',
    ],
    [["serve", "-x"], 2, "edgelane serve has no option -x"],
    [["serve", "--config"], 2, "--config needs a value: FILE"],
    [["serve", "--json=yes"], 2, "--json takes no value"],
    [["serve", "extra"], 2, 'edgelane serve does not take "extra"'],
    [["tail"], 2, "tail is not available in this version"],
    [["completion"], 2, "which shell: bash, zsh, fish?"],
    [["completion", "fihs"], 2, 'no completion for "fihs"; did you mean "fish"?'],
    [
      ["http://h/path"],
      2,
      '"http://h/path" is not a URL of scheme, host and port; did you mean "http://h"?',
    ],
    [
      ["http://h:1", "--listen", "80"],
      2,
      '--listen: "80" is not an address such as :8080 or 127.0.0.1:8080; did you mean ":80"?',
    ],
    [
      ["http://h:1", "--listen", "https://:443"],
      2,
      "--listen: TLS listeners are not available in this version",
    ],
    [
      ["http://h:1", "--admin", ":9180"],
      2,
      "--admin: any address but loopback needs admin.token in the config",
    ],
    [["serve"], 1, "there is no edgelane.yaml here; `edgelane init` writes one"],
    [["serve", "-c", "none.yaml"], 1, "none.yaml: there is no such file"],
    [["check", "."], 1, ".: is a directory"],
  ];
  for (const [args, code, line] of rows) {
    it(`edgelane ${args.join(" ")}`, async () => {
      const result = await edgelane(args, { directory });
      expect(result).toEqual({ code, stdout: "", stderr: `edgelane: ${line}\n` });
    });
  }

  it("a config that is a program which throws", async () => {
    await writeFile(join(directory, "edgelane.mjs"), 'throw new Error("no good");\n');
    const result = await edgelane(["serve"], { directory });
    expect(result).toEqual({
      code: 1,
      stdout: "",
      stderr: "edgelane: edgelane.mjs: Error: no good\n",
    });
  });

  for (const extension of ["mjs", "ts"]) {
    it(`a program that does not parse, with its line (.${extension})`, async () => {
      const text = "export default {\n  upstreams: ,\n};\n";
      await writeFile(join(directory, `edgelane.${extension}`), text);
      const { code, stderr } = await edgelane(["check"], { directory });
      expect(code).toBe(1);
      const line = new RegExp(`^edgelane: edgelane\\.${extension}:2: SyntaxError: [^\\n]+\\n$`);
      expect(stderr).toMatch(line);
    });
  }

  it("or one for each error of a config", async () => {
    const text = "upstreams: {a: http://h:1}\nhelth: off\nlisten: []\n";
    await writeFile(join(directory, "edgelane.yaml"), text);
    const result = await edgelane(["serve"], { directory });
    expect(result).toEqual({
      code: 1,
      stdout: "",
      stderr:
        'edgelane: edgelane.yaml:2:1: helth: unknown key; did you mean "health"?\n' +
        "edgelane: edgelane.yaml:3:1: listen: at least one address is required\n",
    });
  });
});

describe("help", () => {
  it("lists every verb", async () => {
    const { code, stdout, stderr } = await edgelane(["--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    for (const verb of VERBS) expect(stdout).toContain(verb.name);
  });

  for (const verb of VERBS.filter(({ name }) => name !== "")) {
    it(`says what ${verb.name} does`, async () => {
      const { code, stdout, stderr } = await edgelane([verb.name, "--help"]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toContain(`edgelane ${verb.name} ${verb.usage}`.trim());
      expect(stdout).toContain(verb.about);
      for (const option of verb.options) expect(stdout).toContain(`--${option.name}`);
      expect(stdout.includes("Not available")).toBe(verb.load === null);
    });
  }
});

describe("version", () => {
  const { version } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  ) as { version: string };

  it("is the package's", async () => {
    const { code, stdout } = await edgelane(["version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^edgelane ${version} \\(Node \\d+`));
    expect((await edgelane(["-V"])).stdout).toBe(stdout);
  });

  it("is JSON where that is asked for", async () => {
    const { stdout } = await edgelane(["version", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ name: "edgelane", version });
  });
});

describe("check", () => {
  it("exits 0 for warnings alone, and counts", async () => {
    await writeFile(
      join(directory, "edgelane.yaml"),
      "upstreams: {a: http://h:1}\ntracing: {sample: 1%}\n",
    );
    const result = await edgelane(["check"], { directory });
    expect(result).toEqual({
      code: 0,
      stdout:
        "edgelane.yaml:2:1: warning: tracing: not available in this version: " +
        "tracing; no span is sent, trace fields pass through\n" +
        "edgelane.yaml: 0 errors, 1 warning, 1 route\n",
      stderr: "",
    });
  });

  it("exits 1 for errors, as JSON too", async () => {
    const file = join(directory, "bad.yaml");
    await writeFile(file, "upstreams: {a: http://h:1}\nhelth: off\n");
    const { code, stdout } = await edgelane(["check", file, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      file,
      ok: false,
      problems: [
        {
          line: 2,
          column: 1,
          severity: "error",
          key: "helth",
          message: "unknown key",
          suggestion: "health",
        },
      ],
    });
  });

  it("reads variables from the environment", async () => {
    const file = join(directory, "e.yaml");
    await writeFile(file, "upstreams: {a: $ORIGIN}\n");
    expect((await edgelane(["check", file])).code).toBe(1);
    const environment = { ORIGIN: "http://127.0.0.1:1" };
    expect((await edgelane(["check", file], { environment })).code).toBe(0);
  });
});

describe("init", () => {
  it("writes a config that check finds nothing wrong with, and never overwrites one", async () => {
    const first = await edgelane(["init", "--yes"], { directory });
    expect(first.code).toBe(0);
    const file = join(directory, "edgelane.yaml");
    expect(checkText(await readFile(file, "utf8"), file, { environment: {} }).problems).toEqual([]);
    await writeFile(file, "mine\n");
    const second = await edgelane(["init", "--yes"], { directory });
    expect(second).toEqual({
      code: 1,
      stdout: "",
      stderr: "edgelane: edgelane.yaml is there already; it stays as it is\n",
    });
    expect(await readFile(file, "utf8")).toBe("mine\n");
  });

  it("writes comments that work without their comment signs", () => {
    const commented = template("http://127.0.0.1:3000")
      .split("\n")
      .filter((line) => !/^# (?:Every|Check|Metrics|Whose|The most)/.test(line))
      // The second admin line stands for the first.
      .filter((line) => !line.startsWith("admin:"))
      .map((line) => line.replace(/^( *)# /, "$1"))
      .join("\n");
    const environment = { EDGELANE_ADMIN_TOKEN: "0123456789abcdef" };
    expect(checkText(commented, "edgelane.yaml", { environment }).problems).toEqual([]);
  });
});

describe("schema", () => {
  it("is a JSON Schema", async () => {
    const { code, stdout } = await edgelane(["schema"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
    });
  });
});

describe("completion", () => {
  it("for bash completes verbs and options", async () => {
    const { stdout } = await edgelane(["completion", "bash"]);
    const complete = (words: string[]): string[] => {
      const list = words.map((word) => JSON.stringify(word)).join(" ");
      const script =
        `${stdout}\nCOMP_WORDS=(edgelane ${list}); COMP_CWORD=${words.length}; ` +
        '_edgelane; printf "%s\\n" "${COMPREPLY[@]}"';
      const output = execFileSync("bash", ["-c", script], { cwd: directory, encoding: "utf8" });
      return output.trim().split("\n");
    };
    expect(complete(["che"])).toEqual(["check"]);
    expect(complete(["serve", "--li"])).toEqual(["--listen"]);
    expect(complete(["serve", "--wat"])).toEqual(["--watch"]);
  });

  for (const shell of ["zsh", "fish"]) {
    it(`for ${shell} names every verb that there is`, async () => {
      const { code, stdout } = await edgelane(["completion", shell]);
      expect(code).toBe(0);
      for (const verb of VERBS) {
        const there = new RegExp(`\\b${verb.name}\\b`).test(stdout);
        if (verb.load !== null) expect([verb.name, there]).toEqual([verb.name, true]);
      }
      expect(stdout).not.toMatch(/\btail\b/);
    });
  }
});

it("a reader that goes away is no failure", () => {
  const cli = new URL("../../src/cli.ts", import.meta.url).pathname;
  const script = `set -o pipefail; "$0" "$1" schema | head -c 1`;
  execFileSync("bash", ["-c", script, process.execPath, cli]);
});
