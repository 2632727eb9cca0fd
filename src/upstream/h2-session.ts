// Owns one HTTP/2 connection to a target: its handshake up to the origin's SETTINGS, how many
// streams it takes, what GOAWAY and PING say of it (RFC 9113 sections 3.4, 5.1.2, 6.7 and 6.8).
// Knows no requests.

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Socket } from "node:net";
import { GatewayError } from "../http/errors.ts";
import type { Connector } from "./connector.ts";
import { RESPONSE_HEAD_BYTES_MAX } from "./failures.ts";

export interface SessionKeeper {
  /** The origin's SETTINGS are there, or allow more or fewer streams than before. */
  sessionReady(session: H2Session): void;
  /** It will take no more streams; `error`: it never took any. */
  sessionEnded(session: H2Session, error: GatewayError | null): void;
  streamEnded(session: H2Session): void;
}

/** Streams on a session, whatever the origin allows: what nginx and Envoy advise it to allow. */
const STREAMS_MAX = 100;
/**
 * What an origin may send ahead of a slow client on each stream. The connection's window is as
 * large as all of them, so that a slow reader never holds up the others.
 */
const STREAM_WINDOW_BYTES = 256 * 1024;
const FIELD_LINES_MAX = 256;
/** A request after as long a silence takes a PING along … */
const SILENCE_MS = 10_000;
/** Several collections of the young generation. */
const HANDLE_OUTLIVES_MS = 1000;
/** … and without an answer to it for as long the session is dead. */
const PING_TIMEOUT_MS = 5000;

/**
 * Keeps what Node has of a session in native memory until a while after its end. Where the engine
 * collects it together with a stream that was cut off, Node ends the process: "Assertion failed:
 * current_nghttp2_memory_ == 0" (nodejs/node#39951 has one way there, and there are more).
 */
function outliveClose(session: ClientHttp2Session): void {
  const symbol = Object.getOwnPropertySymbols(session).find((one) => one.description === "kHandle");
  if (symbol === undefined) return;
  session.once("connect", () => {
    const handle: unknown = Reflect.get(session, symbol);
    session.once("close", () => {
      setTimeout(() => handle, HANDLE_OUTLIVES_MS).unref();
    });
  });
}

export class H2Session {
  /** Streams now. */
  streams = 0;
  /** Requests in all. */
  served = 0;
  openedMs = 0;
  /** When its last stream ended. */
  idleSinceMs = 0;
  /** Takes no more streams: GOAWAY, old, used up, broken. */
  ending = false;
  /** GOAWAY: streams above it were never looked at. */
  lastStreamId = Number.POSITIVE_INFINITY;
  /** The origin broke the protocol. */
  violated = false;
  goaways = 0;
  readonly #connector: Connector;
  readonly #keeper: SessionKeeper;
  readonly #socket: Socket;
  #session: ClientHttp2Session | null = null;
  #ready = false;
  #streamsMax = 0;
  #heardMs = 0;
  #pingSentMs = 0;

  constructor(connector: Connector, authority: string, keeper: SessionKeeper) {
    this.#connector = connector;
    this.#keeper = keeper;
    this.#socket = connector.open((error) => {
      if (error !== null) this.#end(error);
      else if (!this.ending) this.#speak(authority);
    });
  }

  get connecting(): boolean {
    return !this.#ready && !this.ending;
  }

  /** Nothing can be heard on it any more. */
  get dead(): boolean {
    return this.#socket.destroyed || this.#session?.destroyed === true;
  }

  /** It takes another stream now. */
  get hasRoom(): boolean {
    return this.#ready && !this.ending && this.streams < this.#streamsMax;
  }

  /**
   * Opens a stream. `content`: what follows the fields; of a "trailed" one the stream asks for the
   * trailers by "wantTrailers". Throws where the session has just ended.
   */
  request(fields: string[], content: "none" | "plain" | "trailed"): ClientHttp2Stream {
    const session = this.#session;
    if (session === null) throw new Error("no session");
    const nowMs = this.#connector.nowMs();
    if (nowMs - this.#heardMs >= SILENCE_MS) this.ping(nowMs);
    const stream = session.request(fields, {
      endStream: content === "none",
      waitForTrailers: content === "trailed",
    });
    this.streams += 1;
    this.served += 1;
    stream.once("close", () => {
      this.streams -= 1;
      this.#heardMs = this.#connector.nowMs();
      this.idleSinceMs = this.#heardMs;
      this.#keeper.streamEnded(this);
      if (this.ending && this.streams === 0) this.destroy();
    });
    return stream;
  }

  /** Asks for a sign of life; `checkPing` judges. */
  ping(nowMs: number): void {
    const session = this.#session;
    if (session === null || session.destroyed || this.#pingSentMs > 0) return;
    this.#pingSentMs = nowMs;
    session.ping((error) => {
      this.#pingSentMs = 0;
      if (error === null) this.#heardMs = this.#connector.nowMs();
    });
  }

  /** Ends the session if a PING was not answered in time. */
  checkPing(nowMs: number): void {
    if (this.#pingSentMs > 0 && nowMs - this.#pingSentMs >= PING_TIMEOUT_MS) this.destroy();
  }

  /** Takes no more streams, and closes when the last one has ended. */
  retire(): void {
    this.#end(null);
    if (this.streams === 0) this.destroy();
  }

  /** Ends it at once, its streams with it. */
  destroy(): void {
    this.#end(null);
    this.#session?.destroy();
    this.#socket.destroy();
  }

  #speak(authority: string): void {
    const { counts } = this.#connector;
    const socket = this.#socket;
    counts.connectionsOpened += 1;
    counts.connectionsOpen += 1;
    socket.once("close", () => {
      counts.connectionsOpen -= 1;
    });
    const session = connect(authority, {
      createConnection: () => socket,
      peerMaxConcurrentStreams: STREAMS_MAX,
      maxHeaderListPairs: FIELD_LINES_MAX,
      maxReservedRemoteStreams: 0,
      // Node counts what waits for a slow client into this, in MB.
      maxSessionMemory: 64,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: RESPONSE_HEAD_BYTES_MAX,
      },
    });
    this.#session = session;
    outliveClose(session);
    session.once("connect", () => session.setLocalWindowSize(STREAM_WINDOW_BYTES * STREAMS_MAX));
    session.on("remoteSettings", ({ maxConcurrentStreams = STREAMS_MAX }) => {
      this.#streamsMax = Math.min(STREAMS_MAX, maxConcurrentStreams);
      if (!this.#ready) this.openedMs = this.idleSinceMs = this.#heardMs = this.#connector.nowMs();
      this.#ready = true;
      this.#keeper.sessionReady(this);
    });
    session.on("goaway", (_code, lastStreamId) => {
      this.goaways += 1;
      this.lastStreamId = Math.min(this.lastStreamId, lastStreamId);
      this.retire();
    });
    session.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ERR_HTTP2_ERROR") this.violated = true;
    });
    session.on("close", () => {
      this.#end(this.#ready ? null : this.#handshakeFailure());
    });
  }

  #handshakeFailure(): GatewayError {
    const code = this.violated ? "upstream_invalid" : "upstream_reset";
    return new GatewayError(code, "no HTTP/2 SETTINGS", { beforeSend: true });
  }

  #end(error: GatewayError | null): void {
    if (this.ending) return;
    this.ending = true;
    this.#keeper.sessionEnded(this, error);
  }
}
