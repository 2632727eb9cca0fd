// A name server for tests, on UDP of a free port: answers A, AAAA and SRV from what a test sets, or
// with a code, or not at all. Speaks as much of RFC 1035 as that takes.
//
//   const dns = await startDnsServer();
//   dns.set("api.test", { A: ["10.0.0.1"], ttl: 5 });   // and AAAA, SRV: [{ … }]
//   dns.set("api.test", "servfail");                     // or "nxdomain", "refused", "silent"
//   dns.asked("api.test", "A")                           // questions so far
//   dns.address   "127.0.0.1:PORT"                       await dns.close()

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";

interface Srv {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly name: string;
}

interface Records {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly SRV?: readonly Srv[];
  readonly ttl?: number;
}

type Answer = Records | "nxdomain" | "servfail" | "refused" | "silent";

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;
type Type = keyof typeof TYPES;
const CODES = { nxdomain: 3, servfail: 2, refused: 5 } as const;

export async function startDnsServer(): Promise<DnsServer> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return new DnsServer(socket);
}

export class DnsServer implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #answers = new Map<string, Answer>();
  readonly #asked = new Map<string, number>();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (question, from) => {
      const answer = this.#answer(question);
      if (answer !== null) socket.send(answer, from.port, from.address);
    });
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  /** What is answered to every question for a name; nothing is set for one that does not exist. */
  set(name: string, answer: Answer): void {
    this.#answers.set(name, answer);
  }

  asked(name: string, type: Type): number {
    return this.#asked.get(`${name} ${type}`) ?? 0;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #answer(question: Buffer): Buffer | null {
    const end = question.indexOf(0, 12) + 1;
    const name = readName(question.subarray(12, end)).toLowerCase();
    const number = question.readUInt16BE(end);
    const type = (Object.keys(TYPES) as Type[]).find((known) => TYPES[known] === number);
    if (type === undefined) return message(question, end, 4, []);
    this.#asked.set(`${name} ${type}`, this.asked(name, type) + 1);
    const answer = this.#answers.get(name) ?? "nxdomain";
    if (answer === "silent") return null;
    if (typeof answer === "string") return message(question, end, CODES[answer], []);
    const contents = (answer[type] ?? []).map(contentOf);
    const records = contents.map((content) => record(number, answer.ttl ?? 60, content));
    return message(question, end, 0, records);
  }
}

function readName(labels: Buffer): string {
  const words: string[] = [];
  for (let at = 0; (labels[at] ?? 0) > 0; at += (labels[at] ?? 0) + 1) {
    words.push(labels.toString("latin1", at + 1, at + 1 + (labels[at] ?? 0)));
  }
  return words.join(".");
}

function writeName(name: string): Buffer {
  const labels = name.split(".").map((label) => {
    return Buffer.concat([Buffer.of(label.length), Buffer.from(label, "latin1")]);
  });
  return Buffer.concat([...labels, Buffer.of(0)]);
}

function contentOf(value: string | Srv): Buffer {
  if (typeof value !== "string") {
    const numbers = Buffer.alloc(6);
    numbers.writeUInt16BE(value.priority, 0);
    numbers.writeUInt16BE(value.weight, 2);
    numbers.writeUInt16BE(value.port, 4);
    return Buffer.concat([numbers, writeName(value.name)]);
  }
  if (!isIPv6(value)) return Buffer.from(value.split(".").map(Number));
  const [head = "", tail] = value.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = Array<number>(8 - before.length - after.length).fill(0);
  const bytes = [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 255]);
  return Buffer.from(bytes);
}

function record(type: number, ttl: number, content: Buffer): Buffer {
  const head = Buffer.alloc(12);
  // The name is the question's.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(content.length, 10);
  return Buffer.concat([head, content]);
}

function message(question: Buffer, end: number, code: number, records: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(12);
  question.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, question.subarray(12, end + 4), ...records]);
}
