// The examples of docs/examples, run as a reader would run them: servers on Deno and Bun with
// literal bytes on real sockets, and the log analyser on a file.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEADLINE_MS = 60_000;
const run = promisify(execFile);

type Server = readonly [name: string, file: string, args: readonly string[]];

const SERVERS: readonly Server[] = [
  [
    "Deno",
    "node_modules/.bin/deno",
    ["run", "--no-check", "--allow-net", "docs/examples/deno-server.ts"],
  ],
  ["Bun", "node_modules/.bin/bun", ["docs/examples/bun-server.ts"]],
];

let server: ChildProcess | undefined;

afterEach(async () => {
  if (server?.pid === undefined) return;
  const exited = once(server, "exit");
  // The whole group: the file may be a launcher that has the runtime as its child.
  process.kill(-server.pid);
  await exited;
  server = undefined;
});

async function started(file: string, args: readonly string[]): Promise<number> {
  server = spawn(file, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"], detached: true });
  if (server.stdout === null) throw new Error("no output to read the port from");
  const [line] = (await once(server.stdout, "data")) as [Buffer];
  return Number(line.toString());
}

/** Sends the pieces one by one and returns everything that comes back until the server closes. */
async function answersTo(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  let text = "";
  socket.on("data", (data: Buffer) => {
    text += data.toString("latin1");
  });
  await once(socket, "connect");
  for (const piece of pieces) {
    await new Promise<void>((resolve) => {
      socket.write(piece, "latin1", () => resolve());
    });
  }
  await once(socket, "close");
  return text;
}

test.each(SERVERS)(
  "the %s server answers pipelined requests in order and refuses a bad one",
  async (_name, file, args) => {
    const port = await started(file, args);
    const text = await answersTo(port, [
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HT",
      "TP/1.1\r\nHost: a\r\n\r\n",
      "GET /3 HTTP/1.1\r\nHost : a\r\n\r\n",
    ]);
    const answers = text
      .split(/(?=HTTP\/1\.1 \d)/)
      .map((answer) => [
        answer.slice(9, 12),
        /\r\nConnection: (\S+)/.exec(answer)?.[1],
        answer.slice(answer.indexOf("\r\n\r\n") + 4),
      ]);
    expect(answers).toEqual([
      ["200", "keep-alive", "Hello, a: GET /1"],
      ["200", "keep-alive", "Hello, a: GET /2"],
      ["400", "close", "whitespace between field name and colon, at byte 21"],
    ]);
  },
  DEADLINE_MS,
);

test("the log analyser counts, and stops where framing is not to be trusted", async () => {
  const directory = mkdtempSync(join(tmpdir(), "edgelane-"));
  const file = join(directory, "requests.raw");
  const chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  writeFileSync(
    file,
    [
      "GET /1 HTTP/1.1\r\nHost: A\r\n\r\n",
      `POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n${"x".repeat(9000)}`,
      `POST /3 HTTP/1.1\r\nHost: b\r\n${chunked}`,
      "POST /4 HTTP/1.1\r\nHost: b\r\nContent-Length: 5, 5\r\n\r\n",
    ].join(""),
  );
  const { stdout } = await run(process.execPath, ["docs/examples/log-analyser.ts", file], {
    cwd: ROOT,
  });
  rmSync(directory, { recursive: true });
  expect(stdout.trim().split("\n")).toEqual([
    "host a: 2",
    "host b: 1",
    "method GET: 1",
    "method POST: 2",
    "content bytes: 9003",
    "refused: content-length (RFC 9112 6.3)",
  ]);
});
