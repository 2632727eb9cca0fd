// Names of targets in a whole gateway, with a real name server: each address is a target, changes
// are followed without a failed request, and what the origin sees stays the name.

import { afterEach, beforeEach, expect, test } from "vitest";
import { resolveConfig } from "../../src/gateway/config.ts";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { type DnsServer, startDnsServer } from "../support/dns-server.ts";
import { startGateway, type TestGateway, until } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { get } from "../support/raw-client.ts";

let dns: DnsServer;
let origins: TestOrigin[] = [];
let gateway: TestGateway;

/** Origins at 127.0.0.1, .2 and .3 with one port, as instances of a service have it. */
beforeEach(async () => {
  dns = await startDnsServer();
  let port = 0;
  for (const last of [1, 2, 3]) {
    const origin = await startOrigin(
      async (connection) => {
        for (;;) {
          await connection.readHead();
          await connection.send(answer(String(last)));
        }
      },
      { port, host: `127.0.0.${last}` },
    );
    origins.push(origin);
    port = origin.port;
  }
});
afterEach(async () => {
  await gateway.close();
  await dns.close();
  for (const origin of origins) await origin.close();
  origins = [];
});

async function start(url: string, more: object = {}): Promise<void> {
  gateway = await startGateway({
    upstreams: { app: { targets: [url], balance: "round-robin", slowStart: "off", ...more } },
    dns: { servers: [dns.address], minTtl: "20ms", retry: "20ms", timeout: "200ms" },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
}

/** Resolves once these are the targets, by what the admin API lists. */
async function targetsAre(...expected: string[]): Promise<void> {
  let found: string[] = [];
  await until(
    async () => {
      const response = await gateway.admin("GET", "/targets");
      const { targets } = (await response.json()) as { targets: { target: string }[] };
      found = targets.map(({ target }) => target);
      return found.join() === expected.join();
    },
    () => `${found.join()} to be ${expected.join()}`,
  );
}

const port = (): number => origins[0]?.port ?? 0;

async function answers(count: number): Promise<string> {
  let all = "";
  for (let turn = 0; turn < count; turn += 1) {
    const response = await get(gateway.port, "/", "Host: shop.test");
    all += response.status === 200 ? response.text : `(${response.status})`;
  }
  return all;
}

test("each address is a target; those that come and go are followed", async () => {
  dns.set("api.test", { A: ["127.0.0.1", "127.0.0.2"], ttl: 0 });
  await start(`http://api.test:${port()}`, { host: "target" });
  await targetsAre(`127.0.0.1:${port()}`, `127.0.0.2:${port()}`);
  expect([...(await answers(4))].sort().join("")).toBe("1122");
  expect(origins[0]?.heads[0]).toContain(`Host: api.test:${port()}\r\n`);
  let asking = true;
  const load = (async (): Promise<string> => {
    let all = "";
    while (asking) all += await answers(1);
    return all;
  })();
  dns.set("api.test", { A: ["127.0.0.2", "127.0.0.3"], ttl: 0 });
  await targetsAre(`127.0.0.2:${port()}`, `127.0.0.3:${port()}`);
  dns.set("api.test", { A: ["127.0.0.3"], ttl: 0 });
  await targetsAre(`127.0.0.3:${port()}`);
  asking = false;
  expect(await load).toMatch(/^[123]+$/);
  expect(await answers(3)).toBe("333");
  // The one that stayed all the time has its connection yet.
  expect(origins[2]?.accepted).toBe(1);
});

test("the last good answer serves while the name fails, and the metrics tell how", async () => {
  dns.set("api.test", { A: ["127.0.0.2"], ttl: 0 });
  await start(`http://api.test:${port()}`);
  await targetsAre(`127.0.0.2:${port()}`);
  for (const failure of ["servfail", "nxdomain", "silent"] as const) {
    dns.set("api.test", failure);
    const result = failure === "silent" ? "timeout" : failure;
    await until(
      async () => (await gateway.metric("gateway_dns_lookups_total", { result })) > 0,
      `a look-up that is ${result}`,
    );
    await gateway.metricIs("gateway_dns_failing", { name: "api.test" }, 1);
    expect(await answers(2)).toBe("22");
  }
  dns.set("api.test", { A: ["127.0.0.3"], ttl: 0 });
  await targetsAre(`127.0.0.3:${port()}`);
  await gateway.metricIs("gateway_dns_failing", { name: "api.test" }, 0);
  expect(await gateway.metric("gateway_dns_addresses", { name: "api.test" })).toBe(1);
});

test("instances of a service, by priority; the origin sees the service's domain", async () => {
  const record = { priority: 1, weight: 1, port: port(), name: "one.test" };
  dns.set("_http._tcp.api.test", { SRV: [record, { ...record, priority: 5, name: "two.test" }] });
  dns.set("one.test", { A: ["127.0.0.1"], ttl: 0 });
  dns.set("two.test", { A: ["127.0.0.2"], ttl: 0 });
  await start("http+srv://_http._tcp.api.test", { host: "target" });
  await targetsAre(`127.0.0.1:${port()}`, `127.0.0.2:${port()}`);
  expect(await answers(4)).toBe("1111");
  expect(origins[0]?.heads[0]).toContain(`Host: api.test:${port()}\r\n`);
  const drained = await gateway.admin("POST", `/targets/127.0.0.1:${port()}/drain`, {});
  expect(await drained.json()).toMatchObject({ upstreams: ["app"] });
  expect(await answers(2)).toBe("22");
  // Out of service as a whole, by its own name.
  const all = await gateway.admin("POST", "/targets/_http._tcp.api.test/drain", {});
  expect(await all.json()).toMatchObject({ upstreams: ["app"] });
  expect(await answers(1)).toBe("(503)");
});

test("a service that is not there yet is 503, until it is", async () => {
  await start("http+srv://_http._tcp.api.test");
  expect(await answers(1)).toBe("(503)");
  dns.set("_http._tcp.api.test", {
    SRV: [{ priority: 0, weight: 0, port: port(), name: "one.test" }],
  });
  dns.set("one.test", { A: ["127.0.0.3"] });
  await targetsAre(`127.0.0.3:${port()}`);
  expect(await answers(1)).toBe("3");
});

test("what is added by name is resolved too", async () => {
  await start(`http://127.0.0.1:${port()}`);
  dns.set("late.test", { A: ["127.0.0.2"], ttl: 0 });
  const body = { upstream: "app", url: `http://late.test:${port()}` };
  expect((await gateway.admin("POST", "/targets", body)).status).toBe(200);
  await targetsAre(`127.0.0.1:${port()}`, `127.0.0.2:${port()}`);
  expect([...(await answers(4))].sort().join("")).toBe("1122");
  const left = await gateway.admin("POST", `/targets/late.test:${port()}/remove`, {});
  expect(left.status).toBe(200);
  await targetsAre(`127.0.0.1:${port()}`);
});

test("a reload with another name server, then with none, takes effect", async () => {
  dns.set("api.test", { A: ["127.0.0.1"], ttl: 0 });
  const url = `http://api.test:${port()}`;
  await start(url);
  await targetsAre(`127.0.0.1:${port()}`);
  await using other = await startDnsServer();
  other.set("api.test", { A: ["127.0.0.2"], ttl: 0 });
  const reload = async (names: EdgelaneConfig["dns"]): Promise<string> => {
    const config = resolveConfig({
      listen: ["127.0.0.1:0"],
      admin: { listen: "127.0.0.1:0" },
      upstreams: { app: { targets: [url], balance: "round-robin", slowStart: "off" } },
      dns: names ?? "off",
      routes: [{ match: "/*", to: "app", cache: "off" }],
      log: { level: "silent" },
    });
    return (await gateway.gateway.reloadFrom(async () => config)).kind;
  };
  const bounds = { minTtl: "20ms", retry: "20ms", timeout: "200ms" } as const;
  expect(await reload({ servers: [other.address], ...bounds })).toBe("applied");
  await targetsAre(`127.0.0.2:${port()}`);
  expect(await reload("off")).toBe("applied");
  await targetsAre(`api.test:${port()}`);
  expect(await gateway.metric("gateway_dns_addresses")).toBe(0);
});
