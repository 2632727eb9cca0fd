// The files that an upstream's TLS names: found relative to the config, checked with it, said to be
// wrong without a word of what is in them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkText } from "../../src/gateway/config.ts";
import { formatProblem } from "../../src/gateway/config-problem.ts";
import {
  AUTHORITY_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from "../support/certificates.ts";
import { startGateway } from "../support/gateway.ts";
import { answering, startOrigin } from "../support/origin.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-tls-"));
  writeFileSync(join(directory, "ca.pem"), AUTHORITY_CERTIFICATE);
  writeFileSync(join(directory, "client.pem"), CLIENT_CERTIFICATE);
  writeFileSync(join(directory, "client.key"), CLIENT_KEY);
  writeFileSync(join(directory, "other.key"), SERVER_KEY);
  writeFileSync(join(directory, "nonsense.pem"), "sesame");
});

afterEach(() => rmSync(directory, { recursive: true }));

const rows: [name: string, tls: string, problems: string[]][] = [
  ["all that is needed", "{ca: ca.pem, cert: client.pem, key: client.key}", []],
  [
    "an authority's file without one",
    "{ca: nonsense.pem}",
    ["upstreams.a.tls.ca: holds no PEM that can be used"],
  ],
  ["a file that is missing", "{ca: none.pem}", ["upstreams.a.tls.ca: cannot be read: ENOENT"]],
  [
    "a file without a certificate",
    "{cert: nonsense.pem, key: client.key}",
    ["upstreams.a.tls.cert: holds no PEM that can be used"],
  ],
  [
    "a certificate without its key",
    "{cert: client.pem}",
    ["upstreams.a.tls: cert and key belong together: name both or neither"],
  ],
  [
    "the key of another certificate",
    "{cert: client.pem, key: other.key}",
    ["upstreams.a.tls.key: not the key of tls.cert"],
  ],
  [
    "verification switched off",
    "{verify: off}",
    [
      "warning: upstreams.a.tls.verify: the origin may be anybody, " +
        "and whoever is in the way reads it all",
    ],
  ],
];

test.each(rows)("%s", (_name, tls, expected) => {
  const file = join(directory, "edgelane.yaml");
  const text = `upstreams:\n  a: {targets: ["https://h:1"], tls: ${tls}}\n`;
  const { problems } = checkText(text, file, { environment: {} });
  const said = problems.map((problem) => formatProblem(file, problem));
  expect(said.map((line) => line.replace(/^[^:]*:\d+:\d+: /, ""))).toEqual(expected);
});

test("a gateway shows its client certificate to an origin that asks", async () => {
  const origin = await startOrigin(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), {
    tls: {
      cert: SERVER_CERTIFICATE,
      key: SERVER_KEY,
      ca: AUTHORITY_CERTIFICATE,
      requestCert: true,
    },
  });
  const tls = {
    ca: join(directory, "ca.pem"),
    cert: join(directory, "client.pem"),
    key: join(directory, "client.key"),
  };
  const gateway = await startGateway({ upstreams: { a: { targets: [origin.url], tls } } });
  const response = await gateway.gateway.fetch(new Request("http://gateway.test/"));
  expect([response.status, await response.text()]).toEqual([200, "hi"]);
  expect(await gateway.metric("gateway_upstream_tls_handshakes_total")).toBe(1);
  await gateway.close();
  await origin.close();
});
