// An HTTP/2 origin in literal frames, for what node:http2 would never send: it answers the preface
// with SETTINGS, and each HEADERS frame with the frames that a script makes. It never answers PING.

import { type AddressInfo, createServer, type Socket } from "node:net";

const HEADERS = 1;
const PREFACE_BYTES = 24;
const FRAME_HEAD_BYTES = 9;
export const END_STREAM = 1;
const END_HEADERS = 4;

/** One frame (RFC 9113 section 4.1). */
function frame(type: number, flags: number, id: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

export function data(id: number, text: string, flags = 0): Buffer {
  return frame(0, flags, id, Buffer.from(text));
}

/** `:status: 200` and plain field lines, literal and not indexed (RFC 7541 section 6.2.2). */
export function ok(id: number, fields: readonly [string, string][] = [], flags = 0): Buffer {
  const parts = [Buffer.from([0x88])];
  for (const [name, value] of fields) {
    parts.push(Buffer.from([0, name.length]), Buffer.from(name));
    parts.push(Buffer.from([value.length]), Buffer.from(value));
  }
  return frame(HEADERS, END_HEADERS | flags, id, Buffer.concat(parts));
}

export function reset(id: number, code: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(code);
  return frame(3, 0, id, payload);
}

export function goaway(lastId: number, code: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(lastId);
  payload.writeUInt32BE(code, 4);
  return frame(7, 0, 0, payload);
}

export interface FrameOrigin {
  readonly url: string;
  accepted(): number;
  requests(): number;
  close(): Promise<void>;
}

/** `script`: the frames for the request on stream `id`; `turn` counts requests from 1. */
export async function startFrameOrigin(
  script: (id: number, turn: number) => readonly Buffer[],
): Promise<FrameOrigin> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let requests = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    socket.write(frame(4, 0, 0, Buffer.alloc(0)));
    let buffered: Buffer = Buffer.alloc(0);
    let begun = false;
    socket.on("data", (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      if (!begun && buffered.length >= PREFACE_BYTES) {
        begun = true;
        buffered = buffered.subarray(PREFACE_BYTES);
      }
      while (begun && buffered.length >= FRAME_HEAD_BYTES) {
        const end = FRAME_HEAD_BYTES + buffered.readUIntBE(0, 3);
        if (buffered.length < end) break;
        const type = buffered.readUInt8(3);
        const id = buffered.readUInt32BE(5);
        buffered = buffered.subarray(end);
        if (type !== HEADERS) continue;
        requests += 1;
        for (const bytes of script(id, requests)) socket.write(bytes);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    accepted: () => accepted,
    requests: () => requests,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
