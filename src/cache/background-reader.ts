// Owns the reader of a response that no client waits for. Knows no caches.

import type { RequestHead } from "../http/message.ts";
import type { FillReader } from "./collapse.ts";

/** A reader for whom nobody waits: it keeps a background validation going to its end. */
export function backgroundReader(request: RequestHead): FillReader {
  return {
    request,
    onInterim: () => undefined,
    onHead: () => undefined,
    onAnswer: () => undefined,
    onData: () => true,
    onEnd: () => undefined,
    onError: () => undefined,
    onRelease: () => undefined,
  };
}
