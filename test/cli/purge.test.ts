// Tests `edgelane purge` against a gateway that runs, and what it says when it cannot do it.

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edgelane } from "../support/command.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";

const TOKEN = "a-token-of-sixteen-characters-and-more";

let origin: Server;
let gateway: TestGateway;
let asked = 0;

beforeAll(async () => {
  origin = createServer((request, response) => {
    asked += 1;
    response.setHeader("Cache-Control", "max-age=600");
    response.setHeader("Surrogate-Key", `all path${request.url?.replaceAll("/", "-")}`);
    response.end("stored");
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  gateway = await startGateway({
    admin: { listen: "127.0.0.1:0", token: TOKEN },
    upstreams: { app: `http://127.0.0.1:${(origin.address() as AddressInfo).port}` },
  });
});

afterAll(async () => {
  await gateway.close();
  origin.closeAllConnections();
  origin.close();
});

function purge(...args: string[]): ReturnType<typeof edgelane> {
  return edgelane(["purge", ...args, "--admin", `127.0.0.1:${gateway.adminPort}`], {
    environment: { EDGELANE_ADMIN_TOKEN: TOKEN },
  });
}

async function load(path: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    headers: { connection: "close" },
  });
  await response.text();
}

describe("purge", () => {
  it("removes one URL, which is then asked of the origin again", async () => {
    await load("/a");
    await load("/a");
    expect(asked).toBe(1);
    const url = `http://127.0.0.1:${gateway.port}/a`;
    expect(await purge(url)).toMatchObject({ code: 0, stdout: "1 stored response removed\n" });
    expect(await purge(url)).toMatchObject({ code: 0, stdout: "0 stored responses removed\n" });
    await load("/a");
    expect(asked).toBe(2);
  });

  it("removes everything, and says so in JSON", async () => {
    await purge("--all");
    await load("/b");
    await load("/c");
    const all = await purge("--all", "--json");
    expect([all.code, JSON.parse(all.stdout)]).toEqual([0, { purged: 2 }]);
  });

  it("removes what carries a tag or starts with a URL", async () => {
    await purge("--all");
    for (const path of ["/a/1", "/a/2", "/b/1"]) await load(path);
    expect(await purge("--tag", "path-b-1")).toMatchObject({
      code: 0,
      stdout: "1 stored response removed\n",
    });
    const prefix = `http://127.0.0.1:${gateway.port}/a/`;
    expect(await purge("--prefix", prefix)).toMatchObject({
      code: 0,
      stdout: "2 stored responses removed\n",
    });
    expect((await purge("--tag", "all")).stdout).toBe("0 stored responses removed\n");
  });

  it("makes stale with --soft: asked of the origin again, kept until then", async () => {
    await purge("--all");
    await load("/soft");
    const before = asked;
    expect(await purge("--tag", "all", "--soft")).toMatchObject({
      code: 0,
      stdout: "1 stored response made stale\n",
    });
    await load("/soft");
    await load("/soft");
    expect(asked).toBe(before + 1);
  });

  it("repeats what the admin API says of a tag that none can be", async () => {
    const { code, stderr } = await purge("--tag", "a b");
    expect([code, stderr]).toEqual([
      2,
      "edgelane: purge: a tag has 1 to 1024 visible ASCII characters, no spaces and no commas\n",
    ]);
  });

  it("says that a token is missing", async () => {
    const { code, stderr } = await edgelane(
      ["purge", "--all", "--admin", `127.0.0.1:${gateway.adminPort}`],
      { environment: { EDGELANE_ADMIN_TOKEN: "" } },
    );
    expect([code, stderr]).toEqual([
      1,
      "edgelane: the admin API wants a token: set EDGELANE_ADMIN_TOKEN\n",
    ]);
  });

  it("ends with 3 where no admin API listens", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const admin = `127.0.0.1:${(closed.address() as AddressInfo).port}`;
    closed.close();
    const { code, stderr } = await edgelane(["purge", "--all", "--admin", admin]);
    expect([code, stderr]).toEqual([
      3,
      `edgelane: no admin API at ${admin}: ECONNREFUSED; --admin says where\n`,
    ]);
  });

  it.each([
    [[], "purge: which URL? Or --tag, --prefix or --all"],
    [["http://h/", "--all"], "purge takes a URL or --all, not both"],
    [["--all", "--tag", "t"], "purge takes --all or --tag, not both"],
    [["--prefix", "h/"], '"h/" is not a URL of http or https'],
    [["ftp://h/"], '"ftp://h/" is not a URL of http or https'],
    [
      ["--all", "--admin", "nowhere"],
      '--admin: "nowhere" is not an address such as 127.0.0.1:9180',
    ],
  ])("ends with 2 for %j", async (args, sentence) => {
    const { code, stderr } = await edgelane(["purge", ...args]);
    expect([code, stderr]).toEqual([2, `edgelane: ${sentence}\n`]);
  });
});
