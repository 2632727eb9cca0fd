// Retries as users see them: the tries before the last in the log, in Proxy-Status and in the
// metrics; and what an origin sees that fails everything, with origins that are processes.

import { afterEach, expect, test } from "vitest";
import { answering, startOrigin, type TestOrigin } from "../support/origin.ts";
import { OriginProcess } from "../support/origin-process.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";

let gateway: TestGateway | null = null;
let origins: (TestOrigin | OriginProcess)[] = [];

afterEach(async () => {
  await gateway?.close();
  gateway = null;
  for (const origin of origins) await ("stop" in origin ? origin.stop() : origin.close());
  origins = [];
});

const get = (path = "/"): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway?.port ?? 0}${path}`, { headers: { connection: "close" } });

test("each try is in the log, in Proxy-Status and in the metrics", async () => {
  const busy = await startOrigin(answering("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"));
  const good = await startOrigin(answering("HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n"));
  origins.push(busy, good);
  gateway = await startGateway({
    upstreams: {
      app: {
        targets: [busy.url, good.url],
        balance: "round-robin",
        retry: { when: [503] },
      },
    },
    routes: [{ match: "/*", to: "app", cache: "auto" }],
  });
  const response = await get();
  expect([response.status, response.headers.get("proxy-status")]).toEqual([
    200,
    'edgelane; details="try 2, after 503"',
  ]);
  const [line] = await gateway.log(1);
  expect(line).toMatchObject({ target: good.host, retried: `${busy.host} 503`, status: 200 });
  const causes = { upstream: "app", cause: "503" };
  expect(await gateway.metric("gateway_upstream_retries_by_cause_total", causes)).toBe(1);
});

test("an error says which try it was", async () => {
  const dead = [await startOrigin(() => {}), await startOrigin(() => {})];
  const targets = dead.map(({ url }) => url);
  for (const origin of dead) await origin.close();
  gateway = await startGateway({
    upstreams: { app: { targets } },
    routes: [{ match: "/*", to: "app" }],
  });
  const response = await get();
  expect(response.status).toBe(502);
  expect(response.headers.get("proxy-status")).toBe(
    'edgelane; error=connection_refused; details="connect_refused: ECONNREFUSED (try 2)"',
  );
});

test("processes that answer 503 to everything see at most 1.2 times the requests", async () => {
  const processes = await Promise.all([1, 2, 3].map(() => OriginProcess.start({ status: 503 })));
  origins.push(...processes);
  gateway = await startGateway({
    upstreams: {
      app: {
        targets: processes.map(({ url }) => url),
        breaker: "off",
        retry: { attempts: 5, when: [503], budget: "20%" },
        health: { eject: { after: 0, errors: "0%" } },
      },
    },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  const requests = 600;
  let left = requests;
  const client = async (): Promise<void> => {
    while (left-- > 0) expect((await get()).status).toBe(503);
  };
  await Promise.all(Array.from({ length: 20 }, client));
  const seen = await Promise.all(processes.map((origin) => origin.seen()));
  const total = seen.reduce((sum, count) => sum + count, 0);
  expect(total).toBeGreaterThan(requests);
  expect(total).toBeLessThanOrEqual(1.2 * requests);
});
