// Owns what the system's errors mean to whoever started the gateway: one sentence, with what to do
// about it.

interface SystemError {
  readonly code: string;
  readonly message: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly address?: string;
  readonly port?: number;
}

/** One sentence for an error of the operating system; null when it is none. */
export function describeSystemError(error: unknown): string | null {
  if (!isSystemError(error)) return null;
  if (error.syscall === "listen" || error.syscall === "bind" || error.port !== undefined) {
    return describeListen(error);
  }
  const file = error.path ?? "a file";
  if (error.code === "ENOENT") return `${file}: there is no such file`;
  if (error.code === "EACCES" || error.code === "EPERM") return `${file}: no permission to open it`;
  if (error.code === "EISDIR") return `${file}: is a directory`;
  return error.message;
}

function describeListen(error: SystemError): string {
  const host = error.address?.includes(":") === true ? `[${error.address}]` : (error.address ?? "");
  const where = `${host}:${error.port ?? ""}`;
  if (error.code === "EADDRINUSE") {
    const choice = "stop what holds it, or choose another with --listen or --admin";
    return `${where} is already in use; ${choice}`;
  }
  if (error.code === "EACCES") {
    return `no permission to listen on ${where}; ports below 1024 need privileges`;
  }
  if (error.code === "EADDRNOTAVAIL") return `${where} is not an address of this machine`;
  if (error.code === "ENOTFOUND") return `${where}: no such host name`;
  return error.message;
}

function isSystemError(error: unknown): error is SystemError & Error {
  return error instanceof Error && "code" in error && /^E[A-Z0-9]+$/.test(String(error.code));
}
