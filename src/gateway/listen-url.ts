// Owns the URL that a listening address is shown as.

import type { ListenAddress } from "./gateway-config.ts";

export function urlOf({ host, port }: ListenAddress): string {
  const name = host === null || host === "127.0.0.1" || host === "::1" ? "localhost" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
