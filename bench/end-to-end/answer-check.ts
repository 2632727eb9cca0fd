// Owns the proof that a gateway does the work before it is timed: right status, length and bytes,
// cache hits that never reach the origin, and proxied requests that each reach it once.

import { createHash } from "node:crypto";
import type { BenchContext, Subject } from "./bench-context.ts";
import { get } from "./http-client.ts";
import { contentOf, contentSizes, type SizeName } from "./origin-content.ts";

const requestsPerCheck = 3;

/** Throws with what was wrong. */
export async function checkAnswers(context: BenchContext, subject: Subject): Promise<void> {
  for (const size of Object.keys(contentSizes) as SizeName[]) {
    if (subject.peer.modes.includes("hits")) {
      await expectContent(subject, `/fresh/${size}`, size);
      await expectOriginRequests(context, subject, `/fresh/${size}`, 0);
    }
    if (subject.peer.modes.includes("proxied")) {
      await expectOriginRequests(context, subject, `/pass/${size}`, requestsPerCheck);
    }
  }
}

async function expectOriginRequests(
  context: BenchContext,
  subject: Subject,
  path: string,
  expected: number,
): Promise<void> {
  const size = path.endsWith("/64k") ? "64k" : "1k";
  const before = await context.origin.requestCount();
  for (let count = 0; count < requestsPerCheck; count++) await expectContent(subject, path, size);
  const seen = (await context.origin.requestCount()) - before;
  if (seen === expected) return;
  const sent = `${requestsPerCheck} requests for ${path}`;
  throw new Error(`${sent} made ${seen} requests to the origin, not ${expected}`);
}

async function expectContent(subject: Subject, path: string, size: SizeName): Promise<void> {
  const content = contentOf(contentSizes[size]);
  const digest = createHash("sha256").update(content).digest("hex");
  const answer = await get(subject.port, path);
  const length = answer.headers["content-length"];
  const wrong: string[] = [];
  if (answer.status !== 200) wrong.push(`status ${answer.status}`);
  if (length !== String(content.length)) wrong.push(`Content-Length ${length ?? "missing"}`);
  if (answer.digest !== digest) wrong.push(`other content (${answer.content.length} bytes)`);
  if (wrong.length > 0) throw new Error(`GET ${path}: ${wrong.join(", ")}`);
}
