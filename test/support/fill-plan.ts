// Owns a plan whose decisions the test makes, and which records what it is told.

import type { FillPlan, FillVerdict } from "../../src/cache/fill-contract.ts";
import type { ResponseHead } from "../../src/http/message.ts";

export class FakePlan implements FillPlan {
  verdict: FillVerdict = { kind: "store" };
  admitted = (_path: string) => true;
  stored: string | null = null;
  abandoned = "";
  isClosed = false;
  standInFor: ReturnType<FillPlan["standIn"]>;

  cameFromPeer(): void {
    // These fills are the origin server's.
  }

  decide(): FillVerdict {
    return this.verdict;
  }
  standIn(): ReturnType<FillPlan["standIn"]> {
    return this.standInFor;
  }
  admits(request: { path: string }): boolean {
    return this.admitted(request.path);
  }
  headFor(head: ResponseHead, role: string): ResponseHead {
    return { ...head, fields: [...head.fields, "Role", role] };
  }
  complete(pieces: readonly Uint8Array[]): void {
    this.stored = Buffer.concat(pieces).toString("latin1");
  }
  abandon(reason: string): void {
    this.abandoned = reason;
  }
  close(): void {
    this.isClosed = true;
  }
}
