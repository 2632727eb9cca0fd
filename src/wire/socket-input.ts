// Hot. Owns how bytes come from an accepted socket: into one buffer that all connections of a
// thread share, which the next read overwrites. Node offers that (`onread`) for sockets that it
// connects, not for those that it accepts: a read there is a buffer of its own and a stream's push,
// a quarter of the user time of a hit. ADR 10 says how an accepted socket gets what `onread` sets
// up; where Node does not let it, bytes come as "data" events.

import { Socket } from "node:net";

/** One read takes this much: what libuv asks for too. */
export const READ_BYTES_MAX = 65_536;

export interface InputReceiver {
  /** Bytes arrived; they are valid during the call. */
  receive(chunk: Buffer): void;
}

/** Starts to read an accepted, paused socket; nothing is received before this returns. */
export function startReading(socket: Socket, buffer: Buffer, receiver: InputReceiver): void {
  if (!readsInto(socket, buffer, receiver)) {
    socket.on("data", (chunk: Buffer) => receiver.receive(chunk));
  }
  socket.resume();
}

function readsInto(socket: Socket, buffer: Buffer, receiver: InputReceiver): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: Partial<Handle> | null };
  if (SLOTS === null || typeof handle?.useUserBuffer !== "function") return false;
  handle.useUserBuffer(buffer);
  const slots = socket as unknown as Record<symbol, unknown>;
  slots[SLOTS.buffer] = buffer;
  slots[SLOTS.callback] = (length: number) => {
    receiver.receive(buffer.subarray(0, length));
    return true;
  };
  return true;
}

/** What a socket reads by. */
interface Handle {
  useUserBuffer(buffer: Uint8Array): void;
}

/** Where a socket keeps the buffer and callback of `onread`; null where it has no such places. */
const SLOTS = findSlots();

function findSlots(): { readonly buffer: symbol; readonly callback: symbol } | null {
  const names = Object.getOwnPropertySymbols(new Socket());
  const buffer = names.find((name) => name.description === "kBuffer");
  const callback = names.find((name) => name.description === "kBufferCb");
  return buffer === undefined || callback === undefined ? null : { buffer, callback };
}
