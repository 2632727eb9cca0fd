// Owns what the benchmark needs to know of a gateway under test, ours or another's: what it takes
// part in, whether it is installed, and how to start it. One file each in this folder's peer-*.ts
// implements it.

/** `hits`: answered from a cache. `proxied`: forwarded each time. `bulk`: streams a gibibyte. */
export type Mode = "hits" | "proxied" | "bulk";

export interface Peer {
  readonly name: string;
  readonly modes: readonly Mode[];
  /**
   * Writes an access log line for each request; such a peer is compared in the smallest scenario
   * only.
   */
  readonly accessLog: boolean;
  /**
   * Garbage-collected by V8, so that memory is settled by forcing a collection before it is read.
   */
  readonly runtime: "native" | "node";
  /**
   * A first GET that is answered without the origin's help where there is one; else a proxied path.
   */
  readonly readyPath: string;
  find(): Promise<Availability>;
  launch(context: LaunchContext): Launch;
}

export type Availability =
  | { readonly found: true; readonly version: string }
  | { readonly found: false; readonly reason: string };

export interface LaunchContext {
  /** A fresh directory for its files; removed afterwards. */
  readonly directory: string;
  readonly port: number;
  /** Serves /fresh/ and /pass/. */
  readonly originPort: number;
  /** Serves /bulk/. */
  readonly bulkPort: number;
  /** Extra arguments for Node, where the peer runs on Node. */
  readonly nodeArguments: readonly string[];
}

export interface Launch {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Where standard output goes when that is the access log. */
  readonly stdoutFile?: string;
}
