// Owns the response side of one HTTP/1.1 exchange: it frames what the gateway answers (RFC 9112
// sections 6, 7 and 9.6) and ends exactly once. Knows no caches and no clusters; the connection
// that made it reads on when it has ended.

import type { Socket } from "node:net";
import type { GatewayError, ReasonCode } from "../http/errors.ts";
import { acceptsTrailers } from "../http/fields.ts";
import { type ClientAddress, type Exchange, newOutcome } from "../http/exchange.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../http/message.ts";
import { errorResponse } from "./error-response.ts";
import {
  type Framing,
  renderInterimHead,
  renderLastChunk,
  renderResponseHead,
} from "./h1-codec.ts";
import type { RequestContent } from "./request-content.ts";
import { reset } from "./sending.ts";

/**
 * What follows an exchange: the next request, the end of the connection, or nothing that can still
 * be sent.
 */
export type ExchangeFate = "persist" | "close" | "broken";

/** What an exchange asks of its connection. */
export interface ExchangeConnection {
  readonly socket: Socket;
  readonly client: ClientAddress;
  /** Now, as an HTTP-date. */
  date(): string;
  /** Whether the connection can persist behind a response that is sent now. */
  canPersist(): boolean;
  exchangeEnded(exchange: H1Exchange, fate: ExchangeFate): void;
}

/**
 * Chunks up to this size are copied behind the head or chunk size, for one write; larger ones are
 * handed over.
 */
const COPY_BYTES_MAX = 16_384;
/** Leading zeros of a chunk size: with the size itself still far from the 16 digits some take. */
const ZEROS_MAX = 6;

export class H1Exchange implements Exchange {
  readonly request: RequestHead;
  readonly body: RequestContent | null;
  readonly bodyLength: number;
  readonly id: string;
  readonly expectsContinue: boolean;
  readonly startedMs: number;
  readonly outcome = newOutcome();
  responded = false;
  ended = false;
  onAbort: Exchange["onAbort"] = null;
  onDrain: Exchange["onDrain"] = null;
  reader: Exchange["reader"] = null;

  readonly #connection: ExchangeConnection;
  /** What the socket had sent before this exchange. */
  readonly #sentBefore: number;
  #framing: Framing = "none";
  #length = -1;
  #persist = false;
  /** A 100 (Continue) was sent. */
  #continued = false;
  /** Probes sent since the last chunk. */
  #probes = 0;
  /**
   * A rendered head that waits for the first content bytes of this turn, so that both leave in one
   * write.
   */
  #pendingHead = "";

  constructor(
    connection: ExchangeConnection,
    request: RequestHead,
    body: RequestContent | null,
    about: { bodyLength: number; id: string; expectsContinue: boolean; startedMs: number },
  ) {
    this.#connection = connection;
    this.#sentBefore = connection.socket.bytesWritten;
    this.request = request;
    this.body = body;
    this.bodyLength = about.bodyLength;
    this.id = about.id;
    this.expectsContinue = about.expectsContinue;
    this.startedMs = about.startedMs;
  }

  get bodyTrailers(): FieldLines {
    return this.body?.trailers ?? NO_FIELDS;
  }

  get client(): ClientAddress {
    return this.#connection.client;
  }

  get flushed(): boolean {
    return this.#connection.socket.writableLength === 0;
  }

  /** Framing of the response; "none" before the head. */
  get framing(): Framing {
    return this.#framing;
  }

  /** The client holds its content back until it is told to continue. */
  get holdsContent(): boolean {
    return this.expectsContinue && !this.#continued;
  }

  inform(head: ResponseHead): void {
    // RFC 9110 section 15.2: no 1xx to an HTTP/1.0 client. 101 would hand the connection over.
    if (this.ended || this.responded || this.request.version === "1.0" || head.status === 101)
      return;
    if (head.status === 100) this.#continued = true;
    this.#connection.socket.write(renderInterimHead(head), "latin1");
  }

  respond(head: ResponseHead, length: number): void {
    if (this.ended || this.responded) return;
    this.responded = true;
    this.outcome.status = head.status;
    this.#framing = this.#chooseFraming(head.status, length);
    this.#length = this.#framing === "length" ? length : -1;
    this.#persist = this.#framing !== "close" && this.#connection.canPersist();
    this.#pendingHead = renderResponseHead(head, {
      framing: this.#framing,
      length: mayDeclareLength(head.status) ? length : -1,
      connection: this.#connectionOption(),
    });
    process.nextTick(flushHead, this);
  }

  /**
   * RFC 9112 section 6.3: no content for HEAD, 1xx, 204 and 304; chunked only for HTTP/1.1 clients.
   */
  #chooseFraming(status: number, length: number): Framing {
    if (this.request.method === "HEAD" || status === 204 || status === 304 || status < 200) {
      return "none";
    }
    if (length >= 0) return "length";
    return this.request.version === "1.0" ? "close" : "chunked";
  }

  #connectionOption(): string {
    if (!this.#persist) return "close";
    return this.request.version === "1.0" ? "keep-alive" : "";
  }

  write(chunk: Uint8Array, headroom = 0): boolean {
    if (this.ended) return false;
    if (this.#framing === "none" || chunk.length === 0) return true;
    this.outcome.bytes += chunk.length;
    if (this.#length >= 0 && this.outcome.bytes > this.#length) {
      // Bytes past the declared length would be read as the next response: response splitting.
      this.#break("upstream_invalid", "content is longer than its Content-Length");
      return false;
    }
    const head = this.#takeHead();
    if (this.#framing === "chunked") return this.#writeChunk(head, chunk);
    if (head !== "" && head.length <= headroom) {
      return this.#connection.socket.write(withHead(head, chunk));
    }
    return this.#send(head, chunk, "");
  }

  #writeChunk(head: string, chunk: Uint8Array): boolean {
    this.#probes = 0;
    return this.#send(`${head}${chunk.length.toString(16)}\r\n`, chunk, "\r\n");
  }

  /**
   * One write for small parts, a gathered one for large: no copy of a large chunk in JavaScript.
   */
  #send(before: string, chunk: Uint8Array, after: string): boolean {
    const socket = this.#connection.socket;
    if (before === "" && after === "") return socket.write(chunk);
    if (chunk.length <= COPY_BYTES_MAX) {
      const bytes = Buffer.allocUnsafe(before.length + chunk.length + after.length);
      bytes.write(before, 0, "latin1");
      bytes.set(chunk, before.length);
      if (after !== "") bytes.write(after, before.length + chunk.length, "latin1");
      return socket.write(bytes);
    }
    socket.cork();
    if (before !== "") socket.write(before, "latin1");
    let more = socket.write(chunk);
    if (after !== "") more = socket.write(after, "latin1");
    socket.uncork();
    return more;
  }

  end(trailers: FieldLines = NO_FIELDS): void {
    if (this.ended) return;
    if (!this.responded) throw new Error("an exchange was ended before it had a response");
    if (this.#length >= 0 && this.outcome.bytes !== this.#length) {
      this.#break("body_truncated", "content is shorter than its Content-Length");
      return;
    }
    let last = this.#takeHead();
    if (this.#framing === "chunked") {
      last += renderLastChunk(acceptsTrailers(this.request.fields) ? trailers : NO_FIELDS);
    }
    if (last !== "") this.#connection.socket.write(last, "latin1");
    this.#finish(this.#persist && this.#connection.canPersist() ? "persist" : "close");
  }

  fail(error: GatewayError): void {
    if (this.ended) return;
    this.outcome.reason = error.code;
    this.outcome.detail = error.detail;
    if (this.responded) {
      this.#break(error.code, error.detail);
    } else if (error.status === 0) {
      this.#finish("broken");
    } else {
      const { head, content } = errorResponse(error, this.id, this.#connection.date());
      this.respond(head, content.length);
      this.write(content);
      this.end();
    }
  }

  /**
   * Called by the connection when the request turns out to be bad after the exchange was handed
   * over.
   */
  refuse(error: GatewayError): void {
    const abort = this.onAbort;
    this.onAbort = null;
    this.fail(error);
    abort?.call(this);
  }

  /**
   * Sends a byte or two that change nothing, so that the kernel of a client that has gone, instead
   * of only ending its side, answers with a reset. False: nothing can be sent here without changing
   * the response.
   */
  probe(): boolean {
    this.flushPendingHead();
    if (this.request.version === "1.0") return !this.responded;
    if (!this.responded) {
      this.#connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n", "latin1");
    } else if (this.#framing === "chunked") {
      // RFC 9112 section 7.1: a chunk size may have leading zeros; these are the first digits of
      // the next one. Readers bound their number.
      if (this.#probes++ < ZEROS_MAX) this.#connection.socket.write("0", "latin1");
    } else {
      return false;
    }
    return true;
  }

  /** Called by the connection when the client has left. */
  clientLeft(detail: string): void {
    if (this.ended) return;
    if (this.outcome.reason === "") this.outcome.reason = "client_closed";
    if (this.outcome.detail === "") this.outcome.detail = detail;
    const abort = this.onAbort;
    this.#finish("broken");
    abort?.call(this);
  }

  /** A response that cannot be completed is cut so that the client sees it: never a clean end. */
  #break(code: ReasonCode, detail: string): void {
    this.outcome.reason = code;
    this.outcome.detail = detail;
    const abort = this.onAbort;
    // Nothing but the end of the connection delimits close-framed content, so only a reset tells it
    // is cut.
    if (this.#framing === "close") reset(this.#connection.socket);
    this.#finish("broken");
    abort?.call(this);
  }

  #finish(fate: ExchangeFate): void {
    this.ended = true;
    this.onAbort = null;
    this.onDrain = null;
    this.#pendingHead = "";
    this.outcome.sentBytes = this.#connection.socket.bytesWritten - this.#sentBefore;
    this.#connection.exchangeEnded(this, fate);
  }

  #takeHead(): string {
    const head = this.#pendingHead;
    this.#pendingHead = "";
    return head;
  }

  /**
   * Sends a head for which no content came within its turn: the first byte never waits for the
   * second.
   */
  flushPendingHead(): void {
    const head = this.#takeHead();
    if (head !== "" && !this.ended) this.#connection.socket.write(head, "latin1");
  }
}

const NO_FIELDS: FieldLines = [];

/** Head and chunk in one piece, without a copy: there is room for the head before the chunk. */
function withHead(head: string, { buffer, byteOffset, length }: Uint8Array): Buffer {
  const bytes = Buffer.from(buffer, byteOffset - head.length, head.length + length);
  bytes.write(head, "latin1");
  return bytes;
}

function flushHead(exchange: H1Exchange): void {
  exchange.flushPendingHead();
}

/**
 * RFC 9110 section 8.6: no Content-Length in 1xx and 204; in a 304 it would speak of another
 * response.
 */
function mayDeclareLength(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}
