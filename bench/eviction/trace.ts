// Owns reading traces: access logs in the common or combined format, or lines of seconds, client,
// path and bytes with tabs between; gzip where the name ends in .gz. Keeps of each request when it
// came and what for, and of each object its size; nothing of who asked.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";

export interface TraceRequest {
  readonly seconds: number;
  readonly path: string;
  /** Of the content; 0 for a 304, which has none. */
  readonly bytes: number;
}

/** A line that is no request which a cache could answer, and why. */
export type Skipped = "method" | "status" | "malformed";

export interface Trace {
  /** In order of time. */
  readonly seconds: Float64Array;
  /** Which object each request is for: an index into `sizes`. */
  readonly objects: Uint32Array;
  /** Bytes of each object: the most that was sent of it. */
  readonly sizes: readonly number[];
  readonly footprintBytes: number;
  readonly skipped: Readonly<Record<Skipped, number>>;
}

export async function readTrace(path: string): Promise<Trace> {
  const file = createReadStream(path);
  const input = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  // Without this an unreadable file would end the process without a word of which it was.
  file.on("error", (error) => input.destroy(error));
  return await collectTrace(createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }));
}

/** Throws where no line is a request: that is some other kind of file. */
export async function collectTrace(
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<Trace> {
  const requests: { seconds: number; object: number }[] = [];
  const objects = new Map<string, number>();
  const sizes: number[] = [];
  const skipped = { method: 0, status: 0, malformed: 0 };
  for await (const line of lines) {
    if (line === "") continue;
    const request = readLine(line);
    if (typeof request === "string") {
      skipped[request]++;
      continue;
    }
    const object = objects.get(request.path) ?? sizes.push(1) - 1;
    objects.set(request.path, object);
    sizes[object] = Math.max(sizes[object] ?? 1, request.bytes);
    requests.push({ seconds: request.seconds, object });
  }
  if (requests.length === 0) {
    throw new Error(
      "no request in it: expected an access log (common or combined), or lines of seconds, " +
        "client, path and bytes with tabs between",
    );
  }
  // Servers write a line when a response ends, so that lines are out of order here and there.
  requests.sort((a, b) => a.seconds - b.seconds);
  return {
    seconds: Float64Array.from(requests, ({ seconds }) => seconds),
    objects: Uint32Array.from(requests, ({ object }) => object),
    sizes,
    footprintBytes: sizes.reduce((sum, size) => sum + size, 0),
    skipped,
  };
}

/** One line of either form. Requests by other methods, and other answers than 200 and 304, go. */
export function readLine(line: string): TraceRequest | Skipped {
  return line.includes("\t") && !line.includes('"') ? readTabs(line) : readAccessLog(line);
}

function readTabs(line: string): TraceRequest | Skipped {
  const [seconds = "", , path = "", bytes = "", more] = line.split("\t");
  const isWhole = /^\d+(?:\.\d+)?$/.test(seconds) && /^\d+$/.test(bytes) && path !== "";
  if (!isWhole || more !== undefined) return "malformed";
  return { seconds: Number(seconds), path, bytes: Number(bytes) };
}

/** client identity user [time] "request" status bytes, and what the combined format adds. */
const ACCESS_LOG =
  /^\S+ \S+ [^[]*\[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "(?:[^"\\]|\\.)*"| \S+)*$/;

function readAccessLog(line: string): TraceRequest | Skipped {
  const [, time = "", request = "", status = "", bytes = ""] = ACCESS_LOG.exec(line) ?? [];
  const seconds = readTime(time);
  const [method, path, version, more] = request.split(" ");
  const isRequest = version?.startsWith("HTTP/") === true && more === undefined;
  if (seconds === undefined || !isRequest || path === undefined || path === "") return "malformed";
  if (method !== "GET") return "method";
  if (status !== "200" && status !== "304") return "status";
  return { seconds, path, bytes: bytes === "-" || status === "304" ? 0 : Number(bytes) };
}

const TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Seconds since 1970 of `10/Oct/2000:13:55:36 -0700`. */
function readTime(text: string): number | undefined {
  const parts = TIME.exec(text);
  if (parts === null) return undefined;
  const month = MONTHS.indexOf(parts[2] ?? "");
  if (month < 0) return undefined;
  const [day, year, hour, minute, second] = [1, 3, 4, 5, 6].map((at) => Number(parts[at]));
  const localMs = Date.UTC(year ?? 0, month, day, hour, minute, second);
  const offsetSeconds = Number(parts[8]) * 3600 + Number(parts[9]) * 60;
  return localMs / 1000 - (parts[7] === "-" ? -offsetSeconds : offsetSeconds);
}
