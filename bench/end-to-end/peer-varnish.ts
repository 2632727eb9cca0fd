// Owns Varnish as a peer for cache hits: memory storage, and threads enough for every connection of
// the largest scenario.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "./peer.ts";
import { findProgram, findVersion } from "./programs.ts";

export const varnish: Peer = {
  name: "varnish",
  modes: ["hits"],
  accessLog: false,
  runtime: "native",
  readyPath: "/fresh/1k",
  find: async () => findVersion("varnishd", "-V"),
  launch: (context) => {
    const configFile = join(context.directory, "default.vcl");
    const backend = `.host = "127.0.0.1"; .port = "${context.originPort}";`;
    writeFileSync(configFile, `vcl 4.1;\nbackend origin { ${backend} }\n`);
    const listen = ["-F", "-a", `127.0.0.1:${context.port}`, "-f", configFile];
    const storage = ["-n", join(context.directory, "work"), "-s", "malloc,256m", "-j", "none"];
    const parameters = ["timeout_idle=300", "thread_pools=1", "thread_pool_min=200"];
    return {
      file: findProgram("varnishd") ?? "varnishd",
      arguments: [...listen, ...storage, ...parameters.flatMap((value) => ["-p", value])],
    };
  },
};
