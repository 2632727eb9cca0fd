// Owns the heads of messages as every HTTP version, the cache and the upstreams see them (RFC 9110
// section 6). No node:*: edgelane/policy shows these types to other runtimes.

/**
 * Field lines in the order received: name, value, name, value, … Names keep their case; values are
 * latin1, without OWS.
 */
export type FieldLines = readonly string[];

/**
 * A request's control data and header section, decoded once, after the hit path has passed on it.
 */
export interface RequestHead {
  readonly method: string;
  readonly scheme: "http" | "https";
  /**
   * Host and port of the target URI: lower case, the scheme's default port left out. "" where
   * HTTP/1.0 sent no Host.
   */
  readonly authority: string;
  /** Absolute path and query as sent, "/" for an empty path; "*" for the asterisk form. */
  readonly path: string;
  /** "1.0", "1.1", "2" or "3", for Via and the log. */
  readonly version: string;
  readonly fields: FieldLines;
}

export interface ResponseHead {
  readonly status: number;
  /** As received; "" means the standard phrase. */
  readonly reason: string;
  readonly fields: FieldLines;
}
