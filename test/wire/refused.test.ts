// Messages that are refused, as literal bytes on a real socket: status, reason and fate of the
// connection, whole, in pieces split at every byte, and a byte at a time. Nothing is handed over,
// and nothing behind them is answered.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fieldOf, type WireResponse } from "../support/response-reader.ts";
import { answerPath } from "../support/wire-handler.ts";
import { startWire, type TestWire } from "../support/wire-listener.ts";
import { ENGINES } from "../core/engines.ts";
import { CHUNK_ROWS, EXTENSION_ROWS, TRAILER_ROWS } from "./refused-contents.ts";
import {
  FIELD_ROWS,
  FRAMING_ROWS,
  HOST_ROWS,
  REQUEST_LINE_ROWS,
  type RefusedRow,
  TARGET_ROWS,
} from "./refused-heads.ts";

const TABLES: readonly (readonly [string, readonly RefusedRow[]])[] = [
  ["RFC 9112 3 request line", REQUEST_LINE_ROWS],
  ["RFC 9112 3.2 request-target", TARGET_ROWS],
  ["RFC 9112 5 field lines", FIELD_ROWS],
  ["RFC 9112 3.2 Host", HOST_ROWS],
  ["RFC 9112 6 message framing", FRAMING_ROWS],
  ["RFC 9112 7.1 chunks", CHUNK_ROWS],
  ["RFC 9112 7.1.1 chunk extensions", EXTENSION_ROWS],
  ["RFC 9110 6.5.1 trailers", TRAILER_ROWS],
];

/** RFC 9209: who refuses, and the parser's code; where, why, and by which section. */
const REASON =
  /^edgelane; error=http_request_error; details="invalid_request: ([a-z-]+) at byte \d+( of the chunked body)?: [^"]+ \(RFC \d+ [\d.]+\)"$/;

/** A good request that must not be answered behind a bad one. */
const BEHIND = "GET /behind HTTP/1.1\r\nHost: a\r\n\r\n";

/**
 * Sends a row in pieces and checks the one answer, the account of it and the end of the connection.
 */
async function expectRefused(wire: TestWire, row: RefusedRow, pieces: string[]): Promise<void> {
  const client = await wire.client();
  await wire.sendPieces(client, pieces);
  const responses = await client.all();
  expect(client.ending).toBe("closed");
  expect(responses).toHaveLength(1);
  expectRefusal(responses[0], row);
}

function expectRefusal(response: WireResponse | undefined, row: RefusedRow): void {
  if (response === undefined) throw new Error("no response");
  expect(response.status).toBe(row.status);
  expect(fieldOf(response, "connection")).toBe("close");
  expect(REASON.exec(fieldOf(response, "proxy-status") ?? "")?.[1]).toBe(row.error);
  const answer = response.fields.flat().join(" ") + response.content.toString("latin1");
  expect(answer).not.toContain("m4rk3r");
}

describe.each(ENGINES)("%s refuses", (engine) => {
  let wire: TestWire;
  beforeAll(async () => {
    wire = await startWire({ engine, answer: answerPath });
  });
  afterAll(async () => {
    expect(wire.handler.exchanges).toEqual([]);
    await wire.close();
  });

  for (const [table, rows] of TABLES) {
    test.each(rows)(`${table}: $title`, async (row) => {
      await expectRefused(wire, row, [row.bytes + BEHIND]);
      expect(wire.handler.rejections.at(-1)).toMatchObject({
        status: row.status,
        error: row.error,
      });
    });
  }
});

/** Where the byte is that decides, marked by what precedes it. */
const PLACES: readonly (readonly [title: string, bytes: string, place: string])[] = [
  ["RFC 9112 3 a lower-case version", "GET / http/1.1\r\n", "version at byte 6: "],
  ["RFC 9112 5.1 a field name", "GET / HTTP/1.1\r\nHo(st: a\r\n\r\n", "field-name at byte 18: "],
  [
    "RFC 9112 9.3.2 a second head, from its own first byte",
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHo(st: a\r\n\r\n",
    "field-name at byte 18: ",
  ],
  [
    "RFC 9112 7.1 the end of a chunk, from the first byte of the body",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
    "chunk-terminator at byte 8 of the chunked body: ",
  ],
];

describe.each(ENGINES)("%s says code and offset", (engine) => {
  test.each(PLACES)("%s", async (_title, bytes, place) => {
    const wire = await startWire({ engine, answer: answerPath });
    for (const pieces of [[bytes], [...bytes]]) {
      const client = await wire.client();
      await wire.sendPieces(client, pieces);
      const refused = (await client.all()).at(-1);
      if (refused === undefined) throw new Error("no response");
      expect(fieldOf(refused, "proxy-status")).toContain(`details="invalid_request: ${place}`);
    }
    await wire.close();
  });
});

/** Long rows are split at every so many bytes only. */
function splitPoints(bytes: string): number[] {
  const step = bytes.length > 400 ? 211 : 1;
  const points: number[] = [];
  for (let point = 1; point < bytes.length; point += step) points.push(point);
  return points;
}

/** How many connections work through the splits of a row. */
const LANES = 16;

describe("split at every byte, refuses", () => {
  let wire: TestWire;
  beforeAll(async () => {
    wire = await startWire({ engine: "wasm-simd", answer: answerPath });
  });
  afterAll(() => wire.close());

  for (const [table, rows] of TABLES) {
    test.each(rows)(`${table}: $title`, async (row) => {
      const before = wire.handler.exchanges.length;
      const points = splitPoints(row.bytes);
      await Promise.all(
        Array.from({ length: LANES }, async () => {
          for (let point = points.pop(); point !== undefined; point = points.pop()) {
            const pieces = [row.bytes.slice(0, point), row.bytes.slice(point) + BEHIND];
            await expectRefused(wire, row, pieces);
          }
        }),
      );
      // Where the head came before its bad content, an exchange may have been begun; it must have
      // ended as refused.
      for (const exchange of wire.handler.exchanges.slice(before)) {
        expect(exchange.request.path).toBe("/m4rk3r");
        expect(exchange.outcome).toMatchObject({ status: row.status, reason: "invalid_request" });
      }
    });
  }
});

/** Rows of every table that end in different phases of the parser. */
const BYTEWISE = [
  "a minor version of two digits",
  "a bare LF behind the version",
  "an encoded double-dot segment",
  "absolute form with another port",
  "a folded line",
  "DEL in the value",
  "Host twice, different, apart",
  "Transfer-Encoding, then Content-Length",
  "chunked twice",
  "a size of 2^64 + 6, which would wrap",
  "less content than the size",
  "a bare CR in a quoted value",
  "Content-Length",
  "an empty line of a bare CR",
];

describe.each(ENGINES)("%s, a byte at a time, refuses", (engine) => {
  let wire: TestWire;
  beforeAll(async () => {
    wire = await startWire({ engine, answer: answerPath });
  });
  afterAll(() => wire.close());

  const chosen = TABLES.flatMap(([, rows]) => rows).filter((row) => BYTEWISE.includes(row.title));
  test.each(chosen)("$title", (row) => expectRefused(wire, row, [...row.bytes]));
});
