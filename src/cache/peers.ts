// Owns sharing fills with the caches of other workers: who asks the origin server is settled in the
// peer table, the response travels from the owner's fill to the asker's over a port, at the asker's
// pace. Each side keeps its own store, plan and readers. docs/adr has the protocol.

import type { MessagePort } from "node:worker_threads";
import { GatewayError, type ReasonCode } from "../http/errors.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../http/message.ts";
import type { Fill, FillReader, FillSource, FillTicket } from "./collapse.ts";
import type { CacheKey } from "./key.ts";
import type { Claim, PeerTable } from "./peer-table.ts";
import type { ExchangeTimes } from "./policy/freshness.ts";

/** Content on its way to a peer that has not taken it yet; then the owner's fill waits with it. */
const WINDOW_BYTES_MAX = 256 * 1024;

type Message =
  // What an asker says.
  | {
      readonly kind: "join";
      readonly id: number;
      readonly uri: string;
      readonly request: RequestHead;
      /** Purges that the asker has heard of. */
      readonly purges: number;
    }
  | { readonly kind: "taken"; readonly id: number; readonly bytes: number }
  | { readonly kind: "leave"; readonly id: number }
  | { readonly kind: "invalidate"; readonly uri: string }
  // What an owner says.
  | PeerAnswer;

type PeerAnswer =
  | {
      readonly kind: "head";
      readonly id: number;
      readonly head: ResponseHead;
      readonly times: ExchangeTimes;
    }
  | { readonly kind: "data"; readonly id: number; readonly chunk: Uint8Array }
  | { readonly kind: "end"; readonly id: number; readonly trailers: FieldLines }
  | { readonly kind: "error"; readonly id: number; readonly code: ReasonCode }
  /** Not for this asker, or not any more: it goes to the origin server itself. */
  | { readonly kind: "decline"; readonly id: number }
  /** Declined, because it turned out to be one that nobody shares: nor will those there wait. */
  | { readonly kind: "unshared"; readonly id: number };

/** What a peer that asks can have at once. */
export interface PeerResponse {
  readonly head: ResponseHead;
  readonly times: ExchangeTimes;
  readonly content: Uint8Array;
}

/** What the cache does for its peers. */
export interface PeerHost {
  /** A reader for a fill that is on its way from the origin server; null without one. */
  joinFill(uri: string, request: RequestHead, reader: FillReader): FillTicket | null;
  /** When the response that the reader follows was asked for and came. */
  timesOf(ticket: FillTicket): ExchangeTimes;
  /** A fresh stored response for the request; null without one. */
  stored(uri: string, request: RequestHead): PeerResponse | null;
  invalidated(uri: string): void;
  /** The last response to requests like this one was not one to share. */
  isUncacheable(uri: string, request: RequestHead): boolean;
  /** Another worker has found that. */
  rememberUncacheable(uri: string, request: RequestHead): void;
}

export class CachePeers {
  /** Purges that this worker has heard of, since the gateway started. */
  purges: number;
  readonly #table: PeerTable;
  readonly #ports = new Map<number, MessagePort>();
  readonly #asked = new Map<number, PeerSource>();
  readonly #serving = new Map<string, PeerReader>();
  #host: PeerHost | null = null;
  #nextId = 0;

  constructor(table: PeerTable, purges: number) {
    this.#table = table;
    this.purges = purges;
  }

  serve(host: PeerHost): void {
    this.#host = host;
  }

  /** Another worker; its successor takes its place. */
  connect(index: number, port: MessagePort): void {
    this.#ports.get(index)?.close();
    this.#ports.set(index, port);
    port.on("message", (message: Message) => this.#hear(index, port, message));
    port.on("close", () => this.#lost(index, port));
    port.unref();
  }

  claim(key: CacheKey): Claim {
    return this.#table.claim(key);
  }

  release(key: CacheKey): void {
    this.#table.release(key);
  }

  /**
   * Has the owner's response pushed into `fill`. Without one, or when the owner ends before its
   * head, `alone` is called once instead.
   */
  ask(owner: number, uri: string, request: RequestHead, fill: Fill, alone: () => void): void {
    const port = this.#ports.get(owner);
    if (port === undefined) {
      alone();
      return;
    }
    const id = this.#nextId++;
    const source = new PeerSource(fill, alone, {
      peer: owner,
      unshared: () => this.#host?.rememberUncacheable(uri, request),
      taken: (bytes) => send(port, { kind: "taken", id, bytes }),
      left: () => {
        this.#asked.delete(id);
        send(port, { kind: "leave", id });
      },
    });
    this.#asked.set(id, source);
    fill.attach(source);
    send(port, { kind: "join", id, uri, request, purges: this.purges });
  }

  /** What a response to an unsafe request made invalid here is invalid everywhere. */
  invalidate(uri: string): void {
    for (const port of this.#ports.values()) send(port, { kind: "invalidate", uri });
  }

  #hear(index: number, port: MessagePort, message: Message): void {
    if (message.kind === "invalidate") {
      this.#host?.invalidated(message.uri);
      return;
    }
    const name = `${index} ${message.id}`;
    if (message.kind === "join") this.#join(name, port, message);
    else if (message.kind === "taken") this.#serving.get(name)?.taken(message.bytes);
    else if (message.kind === "leave") this.#serving.get(name)?.leave();
    else if (this.#asked.get(message.id)?.hear(message) === "over") this.#asked.delete(message.id);
  }

  #join(name: string, port: MessagePort, message: Message & { kind: "join" }): void {
    const { id, uri, request, purges } = message;
    const host = this.#host;
    // A purge that the asker has heard of and this worker has not may mean what is on its way here.
    if (host === null || this.purges < purges) {
      send(port, { kind: "decline", id });
      return;
    }
    const reader = new PeerReader(request, id, uri, host, {
      send: (answer, transfer) => send(port, answer, transfer),
      over: () => this.#serving.delete(name),
    });
    this.#serving.set(name, reader);
    reader.begin();
  }

  #lost(index: number, port: MessagePort): void {
    if (this.#ports.get(index) === port) this.#ports.delete(index);
    for (const [name, reader] of this.#serving) {
      if (name.startsWith(`${index} `)) reader.leave();
    }
    for (const [id, source] of this.#asked) {
      if (source.peer !== index) continue;
      this.#asked.delete(id);
      source.lost();
    }
  }
}

interface PeerOutput {
  send(answer: PeerAnswer, transfer?: readonly ArrayBuffer[]): void;
  /** Nothing more is sent. */
  over(): void;
}

/** The owner's side of one join: a reader of its fill that writes to the port. */
class PeerReader implements FillReader {
  readonly request: RequestHead;
  readonly #id: number;
  readonly #uri: string;
  readonly #host: PeerHost;
  readonly #out: PeerOutput;
  #ticket: FillTicket | null = null;
  #pendingBytes = 0;
  #paused = false;

  constructor(request: RequestHead, id: number, uri: string, host: PeerHost, out: PeerOutput) {
    this.request = request;
    this.#id = id;
    this.#uri = uri;
    this.#host = host;
    this.#out = out;
  }

  begin(): void {
    this.#ticket = this.#host.joinFill(this.#uri, this.request, this);
    if (this.#ticket === null) this.#answerStored();
  }

  taken(bytes: number): void {
    this.#pendingBytes -= bytes;
    if (!this.#paused || this.#pendingBytes > WINDOW_BYTES_MAX) return;
    this.#paused = false;
    this.#ticket?.resume();
  }

  leave(): void {
    this.#out.over();
    this.#ticket?.leave();
  }

  onInterim(): void {
    // For the owner's leader alone.
  }

  onHead(head: ResponseHead): void {
    if (this.#ticket === null) return;
    const times = this.#host.timesOf(this.#ticket);
    this.#out.send({ kind: "head", id: this.#id, head, times });
  }

  onData(chunk: Uint8Array): boolean {
    this.#pendingBytes += chunk.length;
    // A copy, because the fill's bytes go to its other readers and into the store.
    const copy = new Uint8Array(chunk);
    this.#out.send({ kind: "data", id: this.#id, chunk: copy }, [copy.buffer]);
    this.#paused = this.#pendingBytes > WINDOW_BYTES_MAX;
    return !this.#paused;
  }

  onEnd(trailers: FieldLines): void {
    this.#out.send({ kind: "end", id: this.#id, trailers });
    this.#out.over();
  }

  onError(error: GatewayError): void {
    this.#out.send({ kind: "error", id: this.#id, code: error.code });
    this.#out.over();
  }

  /** A stored response was validated: the asker has the same of it. */
  onAnswer(): void {
    this.#answerStored();
  }

  onRelease(error: GatewayError | null): void {
    if (error !== null || !this.#host.isUncacheable(this.#uri, this.request)) {
      this.#answerStored();
      return;
    }
    this.#out.send({ kind: "unshared", id: this.#id });
    this.#out.over();
  }

  #answerStored(): void {
    const found = this.#host.stored(this.#uri, this.request);
    if (found === null) {
      this.#out.send({ kind: "decline", id: this.#id });
    } else {
      const { head, times } = found;
      const chunk = new Uint8Array(found.content);
      this.#out.send({ kind: "head", id: this.#id, head, times });
      this.#out.send({ kind: "data", id: this.#id, chunk }, [chunk.buffer]);
      this.#out.send({ kind: "end", id: this.#id, trailers: [] });
    }
    this.#out.over();
  }
}

/** The asker's side: what stands in for the origin call of its fill. */
class PeerSource implements FillSource {
  readonly peer: number;
  readonly #fill: Fill;
  readonly #alone: () => void;
  readonly #taken: (bytes: number) => void;
  readonly #left: () => void;
  readonly #unshared: () => void;
  #started = false;
  #over = false;
  #paused = false;
  #heldBytes = 0;

  constructor(
    fill: Fill,
    alone: () => void,
    events: { peer: number; taken(bytes: number): void; left(): void; unshared(): void },
  ) {
    this.#fill = fill;
    this.#alone = alone;
    this.peer = events.peer;
    this.#taken = events.taken;
    this.#left = events.left;
    this.#unshared = events.unshared;
  }

  resume(): void {
    if (this.#over || !this.#paused) return;
    this.#paused = false;
    this.#taken(this.#heldBytes);
    this.#heldBytes = 0;
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#left();
  }

  hear(message: PeerAnswer): "more" | "over" {
    if (this.#over) return "over";
    switch (message.kind) {
      case "head":
        this.#started = true;
        this.#fill.onPeerHead(message.head, message.times);
        return "more";
      case "data":
        this.#receive(message.chunk);
        return "more";
      case "end":
        this.#over = true;
        this.#fill.onEnd(message.trailers);
        return "over";
      case "unshared":
        this.#unshared();
        this.#fill.releaseFollowers();
        this.#fail("body_truncated");
        return "over";
      default:
        this.#fail(message.kind === "error" ? message.code : "body_truncated");
        return "over";
    }
  }

  /** The owner has ended. */
  lost(): void {
    if (!this.#over) this.#fail("body_truncated");
  }

  #receive(chunk: Uint8Array): void {
    const goesOn = this.#fill.onData(chunk);
    if (this.#over) return;
    if (goesOn && !this.#paused) this.#taken(chunk.length);
    else {
      this.#heldBytes += chunk.length;
      this.#paused = true;
    }
  }

  #fail(code: ReasonCode): void {
    this.#over = true;
    if (this.#started)
      this.#fill.onError(new GatewayError(code, "another worker's fill broke off"));
    else this.#alone();
  }
}

function send(port: MessagePort, message: Message, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...transfer]);
}
