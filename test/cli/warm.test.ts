// `edgelane warm` against a gateway that runs: what it stores, what it says, how fast it asks, and
// that it speaks with nobody but the gateway.

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Command, edgelane, startEdgelane } from "../support/command.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";
import { startWorkers } from "../support/worker-gateway.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let directory = "";
let origin: Server;
let answer: Answer;
/** "host path" of each request. */
let asked: string[];
let gateway: TestGateway | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-warm-"));
  asked = [];
  answer = fresh;
  gateway = undefined;
  origin = createServer((request, response) => {
    asked.push(`${request.headers.host} ${request.url}`);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
});
afterEach(async () => {
  await gateway?.close();
  origin.closeAllConnections();
  origin.close();
  rmSync(directory, { recursive: true });
});

const fresh: Answer = (_request, response) => {
  response.setHeader("Cache-Control", "max-age=600");
  response.end("page");
};

const originUrl = (): string => `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;

async function serve(): Promise<TestGateway> {
  gateway = await startGateway({
    // What the origin says of itself is tested, not what is made of it.
    upstreams: { app: { targets: [originUrl()], retry: { attempts: 1 } } },
  });
  return gateway;
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const at = ({ adminPort }: { readonly adminPort: number }): string[] => [
  "--admin",
  `127.0.0.1:${adminPort}`,
  "--rate",
  "1000/s",
];

interface Summary {
  readonly [count: string]: unknown;
}

/** Runs it with --json: the exit code, the lines by URL, and the summary. */
async function warm(
  ...args: string[]
): Promise<{ code: number | null; lines: Map<string, Summary>; summary: Summary; stderr: string }> {
  const { code, stdout, stderr } = await edgelane(["warm", ...args, "--json"]);
  const parsed = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Summary);
  const { summary } = parsed.at(-1) as { summary: Summary };
  const lines = new Map(parsed.slice(0, -1).map((line) => [String(line["url"]), line]));
  return { code, lines, summary, stderr };
}

const hits = (at: TestGateway): Promise<number> => at.metric("gateway_cache_hits_total");

async function get(url: string, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(url, { headers: { connection: "close", ...headers } });
  await response.arrayBuffer();
  return response;
}

describe("a list", () => {
  test("is stored: clients find it, and a second warm-up has nothing to do", async () => {
    const running = await serve();
    const list = file("list", "# pages\n/1\n\n/2?q=1\n/1\n");
    const first = await warm(list, ...at(running));
    expect([first.code, first.summary]).toMatchObject([0, { urls: 2, stored: 2, fresh: 0 }]);
    expect(asked.map((line) => line.split(" ")[1] ?? "").toSorted()).toEqual(["/1", "/2?q=1"]);
    await get(`http://127.0.0.1:${running.port}/2?q=1`);
    expect(await hits(running)).toBe(1);
    expect((await warm(list, ...at(running))).summary).toMatchObject({ fresh: 2, stored: 0 });
    expect(asked).toHaveLength(2);
  });

  test("says of each why it is not stored, what failed, and where it went", async () => {
    answer = (request, response) => {
      if (request.url === "/private") response.setHeader("Cache-Control", "private");
      if (request.url === "/gone") response.statusCode = 404;
      if (request.url === "/moved") response.writeHead(301, { Location: "/new" });
      response.end();
    };
    const list = file("list", "/private\n/gone\n/moved\nnonsense\n");
    const running = await serve();
    const { code, lines, summary, stderr } = await warm(list, ...at(running));
    const host = `http://127.0.0.1:${running.port}`;
    expect(lines.get(`${host}/private`)).toMatchObject({
      kind: "not_stored",
      reason: "response_private",
    });
    expect(lines.get(`${host}/gone`)).toMatchObject({ kind: "failed", status: 404 });
    expect(lines.get(`${host}/moved`)).toMatchObject({ kind: "redirected", reason: "/new" });
    expect(summary).toMatchObject({ urls: 3, failed: 1, unreadable: 1 });
    expect(stderr).toContain(`${list}:4: "nonsense" is neither a URL of http nor a path`);
    expect(code).toBe(1);
    // Redirects are reported, not followed.
    expect(asked).toHaveLength(3);
  });

  test("for people: a line each, and a summary", async () => {
    const running = await serve();
    const list = file("list", "/1\n");
    const { code, stdout } = await edgelane(["warm", list, ...at(running)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^stored +200 {2}http:\/\/127\.0\.0\.1:\d+\/1 {2}ttl 600 s\n1 URL in \d+\.\d s \(.*\)\n {2}stored +1\n$/,
    );
  });

  test("from standard input, begun before its end", async () => {
    const running = await serve();
    await using command = startEdgelane(["warm", "-", ...at(running)], { input: "pipe" });
    command.process.stdin?.write("/first\n");
    await until(() => asked.length === 1, "the first request");
    command.process.stdin?.end("/second");
    const { code, stdout } = await command.finished();
    expect([code, asked.length]).toEqual([0, 2]);
    expect(stdout).toMatch(/^2 URLs in/m);
  });

  test("asks the gateway for every host, and no host but the gateway", async () => {
    const running = await serve();
    const list = file("list", "http://a.test/1\nhttps://b.test:8443/2\n/3\n");
    const { code } = await warm(list, "--host", "c.test", ...at(running));
    expect(code).toBe(0);
    // What the origin sees is the gateway's request: the names resolve nowhere.
    expect(asked.toSorted()).toEqual(["a.test /1", "b.test:8443 /2", "c.test /3"]);
  });

  test("fields select variants", async () => {
    answer = (request, response) => {
      response.setHeader("Vary", "Accept-Encoding, X-Tier");
      fresh(request, response);
    };
    const running = await serve();
    const fields = ["-H", "X-Tier: gold", "--variant", "Accept-Encoding: gzip"];
    const { code, summary } = await warm(
      `http://a.test/`,
      ...fields,
      ...["--variant", "Accept-Encoding: br"],
      ...at(running),
    );
    expect([code, summary]).toMatchObject([0, { urls: 1, stored: 1 }]);
    for (const encoding of ["gzip", "br"]) {
      const { status, body } = await explained(running, encoding);
      expect([status, body.cache.rule]).toEqual([200, "fresh"]);
    }
    expect((await explained(running, "zstd")).body.cache.rule).toBe("vary_miss");
    expect(asked).toHaveLength(2);
  });

  async function explained(
    running: TestGateway,
    encoding: string,
  ): Promise<{ status: number; body: { cache: { rule: string } } }> {
    const fields = `field=X-Tier:gold&field=Accept-Encoding:${encoding}`;
    const response = await running.admin("GET", `/explain?url=http://a.test/&${fields}`);
    return {
      status: response.status,
      body: (await response.json()) as { cache: { rule: string } },
    };
  }

  test("more than --max is cut, and that is a failure", async () => {
    const running = await serve();
    const { code, summary } = await warm(
      file("list", "/1\n/2\n/3\n"),
      "--max",
      "2",
      ...at(running),
    );
    expect([code, summary]).toMatchObject([1, { urls: 2, cut: true }]);
  });
});

describe("a sitemap", () => {
  const page = (...locations: string[]): string =>
    `<urlset>${locations.map((one) => `<url><loc>${one}</loc></url>`).join("")}</urlset>`;
  const index = (...locations: string[]): string =>
    `<sitemapindex>${locations.map((one) => `<sitemap><loc>${one}</loc></sitemap>`).join("")}</sitemapindex>`;

  function sitemaps(contents: Readonly<Record<string, string | Uint8Array>>): void {
    answer = (request, response) => {
      const content = contents[request.url ?? ""];
      if (content === undefined) fresh(request, response);
      else response.end(content);
    };
  }

  test("and those of an index come through the gateway, gzip too", async () => {
    sitemaps({
      "/index.xml": index("http://a.test/1.xml", "http://a.test/2.xml.gz"),
      "/1.xml": page("http://a.test/one"),
      "/2.xml.gz": gzipSync(page("http://a.test/two", "http://a.test/one")),
    });
    const running = await serve();
    const { code, summary } = await warm("--sitemap", "http://a.test/index.xml", ...at(running));
    expect([code, summary]).toMatchObject([0, { urls: 2, stored: 2 }]);
    expect(asked.filter((line) => line.includes(".xml"))).toHaveLength(3);
  });

  test("speaks for its own host, and for those that are named", async () => {
    sitemaps({
      "/map.xml": page("http://a.test/1", "http://evil.test/2", "https://b.test/3"),
      "/index.xml": index("http://169.254.169.254/map.xml", "http://a.test/map.xml"),
    });
    const running = await serve();
    const map = ["--sitemap", "http://a.test/index.xml", "--host", "b.test"];
    const { code, summary } = await warm(...map, ...at(running));
    expect([code, summary]).toMatchObject([0, { urls: 2, foreign: 2 }]);
    expect(asked.filter((line) => !line.includes("xml")).toSorted()).toEqual([
      "a.test /1",
      "b.test /3",
    ]);
    expect(asked.join()).not.toContain("169.254");
  });

  test("in a file", async () => {
    const running = await serve();
    const path = file("map.xml.gz", gzipSync(page("http://a.test/1")));
    const { summary } = await warm("--sitemap", path, ...at(running));
    expect([summary, asked]).toMatchObject([{ stored: 1 }, ["a.test /1"]]);
  });

  test("that is none, is missing, or nests is told by its name", async () => {
    sitemaps({
      "/html": "<html/>",
      "/1.xml": index("http://a.test/2.xml"),
      "/2.xml": index("http://a.test/3.xml"),
    });
    const running = await serve();
    const names = ["http://a.test/html", "http://a.test/1.xml"];
    const { code, summary, stderr } = await warm(
      ...names.flatMap((name) => ["--sitemap", name]),
      ...at(running),
    );
    expect([code, summary]).toMatchObject([1, { urls: 0, unreadable: 2 }]);
    expect(stderr).toContain("http://a.test/html: it begins with <html>");
    expect(stderr).toContain("http://a.test/2.xml: an index of sitemaps within an index");
  });
});

describe("how it asks", () => {
  test("at the rate that was given", async () => {
    const running = await serve();
    const list = file("list", Array.from({ length: 11 }, (_, index) => `/${index}\n`).join(""));
    const { summary } = await warm(list, ...at(running), "--rate", "50/s");
    // Ten intervals of 20 ms.
    expect(summary["seconds"]).toBeGreaterThanOrEqual(0.2);
  });

  test("no more at once than it may", async () => {
    const waiting: ServerResponse[] = [];
    answer = (_request, response) => waiting.push(response);
    const running = await serve();
    const list = file("list", "/1\n/2\n/3\n/4\n/5\n");
    const ended = warm(list, ...at(running), "--concurrency", "2");
    for (const expected of [2, 3, 4, 5, 5]) {
      await until(() => asked.length === expected, `${expected} requests`);
      waiting.shift()?.end("done");
    }
    expect((await ended).summary).toMatchObject({ urls: 5 });
  });

  test("503 is asked again after Retry-After, more slowly", async () => {
    let refusals = 2;
    answer = (request, response) => {
      if (refusals-- <= 0) return fresh(request, response);
      response.writeHead(503, { "Retry-After": "1" });
      response.end();
    };
    const running = await serve();
    const args = ["http://a.test/1", ...at(running), "--concurrency", "1"];
    const { code, summary } = await warm(...args);
    expect([code, summary]).toMatchObject([0, { stored: 1, slowed: 2 }]);
    expect(summary["seconds"]).toBeGreaterThanOrEqual(2);
    expect(asked).toHaveLength(3);
  });

  test("an origin that stays away is a failure with the gateway's reason", async () => {
    const running = await serve();
    origin.close();
    origin.closeAllConnections();
    const { code, lines } = await warm("http://a.test/1", ...at(running));
    expect([code, lines.get("http://a.test/1")]).toMatchObject([
      1,
      { kind: "failed", status: 502, reason: "connect_refused" },
    ]);
  });

  test("Ctrl-C ends it at once, with what was done", async () => {
    const waiting: ServerResponse[] = [];
    answer = (request, response) => {
      if (request.url === "/1") fresh(request, response);
      else waiting.push(response);
    };
    const running = await serve();
    const list = file("list", "/1\n/2\n/3\n");
    const args = ["warm", list, ...at(running), "--concurrency", "1", "--json"];
    await using command: Command = startEdgelane(args);
    await until(() => waiting.length === 1, "the second request");
    command.signal("SIGINT");
    const { code, stdout } = await command.finished();
    const last = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as object;
    expect([code, last]).toMatchObject([
      1,
      { summary: { stored: 1, urls: 1, left: 2, ended: "interrupted" } },
    ]);
    // The gateway has nothing left of it either: its request to the origin server is broken off.
    await until(() => waiting[0]?.destroyed === true, "the origin request to end");
  });

  test("a gateway that goes away ends it, with what was left", async () => {
    const running = await serve();
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    free.close();
    const list = file("list", Array.from({ length: 50 }, (_, index) => `/${index}\n`).join(""));
    const { code, summary } = await warm(list, ...at(running), "--to", `127.0.0.1:${port}`);
    expect([code, summary]).toMatchObject([
      1,
      { ended: "no_answer", failedReasons: { ECONNREFUSED: 10 } },
    ]);
  });
});

test("every worker has it, for one origin request", async () => {
  await using running = await startWorkers(2, { upstreams: { app: originUrl() } });
  answer = (request, response) => {
    setTimeout(() => fresh(request, response), 20);
  };
  const list = file("list", Array.from({ length: 20 }, (_, index) => `/${index}\n`).join(""));
  const { code, summary } = await warm(
    list,
    ...at({ adminPort: Number(new URL(running.adminUrl).port) }),
  );
  expect([code, summary]).toMatchObject([0, { urls: 20, stored: 20 }]);
  expect(await running.metric("gateway_cache_entries")).toBe(40);
  expect(asked).toHaveLength(20);
});

describe("mistakes", () => {
  test.each<[string[], number, string]>([
    [[], 2, "warm: which URLs? A file, - for standard input, a URL, or --sitemap"],
    [
      ["list", "--rate", "20"],
      2,
      '--rate: "20" is not a rate such as 20/s or 600/m; did you mean "20/s"?',
    ],
    [["list", "--rate", "0/s"], 2, '--rate: "0/s" is not a rate such as 20/s or 600/m'],
    [["list", "--concurrency", "0"], 2, '--concurrency: "0" is not a whole number from 1 to 256'],
    [["list", "-H", "x"], 2, "warm: a field line is written as 'Name: value'"],
    [["list", "-H", "Host: a"], 2, "warm: Host cannot be given as a field; --host says whom"],
    [
      ["list", "--host", "a/b"],
      2,
      '--host: "a/b" is not a host such as example.com or example.com:8080',
    ],
    [["list", "--to", "x"], 2, '--to: "x" is not an address such as 127.0.0.1:8080'],
    [
      ["list", "--admin", "127.0.0.1:2"],
      3,
      "no admin API at 127.0.0.1:2: ECONNREFUSED; --admin says where",
    ],
  ])("%j", async (args, code, line) => {
    expect(await edgelane(["warm", ...args])).toEqual({
      code,
      stdout: "",
      stderr: `edgelane: ${line}\n`,
    });
  });

  test("no such file", async () => {
    const running = await serve();
    const { code, stderr } = await edgelane(["warm", join(directory, "none"), ...at(running)]);
    expect([code, stderr]).toEqual([1, `edgelane: ${directory}/none: there is no such file\n`]);
  });
});
