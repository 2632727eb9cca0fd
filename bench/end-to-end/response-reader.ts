// Owns the load generators' reading of HTTP/1.1 responses: where one ends (RFC 9112 section 6), and
// its status. Trusts the server, keeps no content, and takes one response at a time.

const headEnd = Buffer.from("\r\n\r\n");
const headBytesMax = 65_536;

export class ResponseReader {
  status = 0;
  contentBytes = 0;
  #head: Buffer | null = null;
  #remaining = -1;
  #chunked: ChunkedReader | null = null;

  reset(): void {
    this.status = 0;
    this.contentBytes = 0;
    this.#head = null;
    this.#remaining = -1;
    this.#chunked = null;
  }

  /** True when the response is complete. Throws on a response whose end it could not know. */
  push(chunk: Buffer): boolean {
    if (this.#chunked !== null) return this.#pushChunked(this.#chunked, chunk);
    if (this.#remaining >= 0) return this.#pushContent(chunk);
    const bytes = this.#head === null ? chunk : Buffer.concat([this.#head, chunk]);
    const end = bytes.indexOf(headEnd);
    if (end < 0) {
      if (bytes.length > headBytesMax) throw new Error("the response head has no end");
      this.#head = bytes;
      return false;
    }
    this.#head = null;
    this.#readHead(bytes.toString("latin1", 0, end + 2));
    const content = bytes.subarray(end + 4);
    return this.#chunked === null
      ? this.#pushContent(content)
      : this.#pushChunked(this.#chunked, content);
  }

  #readHead(head: string): void {
    this.status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1];
    if (length !== undefined) this.#remaining = Number(length);
    else if (/\r\ntransfer-encoding:[ \t]*chunked/i.test(head)) this.#chunked = new ChunkedReader();
    else if (this.status === 204 || this.status === 304) this.#remaining = 0;
    else throw new Error("the response has neither Content-Length nor chunked content");
  }

  #pushContent(content: Buffer): boolean {
    this.contentBytes += content.length;
    this.#remaining -= content.length;
    if (this.#remaining < 0) throw new Error("the server sent more than Content-Length");
    return this.#remaining === 0;
  }

  #pushChunked(chunked: ChunkedReader, content: Buffer): boolean {
    const done = chunked.push(content);
    this.contentBytes = chunked.contentBytes;
    return done;
  }
}

/**
 * Counts chunked content (RFC 9112 section 7.1) a line or a run of bytes at a time; trailers are
 * skipped.
 */
class ChunkedReader {
  contentBytes = 0;
  #line = "";
  #remaining = 0;
  #state: "size" | "data" | "trailers" = "size";

  push(bytes: Buffer): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === "data") {
        const taken = Math.min(this.#remaining, bytes.length - at);
        at += taken;
        this.#remaining -= taken;
        // The two bytes of the chunk's closing CRLF are counted in `remaining`.
        if (this.#remaining === 0) this.#state = "size";
        continue;
      }
      const end = bytes.indexOf(10, at);
      this.#line += bytes.toString("latin1", at, end < 0 ? bytes.length : end);
      if (end < 0) return false;
      at = end + 1;
      const line = this.#line.trimEnd();
      this.#line = "";
      if (this.#state === "trailers") {
        if (line === "") return true;
      } else {
        this.#beginChunk(Number.parseInt(line, 16));
      }
    }
    return false;
  }

  #beginChunk(size: number): void {
    if (!Number.isSafeInteger(size)) throw new Error("the chunk size is not a number");
    this.contentBytes += size;
    this.#remaining = size + 2;
    this.#state = size === 0 ? "trailers" : "data";
  }
}
