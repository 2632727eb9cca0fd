// A gateway that the wire can be tested with: it answers as it is told and records all that the
// wire tells it.

import type { Exchange } from "../../src/http/exchange.ts";
import type { Rejection, WireHandler } from "../../src/wire/handler.ts";

export type Answer = (exchange: Exchange) => void;

export class RecordingHandler implements WireHandler {
  readonly exchanges: Exchange[] = [];
  readonly rejections: (Omit<Rejection, "client"> & { readonly port: number })[] = [];
  /** How often each exchange was reported finished. */
  readonly ends = new Map<Exchange, number>();
  /** Ports of the clients of all exchanges, for tests in which many run at once. */
  readonly ports: number[] = [];
  readonly hits: { pending: boolean }[] = [];
  answer: Answer;
  /** What a hit is answered with; null: nothing is stored. */
  stored: Uint8Array | null = null;
  tail: Uint8Array | null = null;
  open = 0;
  refused = 0;
  receivedBytes = 0;
  #ids = 0;

  constructor(answer: Answer) {
    this.answer = answer;
  }

  hit(): Uint8Array | null {
    return this.stored;
  }

  hitWritten(pending: boolean): void {
    this.hits.push({ pending });
  }

  exchange(exchange: Exchange): void {
    this.exchanges.push(exchange);
    this.ports.push(exchange.client.port);
    this.answer(exchange);
  }

  finished(exchange: Exchange): void {
    this.ends.set(exchange, (this.ends.get(exchange) ?? 0) + 1);
  }

  rejected(rejection: Rejection): void {
    this.rejections.push({ ...rejection, port: rejection.client.port });
  }

  idOf(): string {
    return this.newId();
  }

  newId(): string {
    return `id-${++this.#ids}`;
  }

  connections(change: 1 | -1): void {
    this.open += change;
  }

  connectionRefused(): void {
    this.refused++;
  }

  received(bytes: number): void {
    this.receivedBytes += bytes;
  }
}

/** Answers 200 with the target's path and its query, as soon as all content is there. */
export function answerPath(exchange: Exchange): void {
  afterContent(exchange, (content) => {
    respond(exchange, `${exchange.request.method} ${exchange.request.path} ${content.length}`);
  });
}

/** Answers 200 with the content of the request. */
export function echo(exchange: Exchange): void {
  afterContent(exchange, (content) => respond(exchange, content));
}

/** Answers nothing; the test does. */
export function leaveOpen(): void {}

/** Responds 200 with the whole content, its length declared. */
export function respond(exchange: Exchange, content: string | Buffer): void {
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  exchange.respond({ status: 200, reason: "", fields: [] }, bytes.length);
  exchange.write(bytes);
  exchange.end();
}

/** Sends content until the client is behind. */
export function fill(exchange: Exchange): void {
  let takesMore = true;
  while (takesMore) takesMore = exchange.write(Buffer.alloc(65_536));
}

/** Calls back once with all content of the request; never, when it is broken off. */
export function afterContent(exchange: Exchange, use: (content: Buffer) => void): void {
  const { body } = exchange;
  if (body === null) {
    use(Buffer.alloc(0));
    return;
  }
  const parts: Buffer[] = [];
  body.on("data", (part: Buffer) => parts.push(part));
  body.on("end", () => use(Buffer.concat(parts)));
}
