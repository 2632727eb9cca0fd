// Tests the house rules that no linter knows: who may import whom, how files are named and opened,
// how wide lines are, who may read the clock and the environment. oxlint, tsc and biome keep the
// others (`npm run check`).

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const COLUMNS_MAX = 100;
const ASSEMBLY_LINES_MAX = 400;

interface SourceFile {
  /** Relative to the project, with "/". */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

const FILES: readonly SourceFile[] = [
  ...["assembly", "src", "test", "bench", "build", "dashboard"].flatMap((name) =>
    walk(join(ROOT, name)),
  ),
  join(ROOT, "vitest.config.ts"),
].map((file) => {
  const text = readFileSync(file, "utf8");
  return { path: relative(ROOT, file).replaceAll("\\", "/"), text, lines: text.split("\n") };
});

const SOURCES = FILES.filter(({ path }) => path.startsWith("src/"));

/** What each part may import besides itself; everything may import the clock and
 * the count of read buffers. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "assembly/layout": [],
  "src/clock": [],
  "src/read-memory": [],
  "src/core": ["assembly/layout"],
  "src/http": ["src/core", "assembly/layout"],
  "src/wire": ["src/http", "src/core", "assembly/layout"],
  "src/cache": ["src/http", "src/core", "assembly/layout"],
  "src/upstream": ["src/http", "src/core", "assembly/layout"],
  "src/telemetry": ["src/http", "src/core", "assembly/layout"],
  "src/shared-state": ["src/cache", "src/telemetry"],
  "src/gateway": [
    "src/shared-state",
    "src/wire",
    "src/cache",
    "src/upstream",
    "src/telemetry",
    "src/http",
    "src/core",
    "assembly/layout",
  ],
  "src/index": ["src/gateway", "src/http"],
  "src/cli": ["src/gateway"],
};

describe("imports point down only", () => {
  for (const part of Object.keys(MAY_IMPORT)) {
    it(part, () => {
      const allowed = [part, "src/clock", "src/read-memory", ...(MAY_IMPORT[part] ?? [])];
      const wrong = FILES.filter(({ path }) => partOf(path) === part).flatMap((file) =>
        importsOf(file)
          .filter((target) => !allowed.includes(partOf(target)))
          .map((target) => `${file.path} imports ${target}`),
      );
      expect(wrong).toEqual([]);
    });
  }

  it("every file of src belongs to a part", () => {
    const unknown = SOURCES.filter(({ path }) => !Object.hasOwn(MAY_IMPORT, partOf(path)));
    expect(unknown.map(({ path }) => path)).toEqual([]);
  });

  it("relative imports name a file that exists, with its ending", () => {
    const wrong = FILES.filter(({ path }) => !path.startsWith("assembly/")).flatMap((file) =>
      importsOf(file)
        .filter((target) => !/\.(?:ts|mjs|js|json)$/.test(target) || !exists(target))
        .map((target) => `${file.path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("the core runs anywhere", () => {
  const core = SOURCES.filter(({ path }) => path.startsWith("src/core/"));

  it("imports nothing of Node and no package", () => {
    const wrong = core.flatMap((file) =>
      specifiersOf(file)
        .filter((specifier) => !/^(?:\.\.?\/|#wasm\/)/.test(specifier))
        .map((specifier) => `${file.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it("uses no global of Node", () => {
    expect(matches(core, /\b(?:Buffer|process|require|__dirname)\b(?=[.(])/)).toEqual([]);
  });
});

describe("time and environment are arguments", () => {
  it("only src/clock.ts reads the clock", () => {
    const others = SOURCES.filter(({ path }) => path !== "src/clock.ts");
    const clock =
      /\bDate\.now\(|\bperformance\.now\(|\bnew Date\(\)|\bprocess\.(?:hrtime|uptime)\b/;
    expect(matches(others, clock)).toEqual([]);
  });

  it("nothing below the gateway reads process.env", () => {
    const below = SOURCES.filter(({ path }) => !/^src\/(?:gateway|cli|index)/.test(path));
    expect(matches(below, /\bprocess\.env\b/)).toEqual([]);
  });

  it("random seeds in tests are printed by fast-check, so nothing else is random", () => {
    const tests = FILES.filter(({ path }) => path.startsWith("test/"));
    expect(matches(tests, /\bMath\.random\(/)).toEqual([]);
  });
});

describe("files", () => {
  it("are kebab-case nouns, none of them a drawer", () => {
    const drawer = /^(?:utils?|helpers?|common|types?|constants?|misc|shared)$/;
    const wrong = FILES.map(({ path }) => path).filter((path) => {
      const name = basename(path).replace(/(?:\.(?:test|config|d))?\.[a-z]+$/, "");
      return !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || drawer.test(name);
    });
    expect(wrong).toEqual([]);
  });

  it("open with one to five lines that say what they own", () => {
    const wrong = FILES.filter(({ lines }) => {
      const start = lines[0]?.startsWith("#!") === true ? 1 : 0;
      const end = lines.findIndex((line, index) => index >= start && !line.startsWith("// "));
      return end - start < 1 || end - start > 5;
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it(`have lines of at most ${COLUMNS_MAX} columns`, () => {
    const wrong = FILES.flatMap(({ path, lines }) =>
      lines.flatMap((line, index) =>
        line.length > COLUMNS_MAX && !isOneLiteral(line) ? [`${path}:${index + 1}`] : [],
      ),
    );
    expect(wrong).toEqual([]);
  });

  it(`of AssemblyScript have at most ${ASSEMBLY_LINES_MAX} lines`, () => {
    const assembly = FILES.filter(({ path }) => path.startsWith("assembly/"));
    const long = assembly.filter(({ lines }) => lines.length > ASSEMBLY_LINES_MAX);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it("promise nothing for later", () => {
    // Written in two halves, so that this file does not find itself.
    const words = new RegExp(`\\b(?:${["FIX", "TO", "XX", "HA"].join("|")})(?:ME|DO|X|CK)\\b`);
    expect(matches(FILES, words)).toEqual([]);
  });

  it("that tests skip or single out are none", () => {
    const tests = FILES.filter(({ path }) => path.endsWith(".test.ts"));
    expect(matches(tests, /\b(?:it|test|describe)\.(?:only|todo|fails)\b/)).toEqual([]);
  });
});

describe("package-lock.json", () => {
  const text = readFileSync(join(ROOT, "package-lock.json"), "utf8");

  it("names no registry", () => {
    expect(text).not.toMatch(/"resolved": "https?:/);
  });

  it("has every optional package of every platform, without which npm ci refuses it", () => {
    const { packages } = JSON.parse(text) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const wrong = Object.entries(packages).flatMap(([owner, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => !Object.keys(packages).some((path) => path.endsWith(`/${name}`)))
        .map((name) => `${owner}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

function walk(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    const generated = /[/\\]build[/\\](?:js|wasm|\.stamps)$/.test(path);
    if (entry.isDirectory()) return generated || entry.name === "node_modules" ? [] : walk(path);
    return /\.(?:ts|mjs)$/.test(entry.name) ? [path] : [];
  });
}

/** "src/gateway/app.ts" -> "src/gateway"; a file directly in src is a part of its own. */
function partOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return `${top}/${second.replace(/\.ts$/, "")}`;
}

/** Paths, relative to the project, of the files that a file imports. */
function importsOf(file: SourceFile): string[] {
  return specifiersOf(file)
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => relative(ROOT, resolve(ROOT, dirname(file.path), specifier)))
    .map((path) => path.replaceAll("\\", "/"));
}

function specifiersOf(file: SourceFile): string[] {
  const pattern = /(?:^|[\s;])(?:from|import)\s*\(?\s*"([^"\n]+)"/g;
  const code = file.lines.filter((line) => !/^\s*(?:\/\/|\*|\/\*)/.test(line)).join("\n");
  return [...code.matchAll(pattern)].map((match) => match[1] ?? "");
}

function exists(path: string): boolean {
  return existsSync(join(ROOT, path)) || path.startsWith("build/");
}

function matches(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      const comment = /^\s*(?:\/\/|\*|\/\*)/.test(line) && !pattern.source.includes("FIX");
      return !comment && pattern.test(line) ? [`${path}:${index + 1}`] : [];
    }),
  );
}

/** A string that is wider than a line, and nothing else: the formatter leaves it, and so do we. */
function isOneLiteral(line: string): boolean {
  return /^\s*(?:[\w"]+: )?(?:\[\s*)?["'`/].*["'`/][\w,;)\]]*$/.test(line);
}
