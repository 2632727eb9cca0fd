// An origin in a process of its own for the measurements of pools and streaming: HTTP/1.1 or HTTP/2,
// in cleartext or over TLS. GET /N answers N bytes, POST counts what it gets and answers the count.
// Sends its port to its parent.

import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createSecureServer,
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { SERVER_CERTIFICATE, SERVER_KEY } from "../../test/support/certificates.ts";

const CHUNK = Buffer.alloc(65_536, "x");
const tls = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };

function answer(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  if (request.method === "POST") {
    let count = 0;
    request.on("data", (chunk: Buffer) => {
      count += chunk.length;
    });
    request.on("end", () => response.end(String(count)));
    return;
  }
  let left = Number((request.url ?? "/0").slice(1));
  const stream = response as ServerResponse;
  const send = (): void => {
    while (left > 0) {
      const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= chunk.length;
      if (!stream.write(chunk)) {
        stream.once("drain", send);
        return;
      }
    }
    stream.end();
  };
  send();
}

const servers = {
  h1: () => createHttp(answer),
  tls: () => createHttps(tls, answer),
  h2c: () => createHttp2(answer),
  h2: () => createSecureServer(tls, answer),
};

const kind = process.argv[2] as keyof typeof servers;
const server = servers[kind]();
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
