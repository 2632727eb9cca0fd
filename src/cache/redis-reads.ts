// Owns reading one stored response from Redis: the variant that a request selects, its pieces, and
// whether they are what was written. Anything else is a miss with a name. Knows no purges.

import type { RequestHead } from "../http/message.ts";
import type { RedisClient } from "./redis-client.ts";
import { PIECE_BYTES, unpackContent } from "./redis-content.ts";
import { PLAIN, pieceKey, variantField } from "./redis-keys.ts";
import { decodePiece, decodeValue, type RedisValue } from "./redis-value.ts";

/** The connection of one key, and how an answer of it is waited for. */
export interface ReadSession {
  readonly client: RedisClient;
  readonly key: string;
  ask<T>(reply: Promise<T>): Promise<T>;
}

export interface Wanted {
  readonly uri: string;
  readonly request: RequestHead;
  /** What it probably varies by. */
  readonly names: readonly string[];
  readonly contentBytesMax: number;
}

export type Found =
  | { readonly value: RedisValue; readonly content: Uint8Array }
  /** Nothing for this request; or nothing that was written by a gateway, whole. */
  | "miss"
  | "invalid";

/** Pieces of one response that are asked for at once. */
const PIECES_AHEAD = 4;
/** The best guess for what a response varies by, before anything is known of it. */
const GUESS = ["accept-encoding"];

type Hash = readonly (Buffer | null)[];

/** Rejects as the connection does. */
export async function readStored(session: ReadSession, wanted: Wanted): Promise<Found> {
  const { client, key } = session;
  const { names, request, uri } = wanted;
  const guessed = variantField(names.length === 0 ? GUESS : names, request);
  const hash = await session.ask(client.hmgetBuffer(key, "v", PLAIN, guessed));
  const bytes = await variantOf(session, request, hash, guessed);
  if (bytes === null) return "miss";
  const value = decodeValue(bytes);
  if (value === null || value.uri !== uri) return "invalid";
  if (value.contentLength > wanted.contentBytesMax) return "miss";
  const content = await contentOf(session, value);
  return content === null ? "invalid" : { value, content };
}

async function variantOf(
  { client, key, ask }: ReadSession,
  request: RequestHead,
  [vary = null, plain = null, guess = null]: Hash,
  guessed: string,
): Promise<Buffer | null> {
  if (vary === null) return null;
  if (vary.length === 0) return plain;
  const field = variantField(vary.toString("latin1").split(","), request);
  return field === guessed ? guess : ask(client.hgetBuffer(key, field));
}

async function contentOf(
  { client, key, ask }: ReadSession,
  value: RedisValue,
): Promise<Uint8Array | null> {
  const { coding, contentLength, storedLength, pieceCount, version } = value;
  if (pieceCount === 0) return unpackContent({ coding, bytes: value.inline }, contentLength);
  if (pieceCount !== Math.ceil(storedLength / PIECE_BYTES)) return null;
  const bytes = Buffer.allocUnsafeSlow(storedLength);
  let length = 0;
  for (let first = 0; first < pieceCount; first += PIECES_AHEAD) {
    const count = Math.min(PIECES_AHEAD, pieceCount - first);
    const asked = Array.from({ length: count }, (_, index) =>
      ask(client.getBuffer(pieceKey(key, version, first + index))),
    );
    for (const [index, reply] of (await Promise.all(asked)).entries()) {
      const piece = reply === null ? null : decodePiece(reply, version, first + index);
      if (piece === null || length + piece.length > storedLength) return null;
      bytes.set(piece, length);
      length += piece.length;
    }
  }
  return length === storedLength ? unpackContent({ coding, bytes }, contentLength) : null;
}
