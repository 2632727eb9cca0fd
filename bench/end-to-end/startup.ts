// Owns the start-up section: the time from before the process exists to its first 200.

import { type BenchContext, startSubject } from "./bench-context.ts";
import type { Peer } from "./peer.ts";

export interface StartSample {
  readonly subject: string;
  readonly round: number;
  readonly readyMs: number;
}

export async function measureStart(
  context: BenchContext,
  peer: Peer,
  round: number,
): Promise<StartSample> {
  const subject = await startSubject(context, peer);
  await subject.child.stop();
  return { subject: peer.name, round, readyMs: subject.readyMs };
}
