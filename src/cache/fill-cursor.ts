// Owns one reader's place in a fill: which piece comes next, and whether it takes any.

import type { ResponseHead } from "../http/message.ts";
import type { FillReader, FillTicket } from "./collapse.ts";
import { contentLengthOf, type FillPlan } from "./fill-contract.ts";

/** A peer is another worker's cache: it gets the head as the origin sent it, and decides itself. */
export type Role = "leader" | "collapsed" | "peer";

/** One reader's place in the content. */
/** What a cursor tells its fill. */
export interface CursorHost {
  /** The reader can take more. */
  continue(cursor: Cursor): void;
  /** The reader is gone. */
  remove(cursor: Cursor): void;
}

export class Cursor implements FillTicket {
  readonly #fill: CursorHost;
  readonly reader: FillReader;
  readonly role: Role;
  /** Number of the next piece. */
  piece = 0;
  paused = false;
  started = false;
  active = true;

  constructor(fill: CursorHost, reader: FillReader, role: Role) {
    this.#fill = fill;
    this.reader = reader;
    this.role = role;
  }

  start(head: ResponseHead, plan: FillPlan): void {
    this.started = true;
    const own = this.role === "peer" ? head : plan.headFor(head, this.role);
    this.reader.onHead(own, contentLengthOf(head));
  }

  end(): void {
    this.active = false;
  }

  resume(): void {
    if (!this.active || !this.paused) return;
    this.paused = false;
    this.#fill.continue(this);
  }

  leave(): void {
    if (!this.active) return;
    this.active = false;
    this.#fill.remove(this);
  }
}
