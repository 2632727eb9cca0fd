// Owns the list of URLs that people write: one a line, blank lines and comments between them. Says
// which line is wrong.

import type { WarmTarget } from "./work-list.ts";

/** Longer than any request-target that the gateway takes. */
const LINE_CHARACTERS_MAX = 16_384;

/** Lines without their ends; a longer one than any URL comes as its beginning. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of chunks) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split("\n");
    pending = (lines.pop() ?? "").slice(0, LINE_CHARACTERS_MAX);
    yield* lines;
  }
  pending += decoder.decode();
  if (pending !== "") yield pending;
}

export type LineReading = WarmTarget | { readonly problem: string } | null;

/**
 * A target, what is wrong, or null for a line that names none. `host` is that of paths. A URL is
 * read as browsers read it, because it is for what they will ask.
 */
export function readLine(line: string, host: string): LineReading {
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return null;
  return readTarget(text.startsWith("/") ? `http://${host}${text}` : text);
}

export function readTarget(text: string): WarmTarget | { readonly problem: string } {
  const isUrl = /^https?:\/\//i.test(text) && text.length <= LINE_CHARACTERS_MAX;
  const url = isUrl ? URL.parse(text) : null;
  if (url === null) return { problem: `"${shown(text)}" is neither a URL of http nor a path` };
  if (url.username !== "" || url.password !== "") {
    return { problem: "a URL with a user name: give --header 'Authorization: …' instead" };
  }
  return { authority: url.host, path: `${url.pathname}${url.search}` };
}

/** Control characters would reach the terminal. */
function shown(text: string): string {
  return text.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, "?");
}
