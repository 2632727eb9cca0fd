// One HTTP/1.1 connection of a tiny server on top of edgelane/parser: takes bytes, gives back
// answers. Shared by the Deno and the Bun example; installed from npm, the import is
// "edgelane/parser".

import { Parser, type RequestView } from "../../src/core/parser.ts";

const parser = new Parser({ readersMax: 1024 });
const encoder = new TextEncoder();

export class HelloConnection {
  /** True once the connection has to be closed behind the last answer. */
  done = false;
  readonly #reader = parser.requestReader();

  /** Answers to the requests that end in these bytes, in order. */
  push(bytes: Uint8Array): Uint8Array {
    let answers = "";
    let rest = bytes;
    while (rest.length > 0 && !this.done) {
      const result = this.#reader.push(rest);
      if (result.status === "incomplete") break;
      if (result.status === "error") {
        const { status, reason, offset } = result.error;
        answers += answer(status, `${reason}, at byte ${offset}`, "close");
        this.done = true;
        break;
      }
      const { head } = result;
      // This server reads no content: it closes behind a request that has some.
      this.done = !head.keepAlive || head.framing !== "none";
      answers += answer(200, greeting(head), this.done ? "close" : "keep-alive");
      rest = result.rest;
    }
    return encoder.encode(answers);
  }

  /** Call it exactly once, when the connection has ended. */
  close(): void {
    this.#reader.close();
  }
}

function greeting(head: RequestView): string {
  return `Hello, ${head.fields.get("host") ?? "HTTP/1.0"}: ${head.method} ${head.target}`;
}

function answer(status: number, text: string, connection: string): string {
  const length = encoder.encode(text).length;
  return (
    `HTTP/1.1 ${status} \r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n` +
    `Connection: ${connection}\r\n\r\n${text}`
  );
}
