// Owns the origin that stands in where nginx is missing: prebuilt bytes for each request head, on
// node:net. Also counts the requests it saw. Runs as a process of its own: node canned-origin.ts
// PORT.

import net from "node:net";
import { cacheControl, contentOf, contentSizes } from "./origin-content.ts";

const responses = new Map<string, Buffer>();
for (const [area, value] of Object.entries(cacheControl)) {
  for (const [name, bytes] of Object.entries(contentSizes)) {
    responses.set(`/${area}/${name}`, response("200 OK", contentOf(bytes), value));
  }
}
const notFound = response("404 Not Found", Buffer.from("not found\n"), "no-store");
const headEnd = Buffer.from("\r\n\r\n");
let requests = 0;

const server = net.createServer({ noDelay: true }, (socket) => {
  let rest: Buffer | null = null;
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    const bytes: Buffer = rest === null ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(headEnd); end >= 0; end = bytes.indexOf(headEnd, start)) {
      requests++;
      socket.write(answer(bytes.toString("latin1", bytes.indexOf(32, start) + 1, end)));
      start = end + headEnd.length;
    }
    rest = start === bytes.length ? null : bytes.subarray(start);
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");

function answer(head: string): Buffer {
  const path = head.slice(0, head.indexOf(" "));
  if (path === "/requests") return response("200 OK", Buffer.from(String(requests)), "no-store");
  return responses.get(path) ?? notFound;
}

function response(status: string, content: Buffer, cache: string): Buffer {
  const head =
    `HTTP/1.1 ${status}\r\nDate: ${new Date().toUTCString()}\r\nContent-Type: text/plain\r\n` +
    `Content-Length: ${content.length}\r\nCache-Control: ${cache}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), content]);
}
