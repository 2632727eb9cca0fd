// Owns which reason code an error of undici, node:net, node:tls or node:http becomes. Pure: it
// looks at an error's code and class, at a message only where nothing else tells. What a reason
// code means is in src/http/errors.ts.

import { errors } from "undici";
import { GatewayError } from "../http/errors.ts";

/**
 * A response's header section that is longer is refused (upstream_invalid); twice what we take from
 * clients.
 */
export const RESPONSE_HEAD_BYTES_MAX = 65_536;

/** How far an exchange had got when it failed. */
export type Progress = "connecting" | "sent" | "responding";

/** An error that ended an attempt to connect. `step`: what had not been reached yet. */
export function connectFailure(error: unknown, step: "tcp" | "tls"): GatewayError {
  if (error instanceof GatewayError) return error;
  const code = errorCode(error);
  const options = { beforeSend: true, cause: error };
  if (INTERNAL_CODES.has(code)) return new GatewayError("internal_error", code, options);
  if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT") {
    return new GatewayError("connect_timeout", "no connection in time", options);
  }
  if (step === "tls" || isTlsCode(code)) return new GatewayError("tls_error", code, options);
  return new GatewayError("connect_refused", code, options);
}

/** An error of an exchange whose connection stood. `originEnded`: the origin had sent FIN. */
export function exchangeFailure(
  error: unknown,
  progress: Progress,
  originEnded: boolean,
): GatewayError {
  if (error instanceof GatewayError) return error;
  if (progress === "connecting") return connectFailure(error, "tcp");
  const code = errorCode(error);
  const options = { cause: error };
  // Without the cause: a parser's error carries the bytes that it stumbled over. Stumbling over the
  // end of the stream is a truncation, everything else a violation.
  const isParsers = error instanceof errors.HTTPParserError || code.startsWith("HPE_");
  if (isParsers && !originEnded) return new GatewayError("upstream_invalid", "malformed response");
  if (!isParsers && INTERNAL_CODES.has(code))
    return new GatewayError("internal_error", code, options);
  if (isRefusedHead(error, code)) return new GatewayError("upstream_invalid", code, options);
  if (progress === "responding") {
    return new GatewayError("body_truncated", code, isParsers ? {} : options);
  }
  // What undici calls any malformed head in which it has seen a Content-Length.
  if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
    return new GatewayError("upstream_invalid", "malformed response");
  }
  return isTlsCode(code)
    ? new GatewayError("tls_error", code, options)
    : new GatewayError("upstream_reset", code, options);
}

/**
 * The error code of a system or library error, "UNKNOWN" where it has none; of several addresses
 * tried, the first one's.
 */
function errorCode(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return errorCode(error.errors[0]);
  if (typeof error === "object" && error !== null && "code" in error) {
    if (typeof error.code === "string") return error.code;
  }
  return "UNKNOWN";
}

/** Programmers' mistakes: a request that the library refuses to write, a callback that threw. */
const INTERNAL_CODES: ReadonlySet<string> = new Set([
  "UND_ERR_INVALID_ARG",
  "UND_ERR_NOT_SUPPORTED",
  "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
  "ERR_ASSERTION",
  "ERR_INVALID_ARG_TYPE",
  "ERR_INVALID_CHAR",
  "ERR_UNESCAPED_CHARACTERS",
  "UNKNOWN",
]);

/**
 * A head that undici does not take. It reports an unasked 100 or 101 in words only, as a
 * SocketError.
 */
function isRefusedHead(error: unknown, code: string): boolean {
  if (code === "UND_ERR_HEADERS_OVERFLOW") return true;
  return (
    code === "UND_ERR_SOCKET" &&
    error instanceof Error &&
    (error.message === "bad response" || error.message === "bad upgrade")
  );
}

function isTlsCode(code: string): boolean {
  return (
    code.startsWith("ERR_TLS_") ||
    code.startsWith("ERR_SSL_") ||
    code.startsWith("CERT_") ||
    code.startsWith("UNABLE_TO_") ||
    code === "EPROTO" ||
    code === "DEPTH_ZERO_SELF_SIGNED_CERT" ||
    code === "SELF_SIGNED_CERT_IN_CHAIN" ||
    code === "HOSTNAME_MISMATCH"
  );
}
