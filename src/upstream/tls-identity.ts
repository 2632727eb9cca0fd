// Owns whom we trust as origins and what we show them: authorities, client certificate, versions.
// Files are read again when they have changed, for the connections that are opened from then on.
// Never puts what is in a file into an error.

import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";

export interface TlsConfig {
  /** PEM, or the name of a file with it: the authorities to trust instead of the system's. */
  readonly ca?: Pem;
  /** The client certificate with its chain, and its key. */
  readonly cert?: Pem;
  readonly key?: Pem;
  /** Name for SNI and verification; the target's host name by default. */
  readonly servername?: string;
  /** False accepts any certificate. Default true. */
  readonly verify?: boolean;
  /** Default TLSv1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

export type Pem = string | { readonly file: string };

/** How often files are looked at, at most. */
const CHECK_MS = 1000;

const PARTS = ["ca", "cert", "key"] as const;

export class TlsIdentity {
  readonly verify: boolean;
  readonly servername: string | undefined;
  /** Changed files that could not be used; what was read before them goes on. */
  failures = 0;
  readonly #config: TlsConfig;
  readonly #hasFiles: boolean;
  #context: SecureContext | null = null;
  #stamp = "";
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor(config: TlsConfig) {
    this.#config = config;
    this.verify = config.verify ?? true;
    this.servername = config.servername;
    this.#hasFiles = PARTS.some((part) => typeof config[part] === "object");
  }

  /**
   * What a connection opened now uses; the same object until something changes. Throws only as long
   * as nothing could be read ever.
   */
  context(nowMs: number): SecureContext {
    const context = this.#context;
    if (context !== null && (!this.#hasFiles || nowMs - this.#checkedMs < CHECK_MS)) return context;
    this.#checkedMs = nowMs;
    const stamp = this.#stampOf();
    if (context !== null && stamp === this.#stamp) return context;
    try {
      this.#context = loadContext(this.#config);
    } catch (error) {
      if (context === null) throw error;
      // Half a change: certificate and key are two files. It is tried again when they change on.
      this.failures += 1;
    }
    this.#stamp = stamp;
    return this.#context ?? loadContext(this.#config);
  }

  /** What changes when a file does. */
  #stampOf(): string {
    return PARTS.map((part) => {
      const pem = this.#config[part];
      if (typeof pem !== "object") return "";
      const stat = statSync(pem.file, { throwIfNoEntry: false });
      return stat === undefined ? "none" : `${stat.ino}:${stat.size}:${stat.mtimeMs}`;
    }).join(" ");
  }
}

/** Reads what a config names. Throws the system's or OpenSSL's error. */
export function loadContext(config: TlsConfig): SecureContext {
  const { ca, cert, key } = config;
  return createSecureContext({
    minVersion: config.minVersion ?? "TLSv1.2",
    ...(ca === undefined ? {} : { ca: certificatesIn(read(ca)) }),
    ...(cert === undefined ? {} : { cert: read(cert) }),
    ...(key === undefined ? {} : { key: read(key) }),
  });
}

/** Node trusts nobody, without a word, where an authority's PEM is broken. */
function certificatesIn(text: string): string[] {
  const blocks = text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  if (blocks.length === 0) throw new TypeError("no certificate");
  for (const block of blocks) new X509Certificate(block);
  return blocks;
}

function read(pem: Pem): string {
  return typeof pem === "string" ? pem : readFileSync(pem.file, "utf8");
}
