// A connection behind a slow client: what one call keeps is not read into again for the next one,
// whatever either says of giving back, and the next one is served at all.

import { afterEach, expect, test } from "vitest";
import type { OriginCall } from "../../src/upstream/attempt.ts";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { pattern } from "../support/origin-scripts.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { clusterOf, Recorder, requestOf } from "./recorder.ts";

const BYTES = 2 * 1024 * 1024;

let origin: TestOrigin;
let cluster: Cluster;

afterEach(async () => {
  await cluster.close();
  await origin.idle();
  await origin.close();
});

/** Of its chunks it gives back as `givesBack` says, and pauses behind each. */
class Lender extends Recorder {
  call: OriginCall | null = null;
  readonly #givesBack: (received: number) => boolean;

  constructor(givesBack: (received: number) => boolean) {
    super();
    this.#givesBack = givesBack;
  }

  override onData(chunk: Uint8Array): boolean {
    const isDone = this.#givesBack(this.bytes);
    super.onData(isDone ? Buffer.from(chunk) : chunk);
    if (isDone) this.call?.giveBack();
    setImmediate(() => {
      // What a socket says that has sent everything.
      if (isDone) this.call?.giveBack();
      this.call?.resume();
    });
    return false;
  }

  async forward(path: string): Promise<void> {
    this.call = cluster.forward(requestOf("GET", path), this);
    await this.ended;
  }

  isPattern(seed: number): boolean {
    return Buffer.concat(this.chunks).equals(pattern(BYTES, seed));
  }
}

test.each([
  ["at the end", (received: number) => received < BYTES / 2],
  ["throughout", () => false],
])("what a call keeps %s stays as it was", async (_title, givesBack) => {
  origin = await startOrigin(async (connection) => {
    for (let turn = 1; ; turn++) {
      await connection.readHead();
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BYTES}\r\n\r\n`);
      await connection.send(pattern(BYTES, turn));
    }
  });
  cluster = clusterOf(origin.url, { pool: { connections: 1 } });
  const first = new Lender(givesBack);
  await first.forward("/1");
  const second = new Lender(() => true);
  const done = second.forward("/2");
  first.call?.giveBack();
  await done;
  expect(origin.accepted).toBe(1);
  expect([first.error, first.isPattern(1)]).toEqual([null, true]);
  expect([second.error, second.isPattern(2)]).toEqual([null, true]);
});
