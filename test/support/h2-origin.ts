// An HTTP/2 origin for tests, on node:http2: cleartext by prior knowledge, or TLS with ALPN. A
// script gets each stream with its raw field lines.

import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { TlsOptions } from "node:tls";

export type H2Script = (stream: ServerHttp2Stream, fields: string[], turn: number) => void;

export interface H2Origin {
  readonly url: string;
  readonly accepted: () => number;
  /** Field lines of each request, in order. */
  readonly requests: string[][];
  readonly sessions: ServerHttp2Session[];
  readonly sockets: Set<Socket>;
  close(): Promise<void>;
}

export async function startH2Origin(
  script: H2Script,
  options: { tls?: TlsOptions; settings?: Settings } = {},
): Promise<H2Origin> {
  const { tls, settings = {} } = options;
  const server: Http2Server =
    tls === undefined ? createServer({ settings }) : createSecureServer({ ...tls, settings });
  const requests: string[][] = [];
  const sessions: ServerHttp2Session[] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on("connection", (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => {});
  });
  server.on("stream", (stream, _headers, _flags, raw) => {
    stream.on("error", () => {});
    requests.push(raw);
    script(stream as ServerHttp2Stream, raw, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    accepted: () => accepted,
    requests,
    sessions,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
