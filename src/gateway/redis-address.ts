// Owns how a Redis is named in one text: a URL of one server, of a Cluster or of Sentinels, or a
// socket. Says what is wrong with a text that is none without repeating it: it may hold a
// password.

import type { RedisEndpoint, RedisTopology } from "../cache/redis-client.ts";

export interface RedisAddress {
  readonly topology: RedisTopology;
  readonly secure: boolean;
  readonly username: string | null;
  readonly password: string | null;
  readonly database: number;
}

export type RedisReading = { readonly address: RedisAddress } | { readonly problem: string };

/**
 * `redis://[user:password@]host[:port][/database]`, `rediss://` with TLS, `redis-cluster://` with
 * several hosts, `redis-sentinel://…/[database]#master`, `unix:///path`.
 */
const FORM =
  /^(rediss?|rediss?-cluster|rediss?-sentinel):\/\/(?:([^@/]*)@)?([^/?#]+)(\/[^?#]*)?(?:#(.+))?$/;
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

export function readRedisUrl(text: string): RedisReading {
  if (/^unix:\/\/\/./.test(text)) {
    const topology = { kind: "socket", path: text.slice("unix://".length) } as const;
    return {
      address: { topology, secure: false, username: null, password: null, database: 0 },
    };
  }
  const match = FORM.exec(text);
  if (match === null) {
    return {
      problem:
        "expected redis://host:6379, rediss:// (TLS), redis-cluster://host,host, " +
        "redis-sentinel://host,host#master or unix:///path",
    };
  }
  const [, scheme = "", userinfo, hosts = "", path = "/", master] = match;
  const [protocol = "", kind = "single"] = scheme.split("-");
  const database = /^\/(\d{0,5})$/.exec(path)?.[1];
  if (database === undefined) return { problem: "the path of a Redis URL is a database number" };
  const credentials = readUserinfo(userinfo);
  if (credentials === null) return { problem: "percent-encode user and password in a Redis URL" };
  const port = kind === "sentinel" ? SENTINEL_PORT : REDIS_PORT;
  const endpoints = hosts.split(",").map((host) => readEndpoint(host, port));
  if (!endpoints.every((endpoint) => endpoint !== null)) {
    return { problem: "a host of the Redis URL is not a name or address with a port" };
  }
  const topology = topologyOf(kind, endpoints, master);
  if (typeof topology === "string") return { problem: topology };
  if (kind === "cluster" && Number(database) !== 0) {
    return { problem: "a Redis Cluster has no databases but 0" };
  }
  const secure = protocol === "rediss";
  return { address: { topology, secure, ...credentials, database: Number(database) } };
}

/** "host", "host:port" or "[::1]:port"; null for anything else. */
function readEndpoint(text: string, standardPort: number): RedisEndpoint | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text);
  if (match === null) return null;
  const port = match[3] === undefined ? standardPort : Number(match[3]);
  if (port < 1 || port > 65_535) return null;
  return { host: match[1] ?? match[2] ?? "", port };
}

/** A sentence where the parts do not go together. */
function topologyOf(
  kind: string,
  endpoints: readonly RedisEndpoint[],
  master: string | undefined,
): RedisTopology | string {
  const [endpoint] = endpoints;
  if (kind === "sentinel") {
    if (master === undefined) return "redis-sentinel:// names its master at the end: #mymaster";
    return { kind, sentinels: endpoints, master };
  }
  if (master !== undefined) return "only redis-sentinel:// names a master";
  if (kind === "cluster") return { kind, nodes: endpoints };
  if (endpoint === undefined || endpoints.length > 1) {
    return "several hosts are redis-cluster:// or redis-sentinel://";
  }
  return { kind: "single", endpoint };
}

function readUserinfo(
  userinfo: string | undefined,
): { readonly username: string | null; readonly password: string | null } | null {
  if (userinfo === undefined) return { username: null, password: null };
  const colon = userinfo.indexOf(":");
  try {
    const username = decodeURIComponent(colon < 0 ? userinfo : userinfo.slice(0, colon));
    const password = colon < 0 ? null : decodeURIComponent(userinfo.slice(colon + 1));
    return { username: username === "" ? null : username, password };
  } catch {
    return null;
  }
}
