// Owns the one table of failures: reason code, status, RFC 9209 error type, who is at fault,
// whether a retry may help. Status line, Proxy-Status, log, metric label and retry decision all
// read it. Knows no sockets and no clusters.

import type { FieldLines } from "./message.ts";

/** Who caused a failure. */
export type ErrorSource = "downstream" | "upstream" | "internal";

interface Failure {
  /** Status of the response that the gateway makes up; 0 where nobody is left to answer. */
  readonly status: number;
  /** Proxy error type (RFC 9209 section 2.3). */
  readonly proxyError: string;
  readonly source: ErrorSource;
  /**
   * Another attempt may succeed, provided that the request is idempotent or no byte of it was sent.
   */
  readonly retryable: boolean;
}

export const FAILURES = {
  no_route: {
    status: 404,
    proxyError: "destination_not_found",
    source: "internal",
    retryable: false,
  },
  no_healthy_target: {
    status: 503,
    proxyError: "destination_unavailable",
    source: "upstream",
    retryable: false,
  },
  connect_refused: {
    status: 502,
    proxyError: "connection_refused",
    source: "upstream",
    retryable: true,
  },
  connect_timeout: {
    status: 504,
    proxyError: "connection_timeout",
    source: "upstream",
    retryable: true,
  },
  tls_error: {
    status: 502,
    proxyError: "tls_protocol_error",
    source: "upstream",
    retryable: false,
  },
  upstream_reset: {
    status: 502,
    proxyError: "connection_terminated",
    source: "upstream",
    retryable: true,
  },
  upstream_invalid: {
    status: 502,
    proxyError: "http_protocol_error",
    source: "upstream",
    retryable: false,
  },
  headers_timeout: {
    status: 504,
    proxyError: "http_response_timeout",
    source: "upstream",
    retryable: true,
  },
  body_stalled: {
    status: 504,
    proxyError: "connection_read_timeout",
    source: "upstream",
    retryable: false,
  },
  body_truncated: {
    status: 502,
    proxyError: "http_response_incomplete",
    source: "upstream",
    retryable: false,
  },
  client_closed: {
    status: 0,
    proxyError: "http_request_error",
    source: "downstream",
    retryable: false,
  },
  request_stalled: {
    status: 408,
    proxyError: "http_request_error",
    source: "downstream",
    retryable: false,
  },
  rate_limited: {
    status: 429,
    proxyError: "http_request_denied",
    source: "downstream",
    retryable: false,
  },
  breaker_open: {
    status: 503,
    proxyError: "destination_unavailable",
    source: "upstream",
    retryable: false,
  },
  queue_full: {
    status: 503,
    proxyError: "connection_limit_reached",
    source: "upstream",
    retryable: false,
  },
  auth_failed: {
    status: 401,
    proxyError: "http_request_denied",
    source: "downstream",
    retryable: false,
  },
  invalid_request: {
    status: 400,
    proxyError: "http_request_error",
    source: "downstream",
    retryable: false,
  },
  draining: {
    status: 503,
    proxyError: "destination_unavailable",
    source: "internal",
    retryable: false,
  },
  loop_detected: {
    status: 508,
    proxyError: "proxy_loop_detected",
    source: "internal",
    retryable: false,
  },
  internal_error: {
    status: 500,
    proxyError: "proxy_internal_error",
    source: "internal",
    retryable: false,
  },
} as const satisfies Record<string, Failure>;

/** The code that log, Proxy-Status and metrics give for a failed request. */
export type ReasonCode = keyof typeof FAILURES;

/** A failed exchange. `detail` is for humans and never holds a field value, secret or content. */
export class GatewayError extends Error {
  readonly code: ReasonCode;
  readonly status: number;
  readonly detail: string;
  /** No byte of the request had been written to the origin when it failed. */
  readonly beforeSend: boolean;
  /** Field lines that the status asks for: Allow, Retry-After, WWW-Authenticate. */
  readonly fields: FieldLines;
  /** Attempts at origin servers that led to it. */
  tries = 1;

  constructor(
    code: ReasonCode,
    detail: string,
    options: {
      status?: number;
      beforeSend?: boolean;
      fields?: FieldLines;
      cause?: unknown;
    } = {},
  ) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GatewayError";
    this.code = code;
    this.status = options.status ?? FAILURES[code].status;
    this.detail = detail;
    this.beforeSend = options.beforeSend ?? false;
    this.fields = options.fields ?? [];
  }

  get retryable(): boolean {
    return FAILURES[this.code].retryable;
  }
}
