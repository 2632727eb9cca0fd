// Owns the built-in origin server that `npm start` puts behind the gateway: one page for each thing
// worth trying. Plain node:http on loopback, as most users' origins are. Knows nothing of the
// gateway.

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../clock.ts";
import { demoIndex } from "./demo-page.ts";

export interface DemoOrigin {
  /** "http://127.0.0.1:41234". */
  readonly url: string;
  /** Ends every response and closes. */
  close(): Promise<void>;
}

export interface DemoPage {
  readonly path: string;
  readonly about: string;
}

interface Demo extends DemoPage {
  answer(request: DemoRequest, response: ServerResponse): void;
}

interface DemoRequest {
  readonly message: IncomingMessage;
  readonly url: URL;
  readonly clock: Clock;
  /** Requests that this origin has answered, this one included. */
  readonly count: number;
}

const SLOW_MS_MAX = 60_000;
const LARGE_BYTES_DEFAULT = 100_000_000;
const LARGE_BYTES_MAX = 2 ** 40;
const EVENT_INTERVAL_MS = 1000;
/** One buffer is written again and again: the origin's own memory stays out of measurements. */
const PATTERN = Buffer.alloc(64 * 1024, "edgelane streams this in constant memory\n");

const DEMOS: readonly Demo[] = [
  {
    path: "/cacheable",
    about: "fresh for 60 s: the second request is a hit, and the number stays",
    answer: (request, response) => {
      response.setHeader("cache-control", "public, max-age=60");
      response.setHeader("etag", '"demo-1"');
      sendNumbered(request, response);
    },
  },
  {
    path: "/uncacheable",
    about: "no-store: every request goes to the origin",
    answer: (request, response) => {
      response.setHeader("cache-control", "no-store");
      sendNumbered(request, response);
    },
  },
  {
    path: "/slow?ms=2000",
    about: "takes 2 s, then fresh for 10 s: ask twice at once and the origin is asked once",
    answer: answerSlowly,
  },
  {
    path: "/large?bytes=1073741824",
    about: "1 GiB, streamed in constant memory",
    answer: answerLarge,
  },
  { path: "/events", about: "an event stream, one event a second (curl -N)", answer: answerEvents },
  {
    path: "/error?status=503",
    about: "the origin's own error, passed on",
    answer: (request, response) => {
      response.statusCode = numberIn(request.url, "status", 500, 400, 599);
      response.setHeader("cache-control", "no-store");
      sendText(response, `the demo origin answers ${response.statusCode}\n`);
    },
  },
  {
    path: "/broken",
    about: "the origin dies in mid-body: the response is visibly cut off",
    answer: (_request, response) => {
      response.writeHead(200, { "content-type": "text/plain", "content-length": "1000" });
      response.write("the origin dies after this line\n", () => response.destroy());
    },
  },
  { path: "/echo", about: "the request as the origin sees it", answer: answerEcho },
];

/** What there is to try, in the order of interest. */
export const DEMO_PAGES: readonly DemoPage[] = DEMOS.map(({ path, about }) => ({ path, about }));

/** Starts the origin on a free port of loopback. */
export async function startDemoOrigin(clock: Clock): Promise<DemoOrigin> {
  let count = 0;
  const server = createServer((message, response) => {
    count += 1;
    const url = new URL(message.url ?? "/", "http://origin.invalid");
    answer({ message, url, clock, count }, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => close(server) };
}

function answer(request: DemoRequest, response: ServerResponse): void {
  const { pathname } = request.url;
  if (pathname === "/") {
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
    });
    response.end(demoIndex(request.message.headers.host ?? "localhost:8080", DEMO_PAGES));
    return;
  }
  const demo = DEMOS.find((candidate) => candidate.path.split("?")[0] === pathname);
  if (demo === undefined) {
    response.statusCode = 404;
    sendText(response, "the demo origin has no such page; / lists what there is\n");
    return;
  }
  demo.answer(request, response);
}

function sendNumbered(request: DemoRequest, response: ServerResponse): void {
  const made = new Date(request.clock.nowMs()).toISOString();
  sendText(response, `made by the origin at ${made}, its request number ${request.count}\n`);
}

function sendText(response: ServerResponse, text: string): void {
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

function answerSlowly(request: DemoRequest, response: ServerResponse): void {
  const ms = numberIn(request.url, "ms", 2000, 0, SLOW_MS_MAX);
  const timer = setTimeout(() => {
    response.setHeader("cache-control", "public, max-age=10");
    sendNumbered(request, response);
  }, ms);
  response.once("close", () => clearTimeout(timer));
}

function answerLarge(request: DemoRequest, response: ServerResponse): void {
  let left = numberIn(request.url, "bytes", LARGE_BYTES_DEFAULT, 0, LARGE_BYTES_MAX);
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-length": String(left),
    "cache-control": "no-store",
  });
  const fill = (): void => {
    while (left > 0) {
      const chunk = left >= PATTERN.length ? PATTERN : PATTERN.subarray(0, left);
      left -= chunk.length;
      if (!response.write(chunk)) return;
    }
    response.off("drain", fill);
    response.end();
  };
  if (request.message.method === "HEAD") {
    response.end();
    return;
  }
  response.on("drain", fill);
  fill();
}

function answerEvents(request: DemoRequest, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  if (request.message.method === "HEAD") {
    response.end();
    return;
  }
  let id = 0;
  const send = (): void => {
    id += 1;
    const data = new Date(request.clock.nowMs()).toISOString();
    // A reader that does not keep up misses events; they are not kept for it.
    if (!response.writableNeedDrain) response.write(`id: ${id}\ndata: ${data}\n\n`);
  };
  send();
  const timer = setInterval(send, EVENT_INTERVAL_MS);
  response.once("close", () => clearInterval(timer));
}

function answerEcho(request: DemoRequest, response: ServerResponse): void {
  const { message } = request;
  let contentBytes = 0;
  message.on("data", (chunk: Buffer) => {
    contentBytes += chunk.length;
  });
  message.on("end", () => {
    response.setHeader("cache-control", "no-store");
    const { method, url, httpVersion, rawHeaders } = message;
    const lines = rawHeaders.flatMap((name, index) => {
      return index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1] ?? ""}`] : [];
    });
    const start = `${method ?? ""} ${url ?? ""} HTTP/${httpVersion}`;
    sendText(response, [start, ...lines, "", `${contentBytes} bytes of content`, ""].join("\n"));
  });
}

/** A number from the query, within bounds; the default for anything else. */
function numberIn(url: URL, name: string, standard: number, min: number, max: number): number {
  const text = url.searchParams.get(name) ?? "";
  if (!/^\d{1,15}$/.test(text)) return standard;
  return Math.min(Math.max(Number(text), min), max);
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await closed;
}
