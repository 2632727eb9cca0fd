// Owns finding and installing the programs that the benchmark runs: load generators and peers.
// Never installs without being asked to, and only through the system's package manager and npm.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Availability } from "./peer.ts";

/**
 * Full path of a program, or null. System programs live in sbin, which is not on everybody's PATH.
 */
export function findProgram(name: string): string | null {
  const path = (process.env["PATH"] ?? "").split(delimiter);
  for (const directory of [...path, "/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/sbin"]) {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      continue;
    }
  }
  return null;
}

/** Whether a program exists, and the version that it prints (the first number with a dot in it). */
export function findVersion(name: string, versionArgument: string): Availability {
  const file = findProgram(name);
  if (file === null) return { found: false, reason: `${name} is not installed` };
  const result = spawnSync(file, [versionArgument], { encoding: "utf8" });
  const version = /\d+\.\d+[\w.]*/.exec(`${result.stdout}${result.stderr}`)?.[0];
  return { found: true, version: version ?? "unknown" };
}

const systemPackages = {
  wrk: "wrk",
  nginx: "nginx",
  haproxy: "haproxy",
  varnishd: "varnish",
  caddy: "caddy",
} as const;

/** Installs what is missing with apt; gives a sentence about what it could not do, or null. */
export function installSystemPackages(): string | null {
  const missing = Object.entries(systemPackages)
    .filter(([program]) => findProgram(program) === null)
    .map(([, name]) => name);
  if (missing.length === 0) return null;
  if (findProgram("apt-get") === null) return `no apt-get here to install ${missing.join(", ")}`;
  if (process.getuid?.() !== 0) return `installing ${missing.join(", ")} needs root`;
  // RUNLEVEL=1 keeps Debian's packages from starting the daemons that they install.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const stdio = ["ignore", "ignore", "inherit"] as const;
  spawnSync("apt-get", ["update", "-q"], { env, stdio: [...stdio] });
  const install = ["install", "-y", "-q", "--no-install-recommends", ...missing];
  const result = spawnSync("apt-get", install, { env, stdio: [...stdio] });
  return result.status === 0 ? null : `apt-get could not install ${missing.join(", ")}`;
}

export const nodePeersDirectory = join(import.meta.dirname, "..", "peers");

/**
 * Installs the Node peers into their own folder, once; gives a sentence about what went wrong, or
 * null.
 */
export function installNodePeers(): string | null {
  if (existsSync(join(nodePeersDirectory, "node_modules", "http-proxy-3"))) return null;
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: nodePeersDirectory,
    encoding: "utf8",
  });
  if (result.status === 0) return null;
  return `npm could not install the Node peers: ${(result.stderr ?? "").trim().slice(-300)}`;
}
