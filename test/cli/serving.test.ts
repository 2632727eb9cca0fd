// Tests a gateway's life as a process: start-up line, addresses, signals, and what happens when it
// cannot start.

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, get } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEdgelane } from "../support/command.ts";

/** An origin that holds back what it answers until it is told. */
class HeldOrigin implements AsyncDisposable {
  readonly #server: Server;
  readonly #waiting: ServerResponse[] = [];
  #onRequest: (() => void) | null = null;
  requests: IncomingMessage[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push(request);
      if (request.url === "/now") response.end("now");
      else this.#waiting.push(response);
      this.#onRequest?.();
    });
  }

  static async start(): Promise<HeldOrigin> {
    const origin = new HeldOrigin();
    origin.#server.listen(0, "127.0.0.1");
    await once(origin.#server, "listening");
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when a request is held. */
  async held(): Promise<void> {
    if (this.#waiting.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#onRequest = resolve;
    });
  }

  release(text: string): void {
    for (const response of this.#waiting.splice(0)) response.end(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

const ANYWHERE = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edgelane-serving-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("edgelane URL", () => {
  it("proxies and caches without a file, and says so in one JSON line", async () => {
    await using origin = await HeldOrigin.start();
    await using command = startEdgelane([origin.url, ...ANYWHERE]);
    const start = await command.started();
    expect(start).toMatchObject({
      level: "info",
      config: null,
      routes: 1,
      targets: { origin: 1 },
      engine: "wasm-simd",
    });
    expect(start["startUpMs"]).toBeTypeOf("number");
    const response = await fetch(`${start.listen[0]}/now`);
    expect(response.headers.get("cache-status")).toMatch(/^edgelane;/);
    expect(await response.text()).toBe("now");
    expect(origin.requests[0]?.headers.host).toBe(new URL(start.listen[0] ?? "").host);
    expect((await fetch(`${start.admin}/readyz`)).status).toBe(200);
    command.signal("SIGTERM");
    expect((await command.finished()).code).toBe(0);
  });

  it("names the reference in banner and metrics where the engine has no SIMD", async () => {
    await using origin = await HeldOrigin.start();
    const noSimd = "--import=data:text/javascript,WebAssembly.validate=()=>false";
    await using command = startEdgelane([origin.url, ...ANYWHERE], {
      environment: { NODE_OPTIONS: noSimd },
    });
    const start = await command.started();
    expect(start["engine"]).toBe("reference");
    expect(await (await fetch(`${start.listen[0]}/now`)).text()).toBe("now");
    const metrics = await (await fetch(`${start.admin}/metrics`)).text();
    expect(metrics).toMatch(/^gateway_info\{[^}]*engine="reference"[^}]*\} 1$/m);
  });

  it("takes the scheme for granted", async () => {
    await using origin = await HeldOrigin.start();
    await using command = startEdgelane([origin.url.replace("http://", ""), ...ANYWHERE]);
    const start = await command.started();
    expect(await (await fetch(`${start.listen[0]}/now`)).text()).toBe("now");
  });
});

describe("edgelane", () => {
  it("without a URL serves the demo origin, with every link of the start-up line", async () => {
    await using command = startEdgelane(ANYWHERE);
    const start = await command.started();
    const links = start["links"] as string[];
    const statuses = new Map<string, number>();
    for (const link of links) {
      const { pathname } = new URL(link);
      if (pathname === "/broken") continue;
      // A large download and an event stream are broken off once their heads are here.
      const abort = new AbortController();
      const response = await fetch(link, { signal: abort.signal });
      statuses.set(pathname, response.status);
      abort.abort();
    }
    expect(Object.fromEntries(statuses)).toEqual({
      "/": 200,
      "/cacheable": 200,
      "/uncacheable": 200,
      "/slow": 200,
      "/large": 200,
      "/events": 200,
      "/error": 503,
      "/echo": 200,
    });
    const broken = await fetch(links.find((link) => link.endsWith("/broken")) ?? "");
    await expect(broken.text()).rejects.toThrow();
    command.signal("SIGINT");
    expect((await command.finished()).code).toBe(0);
  });

  it("points at a config file that it does not use", async () => {
    await writeFile(join(directory, "edgelane.yaml"), "upstreams: {a: http://127.0.0.1:1}\n");
    await using command = startEdgelane(ANYWHERE, { directory });
    expect((await command.started())["hints"]).toEqual([
      "edgelane.yaml is not used; `edgelane serve` does",
    ]);
  });
});

describe("edgelane serve", () => {
  async function configFile(origin: string, more = ""): Promise<string> {
    const file = join(directory, "edgelane.yaml");
    await writeFile(
      file,
      `listen: ["127.0.0.1:0"]\nadmin: {listen: "127.0.0.1:0"}\nupstreams: {app: ${origin}}\n${more}`,
    );
    return file;
  }

  it("finds edgelane.yaml, and says what its warnings are and what is off", async () => {
    await using origin = await HeldOrigin.start();
    await configFile(origin.url, "tracing: {sample: 1%}\nhealth: off\n");
    await using command = startEdgelane(["serve", "--workers", "2"], { directory });
    const start = await command.started();
    expect(start["config"]).toBe("edgelane.yaml");
    expect(start["workers"]).toBe(2);
    expect(start["warnings"]).toEqual([
      "edgelane.yaml:4:1: warning: tracing: not available in this version: tracing; no span is sent, trace fields pass through",
    ]);
    expect(start["off"]).toContain("health path (health: off)");
    expect(await (await fetch(`${start.listen[0]}/now`)).text()).toBe("now");
  });

  it("finishes what is under way after SIGTERM, takes nothing new, and exits 0", async () => {
    await using origin = await HeldOrigin.start();
    await using command = startEdgelane(["serve", "-c", await configFile(origin.url)]);
    const start = await command.started();
    const answer = fetch(`${start.listen[0]}/held`);
    await origin.held();
    command.signal("SIGTERM");
    await refused(start.listen[0] ?? "");
    origin.release("finished");
    expect(await (await answer).text()).toBe("finished");
    expect((await command.finished()).code).toBe(0);
  });

  it("breaks off what outlasts the grace, and exits 0 all the same", async () => {
    await using origin = await HeldOrigin.start();
    const file = await configFile(origin.url, "shutdown: {grace: 100ms}\n");
    await using command = startEdgelane(["serve", "-c", file]);
    const start = await command.started();
    const answer = fetch(`${start.listen[0]}/held`).then(
      () => "answered",
      () => "broken off",
    );
    await origin.held();
    command.signal("SIGTERM");
    expect((await command.finished()).code).toBe(0);
    expect(await answer).toBe("broken off");
  });

  it("ends at once with 1 at a second signal", async () => {
    await using origin = await HeldOrigin.start();
    await using command = startEdgelane(["serve", "-c", await configFile(origin.url)]);
    const start = await command.started();
    get(`${start.listen[0]}/held`).on("error", () => undefined);
    await origin.held();
    command.signal("SIGTERM");
    await refused(start.listen[0] ?? "");
    command.signal("SIGINT");
    expect((await command.finished()).code).toBe(1);
  });

  for (const option of ["--listen", "--admin"]) {
    it(`says in one line that the address of ${option} is taken`, async () => {
      const taken = createTcpServer().listen(0, "127.0.0.1");
      await once(taken, "listening");
      const { port } = taken.address() as AddressInfo;
      const args = ["http://127.0.0.1:1", ...ANYWHERE, option, `127.0.0.1:${port}`];
      await using command = startEdgelane(args);
      const { code, stdout, stderr } = await command.finished();
      taken.close();
      expect(code).toBe(1);
      expect(stdout).toBe("");
      expect(stderr).toBe(
        `edgelane: 127.0.0.1:${port} is already in use; ` +
          "stop what holds it, or choose another with --listen or --admin\n",
      );
    });
  }

  it("says in one line that an access log cannot be opened", async () => {
    const file = await configFile("http://127.0.0.1:1", "log: {access: missing/access.log}\n");
    const { code, stderr } = await startEdgelane(["serve", "-c", file]).finished();
    expect(code).toBe(1);
    const path = join(directory, "missing/access.log");
    expect(stderr).toBe(`edgelane: ${path}: there is no such file\n`);
  });
});

/** Resolves when nobody listens there any more. */
async function refused(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  for (;;) {
    const socket = connect(Number(port), hostname);
    const connected = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (!connected) return;
  }
}
