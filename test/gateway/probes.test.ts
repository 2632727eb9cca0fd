// Active checks speak what requests speak: over TLS with the upstream's authority, over HTTP/2 by
// ALPN and by prior knowledge, and a target that does not is out.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AUTHORITY_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from "../support/certificates.ts";
import { startGateway, type TestGateway, until } from "../support/gateway.ts";
import { startH2Origin } from "../support/h2-origin.ts";
import { startOrigin } from "../support/origin.ts";

const TLS = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };

interface Checked {
  readonly url: string;
  close(): Promise<void>;
  /** Heads or field lines of the checks, joined. */
  checks(): string[];
}

async function h1(tls: boolean, status: () => number): Promise<Checked> {
  const origin = await startOrigin(
    async (connection) => {
      await connection.readHead();
      await connection.send(`HTTP/1.1 ${status()} X\r\nContent-Length: 0\r\n\r\n`);
    },
    tls ? { tls: TLS } : {},
  );
  return { url: origin.url, close: () => origin.close(), checks: () => origin.heads };
}

async function h2(tls: boolean, status: () => number): Promise<Checked> {
  const origin = await startH2Origin(
    (stream) => {
      stream.respond({ ":status": status() });
      stream.end("content that nobody waits for");
    },
    tls ? { tls: TLS } : {},
  );
  const checks = (): string[] => origin.requests.map((fields) => fields.join(" "));
  return { url: origin.url, close: () => origin.close(), checks };
}

type Start = (status: () => number) => Promise<Checked>;
const WAYS: [string, "h1" | "h2", Start, string][] = [
  ["HTTP/1.1", "h1", (status) => h1(false, status), "GET /up HTTP/1.1\r\n"],
  ["HTTP/1.1 over TLS", "h1", (status) => h1(true, status), "GET /up HTTP/1.1\r\n"],
  ["h2c", "h2", (status) => h2(false, status), ":path /up"],
  ["h2 over TLS", "h2", (status) => h2(true, status), ":path /up"],
];

let directory = "";
let authority = "";
let gateway: TestGateway | null = null;
let origin: Checked | null = null;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edgelane-probes-"));
  authority = join(directory, "ca.pem");
  await writeFile(authority, AUTHORITY_CERTIFICATE);
});
afterEach(async () => {
  await gateway?.shutDown();
  // Its half of a TLS connection that was given up stays open until then.
  await origin?.close();
  await gateway?.close();
  gateway = null;
  origin = null;
  await rm(directory, { recursive: true });
});

async function start(url: string, protocol: "h1" | "h2"): Promise<TestGateway> {
  gateway = await startGateway({
    upstreams: {
      app: {
        targets: [url],
        protocol,
        ...(url.startsWith("https:") ? { tls: { ca: authority } } : {}),
        slowStart: "off",
        health: { path: "/up", every: "20ms", rise: 1, fall: 1 },
      },
    },
  });
  return gateway;
}

test.each(WAYS)(
  "%s: out by a bad status, in again by a good one",
  async (_name, way, run, head) => {
    let status = 204;
    origin = await run(() => status);
    const { checks } = origin;
    const started = await start(origin.url, way);
    await until(async () => checks().length > 2, "checks");
    expect(checks()[0]).toContain(head);
    expect(checks()[0]).toContain("edgelane-health");
    await started.metricIs("gateway_upstream_target_state", { state: "up" }, 1);
    status = 500;
    await started.metricIs("gateway_upstream_target_state", { state: "probe_failed" }, 1);
    status = 200;
    await started.metricIs("gateway_upstream_target_state", { state: "up" }, 1);
  },
);

test("a target that does not speak h2 is out, though it would answer HTTP/1.1", async () => {
  origin = await h1(true, () => 200);
  const started = await start(origin.url, "h2");
  await started.metricIs("gateway_upstream_target_state", { state: "probe_failed" }, 1);
});
