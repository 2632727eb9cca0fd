// Owns the content of a QUERY while it decides which stored response is the answer: read before
// anybody is asked, up to a bound, and sent on unchanged, as often as need be (RFC 9110 section
// 9.2.2). Knows no caches.

import { Readable } from "node:stream";
import { GatewayError } from "../http/errors.ts";
import type { Exchange } from "../http/exchange.ts";

/**
 * Content of a QUERY that is part of a cache key. Queries that people write have hundreds of bytes,
 * and what programs write a few thousand; a connection buffers as much of any content.
 */
export const QUERY_BYTES_MAX = 65_536;

export interface Content {
  /** All of it; null where it is too long to be in a key, or has more to it than bytes. */
  readonly bytes: Buffer | null;
  /** For one origin request. Without `bytes` there can be only one. */
  open(): Pick<Exchange, "body" | "bodyLength">;
}

/** Calls back once, unless the client breaks its content off: then the exchange has failed. */
export function readQuery(exchange: Exchange, done: (content: Content) => void): void {
  const { body, bodyLength, expectsContinue } = exchange;
  if (body === null) done(known(Buffer.alloc(0), exchange));
  // Who waits for a 100 waits for the origin server's.
  else if (expectsContinue || bodyLength > QUERY_BYTES_MAX) done(passing(exchange));
  else new QueryReader(exchange, body, done).read();
}

class QueryReader {
  readonly #exchange: Exchange;
  readonly #body: Readable;
  readonly #done: (content: Content) => void;
  #pieces: Buffer[] = [];
  #bytes = 0;
  readonly #onReadable = (): void => this.#take();
  readonly #onEnd = (): void => this.#finish();
  readonly #onClose = (): void => this.#break();

  constructor(exchange: Exchange, body: Readable, done: (content: Content) => void) {
    this.#exchange = exchange;
    this.#body = body;
    this.#done = done;
  }

  read(): void {
    // Not as a flow of data: a stream that was paused would stay so for whoever reads it next.
    this.#body.on("readable", this.#onReadable).on("end", this.#onEnd).on("close", this.#onClose);
  }

  #take(): void {
    for (;;) {
      const chunk: Buffer | null = this.#body.read();
      if (chunk === null) return;
      this.#pieces.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes > QUERY_BYTES_MAX) return this.#pass();
    }
  }

  #pass(): void {
    this.#stop();
    if (this.#exchange.ended) return;
    // Back to where the origin call reads it from, in front of what is still to come.
    this.#body.unshift(Buffer.concat(this.#pieces));
    this.#done(passing(this.#exchange));
  }

  #finish(): void {
    this.#stop();
    if (!this.#exchange.ended) this.#done(known(Buffer.concat(this.#pieces), this.#exchange));
  }

  #break(): void {
    this.#stop();
    const cause = this.#body.errored;
    if (this.#exchange.ended) return;
    if (cause instanceof GatewayError) this.#exchange.fail(cause);
    else this.#exchange.fail(new GatewayError("client_closed", "the content broke off", { cause }));
  }

  #stop(): void {
    this.#body.off("readable", this.#onReadable);
    this.#body.off("end", this.#onEnd).off("close", this.#onClose);
  }
}

function passing({ body, bodyLength }: Exchange): Content {
  return { bytes: null, open: () => ({ body, bodyLength }) };
}

/** Trailers may say more of a content than its bytes, and then it is nobody else's. */
function known(bytes: Buffer, { body, bodyTrailers }: Exchange): Content {
  const hasTrailers = bodyTrailers.length > 0;
  return {
    bytes: hasTrailers ? null : bytes,
    open: () => ({
      body: body === null ? null : Readable.from([bytes], { objectMode: false }),
      bodyLength: hasTrailers ? -1 : bytes.length,
    }),
  };
}
