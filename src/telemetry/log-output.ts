// Owns the file or pipe that batches of log lines go to. A write never blocks the event loop and
// never holds a thread of the pool: what a slow reader leaves behind is bounded, and a batch past
// the bound is refused. Knows no lines.

import { constants, fstatSync, openSync, statSync } from "node:fs";
import { Socket } from "node:net";
import sonicBoom from "sonic-boom";

/** One system call writes this much of a backlog. */
const WRITE_BYTES_MAX = 1024 * 1024;

export interface LogOutput {
  /**
   * Copies `batch`. False: it was refused, because too much is pending or the output has failed.
   */
  write(batch: Buffer): boolean;
  /**
   * Writes what is pending before it returns, as far as that is possible: for the last words of a
   * process.
   */
  flushSync(): void;
  /**
   * Opens the file again after it was renamed. Does nothing where there is no file. Throws the
   * system's error when it cannot be opened, and goes on with the old one.
   */
  reopen(): void;
  /** Writes what is pending and closes, or gives up after `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Opens "stdout" or a path. Throws the system's error when a path cannot be opened for appending.
 */
export function openLogOutput(destination: string, pendingBytesMax: number): LogOutput {
  if (destination === "stdout") return openStandardOutput(pendingBytesMax);
  if (statSync(destination, { throwIfNoEntry: false })?.isFIFO() === true) {
    // For reading too: opening a FIFO for writing alone fails while it has no reader.
    const fd = openSync(destination, constants.O_RDWR | constants.O_NONBLOCK);
    return new PipeOutput(fd, pendingBytesMax, "own");
  }
  return new FileOutput(openFile(destination), pendingBytesMax, destination);
}

function openStandardOutput(pendingBytesMax: number): LogOutput {
  const status = fstatSync(1);
  if (status.isSocket()) return new PipeOutput(1, pendingBytesMax, "shared");
  if (!status.isFIFO()) return new FileOutput(1, pendingBytesMax, null);
  try {
    // A description of its own, so that non-blocking mode is not forced on whoever shares the pipe.
    const fd = openSync("/proc/self/fd/1", constants.O_WRONLY | constants.O_NONBLOCK);
    return new PipeOutput(fd, pendingBytesMax, "own");
  } catch {
    // There is no procfs outside Linux; the shared description does as well.
    return new PipeOutput(1, pendingBytesMax, "shared");
  }
}

/**
 * Pipes and sockets. They are written through the event loop: a write to a full pipe from the
 * thread pool would hold its thread until somebody reads, and with it the exit of the process.
 */
class PipeOutput implements LogOutput {
  readonly #socket: Socket;
  readonly #pendingBytesMax: number;
  readonly #ownership: "own" | "shared";
  #failed = false;

  /** A "shared" descriptor is the process's standard output: it outlives the log. */
  constructor(fd: number, pendingBytesMax: number, ownership: "own" | "shared") {
    this.#pendingBytesMax = pendingBytesMax;
    this.#ownership = ownership;
    this.#socket = new Socket({ fd, readable: false, writable: true });
    // The reader has gone. Nobody can come back to this pipe, so every later batch is refused, and
    // counted as such.
    this.#socket.on("error", () => {
      this.#failed = true;
    });
    this.#socket.unref();
  }

  write(batch: Buffer): boolean {
    const pendingBytes = this.#socket.writableLength + batch.length;
    if (this.#failed || pendingBytes > this.#pendingBytesMax) return false;
    this.#socket.write(Buffer.from(batch));
    return true;
  }

  flushSync(): void {
    // `write` already wrote whatever the pipe had room for, and there is no waiting for a reader.
  }

  reopen(): void {
    // A pipe has no name that rotation could give away.
  }

  async close(deadlineMs: number): Promise<void> {
    const socket = this.#socket;
    if (!socket.destroyed) {
      socket.ref();
      await settled(deadlineMs, (done) => {
        socket.once("close", done);
        if (this.#ownership === "shared") socket.write("", () => done());
        else socket.end(() => socket.destroy());
      });
    }
    // Closing standard output would silence whoever embeds the gateway, unless nobody reads it:
    // what is still pending would keep the process.
    if (this.#ownership === "shared" && socket.writableLength === 0) socket.unref();
    else socket.destroy();
  }
}

type Stream = InstanceType<typeof sonicBoom.SonicBoom>;

/** Regular files, terminals and devices. */
class FileOutput implements LogOutput {
  readonly #pendingBytesMax: number;
  readonly #path: string | null;
  #out: Stream;
  /** Files that were renamed and are still being written to. */
  readonly #leaving = new Set<Stream>();
  #pendingBytes = 0;

  constructor(fd: number, pendingBytesMax: number, path: string | null) {
    this.#pendingBytesMax = pendingBytesMax;
    this.#path = path;
    this.#out = this.#openStream(fd);
  }

  write(batch: Buffer): boolean {
    if (this.#pendingBytes + batch.length > this.#pendingBytesMax) return false;
    this.#pendingBytes += batch.length;
    // In this content mode it takes buffers, which its types do not know.
    this.#out.write(Buffer.from(batch) as unknown as string);
    return true;
  }

  flushSync(): void {
    try {
      this.#out.flushSync();
    } catch {
      // The disk is full, say. The process is about to end, and this was how it would say so.
    }
  }

  reopen(): void {
    if (this.#path === null) return;
    const fd = openFile(this.#path);
    const leaving = this.#out;
    this.#out = this.#openStream(fd);
    this.#leaving.add(leaving);
    leaving.once("close", () => this.#leaving.delete(leaving));
    leaving.end();
  }

  async close(deadlineMs: number): Promise<void> {
    const open = [this.#out, ...this.#leaving];
    await Promise.all(
      open.map((out) =>
        settled(deadlineMs, (done) => {
          out.once("close", done);
          out.once("error", done);
          out.end();
        }),
      ),
    );
    for (const out of open) out.destroy();
  }

  #openStream(fd: number): Stream {
    const out = new sonicBoom.SonicBoom({
      fd,
      sync: false,
      contentMode: "buffer",
      maxWrite: WRITE_BYTES_MAX,
    });
    out.on("write", (written: number) => {
      this.#pendingBytes -= written;
    });
    // A full disk, say. What was not written is tried again with the next batch, so a disk that has
    // room again is used again; until then the counter of dropped lines tells.
    out.on("error", () => {});
    return out;
  }
}

/**
 * Opened at once, not a turn later: a process that dies in between would take its last words with
 * it.
 */
function openFile(path: string): number {
  return openSync(path, "a", 0o640);
}

/** Waits until `start`'s callback is called or the deadline has passed. */
function settled(deadlineMs: number, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(resolve, deadlineMs);
    start(() => {
      clearTimeout(deadline);
      resolve();
    });
  });
}
