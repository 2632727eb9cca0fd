// Owns finding the package that this code is part of, from source or from build/js alike.

import { readFileSync } from "node:fs";

/** The version in the nearest package.json above this file. */
export function packageVersion(): string {
  for (let url = new URL(".", import.meta.url); ; url = new URL("..", url)) {
    const text = readIfThere(new URL("package.json", url));
    if (text !== null) return (JSON.parse(text) as { version: string }).version;
    if (url.pathname === "/") return "unknown";
  }
}

function readIfThere(url: URL): string | null {
  try {
    return readFileSync(url, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
