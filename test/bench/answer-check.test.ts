// Owns the proof that the benchmark refuses to time a gateway that does not do the work. The
// gateway is a fake that serves what each row says; the origin is the benchmark's own.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAnswers } from "../../bench/end-to-end/answer-check.ts";
import type { BenchContext, Subject } from "../../bench/end-to-end/bench-context.ts";
import { Faults } from "../../bench/end-to-end/faults.ts";
import { type Answer, get } from "../../bench/end-to-end/http-client.ts";
import { Origin } from "../../bench/end-to-end/origin.ts";
import { allowedCores } from "../../bench/end-to-end/proc.ts";
import { ChildProcesses } from "../../bench/end-to-end/processes.ts";

type Misbehaviour = "none" | "cached-nothing" | "cached-everything" | "wrong-byte" | "wrong-status";

let context: BenchContext;
const directory = mkdtempSync(join(os.tmpdir(), "bench-test-"));
const children = new ChildProcesses();

beforeAll(async () => {
  const core = allowedCores()[0] ?? 0;
  const origin = await Origin.start({ children, directory, core, nginx: null });
  const cores = { gatewayCore: core, loadCore: core };
  const bulk = { bulkPort: 0, bulkBytes: 0 };
  const faults = new Faults();
  context = { children, faults, directory, origin, ...cores, ...bulk, progress: () => undefined };
});

afterAll(async () => {
  await children.stopAll();
  rmSync(directory, { recursive: true });
});

async function check(misbehaviour: Misbehaviour): Promise<void> {
  const cached = new Map<string, Answer>();
  const server = http.createServer((request, response) => {
    const path = request.url ?? "/";
    const cacheable = misbehaviour === "cached-everything" || path.startsWith("/fresh/");
    const respond = (answer: Answer): void => {
      const content = Buffer.from(answer.content);
      if (misbehaviour === "wrong-byte") content[content.length - 1] = 0;
      response.statusCode = misbehaviour === "wrong-status" ? 203 : answer.status;
      response.setHeader("content-length", content.length);
      response.end(content);
    };
    const store = cacheable && misbehaviour !== "cached-nothing";
    fetchThrough(path, store).then(respond, () => response.destroy());
  });
  const fetchThrough = async (path: string, store: boolean): Promise<Answer> => {
    const answer = cached.get(path) ?? (await get(context.origin.port, path));
    if (store) cached.set(path, answer);
    return answer;
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = (server.address() as AddressInfo).port;
  const peer = { modes: ["hits", "proxied"] };
  try {
    await checkAnswers(context, { name: "fake", port, peer } as unknown as Subject);
  } finally {
    server.close();
  }
}

test("a gateway that caches and forwards as it should may be timed", async () => {
  await expect(check("none")).resolves.toBeUndefined();
});

test.each([
  ["cached-nothing", "3 requests for /fresh/1k made 3 requests to the origin, not 0"],
  ["cached-everything", "3 requests for /pass/1k made 1 requests to the origin, not 3"],
  ["wrong-byte", "GET /fresh/1k: other content (1024 bytes)"],
  ["wrong-status", "GET /fresh/1k: status 203"],
] as const)("%s is refused", async (misbehaviour, message) => {
  await expect(check(misbehaviour)).rejects.toThrow(message);
});
