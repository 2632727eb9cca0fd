// Reads the bytes that a server sent as HTTP/1.1 responses (RFC 9112 section 6.3), on its own
// account: it shares no code with the gateway and takes nothing that is not exactly well formed.

export interface WireResponse {
  readonly status: number;
  readonly reason: string;
  /** Field lines in order, names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly framing: "none" | "length" | "chunked" | "close";
  readonly content: Buffer;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** False: the bytes ended before the response did. */
  readonly complete: boolean;
}

/**
 * All responses in `bytes`. `methods`: those of the requests in order, GET where there are no more.
 * `ended`: nothing follows. Interim responses are responses of their own; the last one may be
 * incomplete, but only if it has a head.
 */
export function readResponses(
  bytes: Buffer,
  methods: readonly string[],
  ended: boolean,
): { responses: WireResponse[]; rest: Buffer } {
  const responses: WireResponse[] = [];
  let rest = bytes;
  let turn = 0;
  while (rest.length > 0) {
    const headEnd = rest.indexOf("\r\n\r\n");
    if (headEnd < 0) break;
    const head = readHead(rest.subarray(0, headEnd).toString("latin1"));
    const { response, length } = readMessage(
      head,
      rest.subarray(headEnd + 4),
      methods[turn] ?? "GET",
      ended,
    );
    responses.push(response);
    if (!response.complete) return { responses, rest: rest.subarray(rest.length) };
    if (response.status >= 200) turn++;
    rest = rest.subarray(headEnd + 4 + length);
  }
  return { responses, rest };
}

/** The value of a field; fails where the response has several. */
export function fieldOf(response: WireResponse, name: string): string | undefined {
  const values = response.fields.filter(([other]) => other === name).map(([, value]) => value);
  if (values.length > 1) throw new Error(`${values.length} ${name} fields`);
  return values[0];
}

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly (readonly [string, string])[];
}

function readHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const line = /^HTTP\/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)$/.exec(first);
  if (line === null) throw new Error(`not a status line: ${JSON.stringify(first)}`);
  return { status: Number(line[1]), reason: line[2] ?? "", fields: lines.map(readFieldLine) };
}

function readFieldLine(line: string): readonly [string, string] {
  const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(line);
  if (field === null) throw new Error(`not a field line: ${JSON.stringify(line)}`);
  return [(field[1] ?? "").toLowerCase(), field[2] ?? ""];
}

function readMessage(
  head: Head,
  bytes: Buffer,
  method: string,
  ended: boolean,
): { response: WireResponse; length: number } {
  const bare = { ...head, trailers: [], content: Buffer.alloc(0) };
  const codings = head.fields.filter(([name]) => name === "transfer-encoding");
  const lengths = head.fields.filter(([name]) => name === "content-length");
  if (codings.length + lengths.length > 1) throw new Error("framed in two ways");
  if (method === "HEAD" || head.status < 200 || head.status === 204 || head.status === 304) {
    return { response: { ...bare, framing: "none", complete: true }, length: 0 };
  }
  if (codings[0] !== undefined) {
    if (codings[0][1] !== "chunked") throw new Error(`coding ${codings[0][1]}`);
    return readChunked(head, bytes);
  }
  if (lengths[0] !== undefined) {
    if (!/^(?:0|[1-9][0-9]*)$/.test(lengths[0][1])) throw new Error(`length ${lengths[0][1]}`);
    const length = Number(lengths[0][1]);
    const content = bytes.subarray(0, length);
    const complete = content.length === length;
    return { response: { ...bare, framing: "length", content, complete }, length };
  }
  const response = { ...bare, framing: "close", content: bytes, complete: ended } as const;
  return { response, length: bytes.length };
}

function readChunked(head: Head, bytes: Buffer): { response: WireResponse; length: number } {
  const parts: Buffer[] = [];
  let trailers: (readonly [string, string])[] = [];
  let at = 0;
  let complete = false;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) break;
    const line = bytes.toString("latin1", at, lineEnd);
    if (!/^[0-9a-fA-F]{1,16}$/.test(line)) throw new Error(`chunk size ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) {
      const section = bytes.indexOf("\r\n\r\n", lineEnd);
      if (section < 0) break;
      const text = bytes.toString("latin1", at, section);
      trailers = section === lineEnd ? [] : text.split("\r\n").map(readFieldLine);
      at = section + 4;
      complete = true;
      break;
    }
    parts.push(bytes.subarray(at, at + size));
    if (at + size + 2 > bytes.length) break;
    if (bytes.toString("latin1", at + size, at + size + 2) !== "\r\n") {
      throw new Error("a chunk without its end");
    }
    at += size + 2;
  }
  const content = Buffer.concat(parts);
  const response = { ...head, framing: "chunked", content, trailers, complete } as const;
  return { response, length: at };
}
