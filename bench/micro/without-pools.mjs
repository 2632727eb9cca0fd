// Loaded before the gateway (`node --import`): the same gateway as it would be without pools. Each
// read has a buffer of its own and comes through Node's stream, each request a copy of its bytes
// and a record, each write a buffer of its own. For bench/micro/hit-garbage.ts only.

import { registerHooks } from "node:module";
import { Socket } from "node:net";

const RECORD_WORDS = 64;
/** Requests whose memory is still held, as on so many connections. */
const live = new Array(64);
let next = 0;

globalThis.withoutPools = (socket, receiver) => {
  socket.on("data", (chunk) => {
    live[next++ % live.length] = {
      bytes: Buffer.from(chunk),
      record: new Uint32Array(RECORD_WORDS),
    };
    receiver.receive(chunk);
  });
  socket.resume();
};

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith("/src/wire/socket-input.js")) return nextLoad(url, context);
    const source =
      "export const READ_BYTES_MAX = 65536;" +
      "export const startReading = (socket, _, receiver) => withoutPools(socket, receiver);";
    return { format: "module", source, shortCircuit: true };
  },
});

const { write } = Socket.prototype;
Socket.prototype.write = function writeCopy(chunk, ...rest) {
  return write.call(this, typeof chunk === "string" ? chunk : Buffer.from(chunk), ...rest);
};
