// A client for tests that speaks literal bytes on node:net and reads responses strictly (RFC 9112
// section 6.3), so that what a gateway sends is judged by nobody's tolerance.
//
//   const client = await RawClient.connect(port);
//   client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
//   const response = await client.response();  // .status .field("age") .content .text …
//   await client.ended                         // "end" (FIN) or "reset", once it is done
//   client.close()                             // FIN; client.reset() sends RST
//
// `pause` stops reading from the socket, so that the kernel's buffers fill; `get`, `ask` are one
// request each on a connection of their own.

import { connect, type Socket } from "node:net";
import { within } from "./within.ts";

const DEADLINE_MS = 10_000;

/** The connection ended before what was waited for had arrived. */
class BrokenResponse extends Error {}

export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** The head as sent, latin1. */
  readonly head: string;
  readonly names: readonly string[];
  readonly content: Buffer;
  readonly text: string;
  /** Lines of the trailer section. */
  readonly trailers: string;
  /** Interim responses that came before. */
  readonly interim: readonly string[];
  /** The values of a field's lines joined; undefined without one. */
  field(nameLower: string): string | undefined;
  fields(nameLower: string): string[];
}

export class RawClient {
  readonly socket: Socket;
  /** How the gateway ended the connection. */
  readonly ended: Promise<"end" | "reset">;
  /** Resolves when the socket is closed on both sides. */
  readonly closed: Promise<void>;
  receivedBytes = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #over: "end" | "reset" | null = null;
  #wake: (() => void) | null = null;

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const connected = new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    await within(connected, DEADLINE_MS, "a connection to the gateway");
    return new RawClient(socket);
  }

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    this.ended = new Promise((resolve) => {
      const end = (how: "end" | "reset"): void => {
        this.#over ??= how;
        resolve(this.#over);
        this.#notify();
      };
      socket.on("end", () => end("end"));
      socket.on("error", () => end("reset"));
      socket.on("close", () => end("reset"));
    });
    socket.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      this.#pieces.push(chunk);
      this.#notify();
    });
  }

  get open(): boolean {
    return this.#over === null;
  }

  /** A string is latin1. Resolves when the kernel has taken the bytes. */
  send(bytes: string | Uint8Array): Promise<void> {
    const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    return new Promise((resolve) => this.socket.write(data, () => resolve()));
  }

  /** The next final response. `method` HEAD has no content whatever its head says. */
  async response(method = "GET"): Promise<RawResponse> {
    const interim: string[] = [];
    for (;;) {
      const head = await this.#readHead();
      const status = Number(/^HTTP\/1\.1 (\d{3})(?: |\r)/.exec(head)?.[1] ?? 0);
      if (status === 0) throw new Error(`not a status line: ${JSON.stringify(head)}`);
      if (status < 200) {
        interim.push(head);
        continue;
      }
      const lines = readLines(head);
      const { content, trailers } = await this.#readContent(method, status, lines);
      return makeResponse(head, status, lines, { content, trailers, interim });
    }
  }

  /** Only the next head, latin1; interim responses count. */
  head(): Promise<string> {
    return this.#readHead();
  }

  /** `count` raw bytes of what comes next. */
  async bytes(count: number): Promise<Buffer> {
    while (this.#available < count) await this.#more(`${count} bytes`);
    this.#join();
    return this.#take(count);
  }

  /** Whatever has arrived and was not read. */
  rest(): Buffer {
    this.#join();
    return this.#take(this.#buffer.length);
  }

  /** Everything up to the end of the connection, and how it ended. */
  async untilEnd(timeoutMs = DEADLINE_MS): Promise<{ bytes: Buffer; how: "end" | "reset" }> {
    const how = await within(this.ended, timeoutMs, "the end of the connection");
    return { bytes: this.rest(), how };
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** FIN, behind what was sent. */
  finish(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Closes the socket and waits until it is. */
  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  async #readHead(): Promise<string> {
    this.#join();
    let end = this.#buffer.indexOf("\r\n\r\n");
    while (end < 0) {
      await this.#more("a response head");
      this.#join();
      end = this.#buffer.indexOf("\r\n\r\n");
    }
    return this.#take(end + 4).toString("latin1");
  }

  async #readContent(
    method: string,
    status: number,
    lines: readonly string[],
  ): Promise<{ content: Buffer; trailers: string }> {
    const none = { content: Buffer.alloc(0), trailers: "" };
    if (method === "HEAD" || status === 204 || status === 304) return none;
    const coding = valuesOf(lines, "transfer-encoding");
    const lengths = valuesOf(lines, "content-length");
    if (coding.length > 0 && lengths.length > 0) throw new Error("two framings");
    if (coding.length > 0) return this.#readChunked();
    const [length] = lengths;
    if (lengths.length > 1) throw new Error("two Content-Length lines");
    if (length !== undefined) return { ...none, content: await this.bytes(Number(length)) };
    const { bytes, how } = await this.untilEnd();
    if (how === "reset") throw new BrokenResponse("reset in content that the close delimits");
    return { ...none, content: bytes };
  }

  async #readChunked(): Promise<{ content: Buffer; trailers: string }> {
    const chunks: Buffer[] = [];
    for (;;) {
      const line = await this.#readLine();
      if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`);
      const size = Number.parseInt(line, 16);
      if (size === 0) break;
      chunks.push(await this.bytes(size));
      if ((await this.#readLine()) !== "") throw new Error("a chunk without its end");
    }
    let trailers = "";
    for (let line = await this.#readLine(); line !== ""; line = await this.#readLine()) {
      trailers += `${line}\r\n`;
    }
    return { content: Buffer.concat(chunks), trailers };
  }

  async #readLine(): Promise<string> {
    this.#join();
    let end = this.#buffer.indexOf("\r\n");
    while (end < 0) {
      await this.#more("a line");
      this.#join();
      end = this.#buffer.indexOf("\r\n");
    }
    return this.#take(end + 2)
      .toString("latin1")
      .slice(0, -2);
  }

  get #available(): number {
    return this.#pieces.reduce((sum, piece) => sum + piece.length, this.#buffer.length);
  }

  /** Once for all pieces: joining each to a long content would copy it again and again. */
  #join(): void {
    if (this.#pieces.length === 0) return;
    this.#buffer = Buffer.concat([this.#buffer, ...this.#pieces]);
    this.#pieces = [];
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async #more(what: string): Promise<void> {
    if (this.#over !== null) {
      throw new BrokenResponse(`${this.#over} instead of ${what}: ${this.#available} bytes`);
    }
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await within(woken, DEADLINE_MS, what);
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** One request on a connection of its own, which is then closed. */
export async function ask(port: number, request: string | Uint8Array): Promise<RawResponse> {
  const client = await RawClient.connect(port);
  try {
    void client.send(request);
    const start = Buffer.from(request.slice(0, 5) as string).toString("latin1");
    return await client.response(start.split(" ", 1)[0] ?? "GET");
  } finally {
    await client.close();
  }
}

/** A GET with `Host: a.test`; `lines` are whole field lines without their ends. */
export function get(port: number, path: string, ...lines: string[]): Promise<RawResponse> {
  return ask(port, requestText("GET", path, lines));
}

/** The text of a request without content. */
export function requestText(method: string, path: string, lines: readonly string[] = []): string {
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ["Host: a.test"];
  return `${[`${method} ${path} HTTP/1.1`, ...host, ...lines].join("\r\n")}\r\n\r\n`;
}

function readLines(head: string): string[] {
  const lines: string[] = [];
  for (const line of head.slice(0, -4).split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new Error(`not a field line: ${JSON.stringify(line)}`);
    lines.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return lines;
}

function valuesOf(lines: readonly string[], nameLower: string): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < lines.length; index += 2) {
    if (lines[index]?.toLowerCase() === nameLower) values.push(lines[index + 1] ?? "");
  }
  return values;
}

function makeResponse(
  head: string,
  status: number,
  lines: readonly string[],
  rest: { content: Buffer; trailers: string; interim: readonly string[] },
): RawResponse {
  return {
    ...rest,
    status,
    head,
    reason: /^HTTP\/1\.1 \d{3} ([^\r]*)/.exec(head)?.[1] ?? "",
    names: lines.filter((_text, index) => index % 2 === 0),
    text: rest.content.toString("latin1"),
    fields: (nameLower) => valuesOf(lines, nameLower),
    field: (nameLower) => {
      const values = valuesOf(lines, nameLower);
      return values.length === 0 ? undefined : values.join(", ");
    },
  };
}
