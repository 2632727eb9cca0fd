// Random pipelines in random pieces: whatever the split and whenever the handler answers, each
// request gets its own response, in order. A failure prints the seed that replays it.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Exchange } from "../../src/http/exchange.ts";
import { ENGINES } from "../core/engines.ts";
import { afterContent, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire } from "../support/wire-listener.ts";

/** How a request carries its content, and how the handler answers it. */
interface Turn {
  readonly framing: "none" | "length" | "chunked";
  readonly sizes: readonly number[];
  readonly reading: "all" | "nothing";
  readonly when: "at once" | "later";
  readonly response: "length" | "chunked";
}

const turns: fc.Arbitrary<Turn[]> = fc.array(
  fc.record({
    framing: fc.constantFrom("none", "length", "chunked"),
    sizes: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 6 }),
    reading: fc.constantFrom("all", "nothing"),
    when: fc.constantFrom("at once", "later"),
    response: fc.constantFrom("length", "chunked"),
  }),
  { minLength: 1, maxLength: 12 },
);

function requestOf(turn: Turn, index: number): string {
  const plan = `X-Plan: ${turn.reading},${turn.when},${turn.response}`;
  const head = `POST /${index} HTTP/1.1\r\nHost: a\r\n${plan}\r\n`;
  const total = contentBytes(turn);
  if (turn.framing === "none") return `${head}\r\n`;
  if (turn.framing === "length")
    return `${head}Content-Length: ${total}\r\n\r\n${"x".repeat(total)}`;
  const chunks = turn.sizes.map((size) => `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`);
  return `${head}Transfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\nX-A: b\r\n\r\n`;
}

function contentBytes(turn: Turn): number {
  return turn.framing === "none" ? 0 : turn.sizes.reduce((sum, size) => sum + size, 0);
}

function answer(exchange: Exchange): void {
  const { fields, path } = exchange.request;
  const plan = fields[fields.indexOf("X-Plan") + 1] ?? "";
  const send = (text: string): void => {
    if (plan.endsWith("length")) {
      respond(exchange, text);
      return;
    }
    exchange.respond({ status: 200, reason: "", fields: [] }, -1);
    for (const letter of text) exchange.write(Buffer.from(letter));
    exchange.end();
  };
  const start = (text: string): void => {
    if (plan.includes("later")) setImmediate(send, text);
    else send(text);
  };
  if (plan.startsWith("nothing")) start(`${path} ignored`);
  else afterContent(exchange, (content) => start(`${path} ${content.length}`));
}

describe.each(ENGINES)("RFC 9112 9.3.2 random pipelines, %s", (engine) => {
  let wire: TestWire;
  beforeAll(async () => {
    wire = await startWire({ engine, answer });
  });
  afterAll(() => wire.close());

  test("are answered in order", async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 40 });
    const property = fc.asyncProperty(turns, cuts, async (plan, lengths) => {
      const bytes = plan.map(requestOf).join("");
      const client = await wire.client();
      await wire.sendPieces(client, piecesOf(bytes, lengths));
      const responses = await client.complete(plan.length);
      expect(responses.map((response) => response.content.toString())).toEqual(
        plan.map((turn, index) =>
          turn.reading === "all" ? `/${index} ${contentBytes(turn)}` : `/${index} ignored`,
        ),
      );
      client.finish();
      expect(await client.end()).toBe("closed");
    });
    await fc.assert(property, { numRuns: 150 });
  });
});

/** Pieces of the given lengths, in turn, until the text is used up. */
function piecesOf(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}
