// node docs/examples/log-analyser.ts FILE: counts the requests in a file of raw HTTP/1.1 traffic of
// one connection, as a packet capture holds it: by method and by host, and the content between
// them. Stops at the first byte that a strict server would refuse: nothing behind it can be
// trusted.

import { createReadStream } from "node:fs";
import { Parser } from "../../src/core/parser.ts";

const parser = new Parser();
const requests = parser.requestReader();
const chunks = parser.chunkedReader();
const counts = new Map<string, number>();
let contentBytes = 0;
let contentLeft = 0;
let inChunks = false;
let refused = "";

const [file = ""] = process.argv.slice(2);
for await (const piece of createReadStream(file, { highWaterMark: 4096 })) {
  let rest: Uint8Array = piece;
  while (rest.length > 0 && refused === "") rest = take(rest);
  if (refused !== "") break;
}
for (const [name, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  console.log(`${name}: ${count}`);
console.log(`content bytes: ${contentBytes}`);
if (refused !== "") console.log(`refused: ${refused}`);

/** Takes what belongs to one part of a message; returns the bytes behind it. */
function take(bytes: Uint8Array): Uint8Array {
  if (contentLeft > 0) return takeLength(bytes);
  return inChunks ? takeChunked(bytes) : takeHead(bytes);
}

function takeHead(bytes: Uint8Array): Uint8Array {
  const result = requests.push(bytes);
  if (result.status === "incomplete") return bytes.subarray(bytes.length);
  if (result.status === "error") {
    refused = `${result.error.name} (${result.error.section})`;
    return bytes;
  }
  const { head, rest } = result;
  count(`method ${head.method}`);
  count(`host ${(head.fields.get("host") ?? "none").toLowerCase()}`);
  contentLeft = head.contentLength;
  inChunks = head.framing === "chunked";
  return rest;
}

function takeLength(bytes: Uint8Array): Uint8Array {
  const length = Math.min(contentLeft, bytes.length);
  contentBytes += length;
  contentLeft -= length;
  return bytes.subarray(length);
}

function takeChunked(bytes: Uint8Array): Uint8Array {
  const result = chunks.push(bytes);
  contentBytes += result.content.byteLength;
  if (result.status === "incomplete") return bytes.subarray(bytes.length);
  if (result.status === "error") {
    refused = `${result.error.name} (${result.error.section})`;
    return bytes;
  }
  inChunks = false;
  chunks.reset();
  return result.rest;
}

function count(name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
