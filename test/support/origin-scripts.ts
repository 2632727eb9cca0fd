// What several suites need of the test origin: scripts that tell what they received or answer by
// path, and what is in a head.

import type { OriginConnection, OriginScript } from "./origin.ts";

/**
 * Answers every request with its own head and content, as received. Never stored: it has no-store.
 */
export async function echo(connection: OriginConnection): Promise<void> {
  for (;;) {
    const head = await connection.readHead();
    const content = await connection.readContent(head);
    await connection.send(answer(Buffer.concat([Buffer.from(head, "latin1"), content])));
  }
}

/** What a path is answered with: literal bytes, or what a function does with the connection. */
export type PathAnswer =
  | string
  | Uint8Array
  | ((connection: OriginConnection, head: string) => unknown);

/** Answers each request by its path without the query; 404 for any other. */
export function byPath(answers: Readonly<Record<string, PathAnswer>>): OriginScript {
  return async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      const path = /^\S+ ([^ ?]*)/.exec(head)?.[1] ?? "";
      const found = answers[path] ?? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
      if (typeof found === "function") {
        await found(connection, head);
      } else {
        await connection.readContent(head);
        await connection.send(found);
      }
    }
  };
}

/** A 200 with this content; `lines` are whole field lines without their ends. */
export function answer(content: string | Uint8Array, ...lines: string[]): Buffer {
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  const given = lines.length === 0 ? ["Cache-Control: no-store"] : lines;
  const head = ["HTTP/1.1 200 OK", `Content-Length: ${bytes.length}`, ...given, "", ""];
  return Buffer.concat([Buffer.from(head.join("\r\n"), "latin1"), bytes]);
}

/** Bytes that differ everywhere, so that a piece in the wrong place shows. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let index = 0; index < length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state & 0xff;
  }
  return bytes;
}

/** The field lines of a head: [name, value] in order, as sent. */
export function linesOf(head: string): [string, string][] {
  const lines = (head.split("\r\n\r\n")[0] ?? "").split("\r\n").slice(1);
  return lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}

/** The values of a field of such a head. */
export function valuesOf(head: string, nameLower: string): string[] {
  return linesOf(head)
    .filter(([name]) => name.toLowerCase() === nameLower)
    .map(([, value]) => value);
}
