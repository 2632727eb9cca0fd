// Tests the demo origin by itself: what each page is there to show, and that it leaves nothing
// behind.

import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEMO_PAGES, startDemoOrigin } from "../../src/gateway/demo-origin.ts";
import type { DemoOrigin } from "../../src/gateway/demo-origin.ts";
import { FakeClock } from "../support/clock.ts";

let origin: DemoOrigin;
beforeEach(async () => {
  origin = await startDemoOrigin(new FakeClock());
});
afterEach(() => origin.close());

describe("the demo origin", () => {
  it("lists every page with a command to try it, and escapes the Host it was sent", async () => {
    const sent = request(`${origin.url}/`, { headers: { host: "a<b>'\"&" } }).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    response.setEncoding("utf8");
    const html = (await response.toArray()).join("");
    expect(response.headers["cache-control"]).toBe("no-store");
    for (const { path } of DEMO_PAGES) expect(html).toContain(`href="${path}"`);
    expect(html).toContain("http://a&#60;b&#62;&#39;&#34;&#38;/cacheable");
    expect(html).not.toContain("a<b>");
  });

  const fields: [path: string, status: number, cacheControl: string][] = [
    ["/cacheable", 200, "public, max-age=60"],
    ["/uncacheable", 200, "no-store"],
    ["/slow?ms=0", 200, "public, max-age=10"],
    ["/large?bytes=10", 200, "no-store"],
    ["/events", 200, "no-store"],
    ["/error", 500, "no-store"],
    ["/error?status=404", 404, "no-store"],
    ["/error?status=200", 400, "no-store"],
    ["/echo", 200, "no-store"],
  ];
  for (const [path, status, cacheControl] of fields) {
    it(`answers ${path} with ${status} and ${cacheControl}`, async () => {
      const abort = new AbortController();
      const response = await fetch(origin.url + path, { signal: abort.signal });
      expect([response.status, response.headers.get("cache-control")]).toEqual([
        status,
        cacheControl,
      ]);
      abort.abort();
    });
  }

  it("ends what has no content: HEAD of every page", async () => {
    for (const { path } of DEMO_PAGES) {
      if (path === "/broken") continue;
      const url = `${origin.url}${path.replace("ms=2000", "ms=0")}`;
      expect([path, await (await fetch(url, { method: "HEAD" })).text()]).toEqual([path, ""]);
      // A response that never ended would keep its connection, and closing would wait for it.
      expect((await fetch(`${origin.url}/uncacheable`)).status).toBe(200);
    }
  });

  it("numbers its answers, so that a hit can be told from a miss", async () => {
    const texts = [];
    for (const path of ["/cacheable", "/uncacheable"]) {
      texts.push(await (await fetch(origin.url + path)).text());
    }
    expect(texts).toEqual([
      "made by the origin at 2026-01-01T00:00:00.000Z, its request number 1\n",
      "made by the origin at 2026-01-01T00:00:00.000Z, its request number 2\n",
    ]);
  });

  it("sends as many bytes as were asked for", async () => {
    for (const bytes of [0, 1, 65_536, 200_001]) {
      const response = await fetch(`${origin.url}/large?bytes=${bytes}`);
      expect(response.headers.get("content-length")).toBe(String(bytes));
      expect((await response.arrayBuffer()).byteLength).toBe(bytes);
    }
  });

  it("writes no more of a large page than its reader takes", async () => {
    const before = process.memoryUsage().rss;
    const sent = request(`${origin.url}/large?bytes=1073741824`).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    await once(response, "readable");
    // Answered after every write that was possible without a reader.
    await fetch(`${origin.url}/uncacheable`);
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 2 ** 20);
    response.destroy();
  });

  it("sends events as a stream", async () => {
    const response = await fetch(`${origin.url}/events`);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(new TextDecoder().decode(first?.value)).toBe(
      "id: 1\ndata: 2026-01-01T00:00:00.000Z\n\n",
    );
    await reader?.cancel();
  });

  it("dies in mid-body where that is the point", async () => {
    const response = await fetch(`${origin.url}/broken`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it("echoes a request", async () => {
    const response = await fetch(`${origin.url}/echo`, {
      method: "POST",
      body: "four",
      headers: { "x-demo": "yes" },
    });
    const text = await response.text();
    expect(text).toMatch(/^POST \/echo HTTP\/1\.1\n/);
    expect(text).toContain("x-demo: yes\n");
    expect(text).toMatch(/\n\n4 bytes of content\n$/);
  });

  it("knows no other page", async () => {
    expect((await fetch(`${origin.url}/other`)).status).toBe(404);
  });

  it("ends what is open when it is closed", async () => {
    const events = await fetch(`${origin.url}/events`);
    const slow = fetch(`${origin.url}/slow?ms=60000`);
    slow.catch(() => undefined);
    await origin.close();
    await expect(events.text()).rejects.toThrow();
    await expect(slow).rejects.toThrow();
    origin = await startDemoOrigin(new FakeClock());
  });
});
