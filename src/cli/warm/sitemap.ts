// Owns sitemaps and indexes of them (sitemaps.org protocol 0.9), plain or gzip: from bytes to the
// locations that they name. A stranger may have written them, so bytes are bounded, a document type
// is refused, and no entity but XML's own five is known.

import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { SaxesParser } from "saxes";

/** 50 MiB uncompressed, as the protocol has it. */
const SITEMAP_BYTES_MAX = 50 * 1024 * 1024;
const LOCATION_CHARACTERS_MAX = 8192;

export interface SitemapLocation {
  /** A page, or another sitemap to read. */
  readonly kind: "page" | "sitemap";
  readonly location: string;
}

/** What is wrong with a sitemap, for whoever wrote it. */
export class SitemapError extends Error {
  override readonly name = "SitemapError";
}

/** Yields as it reads. Throws a SitemapError, with line and column where XML is wrong. */
export async function* readSitemap(
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<SitemapLocation> {
  const parser = new SitemapParser();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let bytes = 0;
  for await (const chunk of decompressed(content)) {
    bytes += chunk.length;
    if (bytes > SITEMAP_BYTES_MAX) {
      throw new SitemapError(`it is larger than ${SITEMAP_BYTES_MAX / 1024 / 1024} MiB`);
    }
    parser.write(textOf(decoder, chunk));
    yield* parser.take();
  }
  parser.close();
  yield* parser.take();
}

class SitemapParser {
  readonly #xml = new SaxesParser({ xmlns: true });
  /** Local names of the elements that are open. */
  readonly #open: string[] = [];
  #text = "";
  #found: SitemapLocation[] = [];

  constructor() {
    this.#xml.on("error", ({ message }) => {
      throw new SitemapError(message);
    });
    this.#xml.on("doctype", () => {
      throw new SitemapError("a document type declaration is not allowed");
    });
    this.#xml.on("opentag", ({ local }) => this.#opened(local));
    this.#xml.on("text", (text) => this.#add(text));
    this.#xml.on("cdata", (text) => this.#add(text));
    this.#xml.on("closetag", () => this.#closed());
  }

  write(text: string): void {
    this.#xml.write(text);
  }

  close(): void {
    this.#xml.close();
  }

  take(): SitemapLocation[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  #opened(local: string): void {
    if (this.#open.length === 0 && KINDS[local] === undefined) {
      throw new SitemapError(`it begins with <${local}>, not with <urlset> or <sitemapindex>`);
    }
    this.#open.push(local);
    this.#text = "";
  }

  /** What <loc> of an extension says, such as <image:loc>, lies deeper. */
  get #isLocation(): boolean {
    return this.#open.length === 3 && this.#open[2] === "loc";
  }

  #add(text: string): void {
    if (!this.#isLocation) return;
    this.#text += text;
    if (this.#text.length > LOCATION_CHARACTERS_MAX) {
      throw new SitemapError(`a <loc> is longer than ${LOCATION_CHARACTERS_MAX} characters`);
    }
  }

  #closed(): void {
    const [root = "", entry = ""] = this.#open;
    const kind = KINDS[root]?.[entry];
    const location = this.#text.trim();
    if (this.#isLocation && kind !== undefined && location !== "") {
      this.#found.push({ kind, location });
    }
    this.#open.pop();
    this.#text = "";
  }
}

const KINDS: Readonly<Record<string, Readonly<Record<string, SitemapLocation["kind"]>>>> = {
  urlset: { url: "page" },
  sitemapindex: { sitemap: "sitemap" },
};

function textOf(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    throw new SitemapError("it is not UTF-8");
  }
}

/** gzip is known by its first bytes, whatever the file is called. */
async function* decompressed(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = content[Symbol.asyncIterator]();
  let start = new Uint8Array(0);
  while (start.length < 2) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    start = Buffer.concat([start, value]);
  }
  const all = startingWith(start, chunks);
  if (start[0] !== 0x1f || start[1] !== 0x8b) {
    yield* all;
    return;
  }
  const gunzip = createGunzip();
  const source = Readable.from(all);
  source.on("error", (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    if (!isZlibError(error)) throw error;
    throw new SitemapError("it begins as gzip, and is damaged");
  } finally {
    source.destroy();
  }
}

async function* startingWith(
  start: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield start;
  yield* { [Symbol.asyncIterator]: () => rest };
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}
