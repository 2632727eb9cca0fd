// Owns why Redis did not do what it was asked. Knows no connections.

/** The label of the metric. */
export type RedisReason =
  | "timeout"
  | "connection"
  | "tls"
  | "full"
  | "denied"
  | "unavailable"
  /** Another node of the Cluster has the key. */
  | "moved"
  | "reply";

export class RedisFailure extends Error {
  readonly reason: RedisReason;

  constructor(reason: RedisReason) {
    super(`redis: ${reason}`);
    this.reason = reason;
  }
}

/** As the promise; rejects when it takes too long, and then takes no notice of it any more. */
export function deadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new RedisFailure("timeout")), timeoutMs);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new RedisFailure("connection"));
      },
    );
  });
}

export function reasonOf(error: unknown): RedisReason {
  if (error instanceof RedisFailure) return error.reason;
  const text = error instanceof Error ? error.message : "";
  if (/^(?:OOM|MISCONF)\b/.test(text)) return "full";
  if (/^(?:NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)/.test(text)) return "denied";
  if (/^(?:MOVED|ASK) /.test(text)) return "moved";
  if (UNAVAILABLE.test(text)) return "unavailable";
  if (TLS.test(codeOf(error))) return "tls";
  return error instanceof Error && error.name === "ReplyError" ? "reply" : "connection";
}

const UNAVAILABLE = /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|BUSY|TRYAGAIN)\b/;
const TLS = /^(?:ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|EPROTO)/;

/** The system's or TLS's name of an error, such as ECONNREFUSED; "" without one. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return typeof code === "string" ? code : "";
}
