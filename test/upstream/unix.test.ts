// Origins behind a Unix socket: asked like any other, named by their path, failures named too.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseTarget } from "../../src/gateway/listen-address.ts";
import { answering, startOrigin } from "../support/origin.ts";
import { clusterOf, exchange, requestOf } from "./recorder.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-unix-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

test("answers over one connection; Host is localhost where no other is given", async () => {
  const path = join(directory, "app.sock");
  const origin = await startOrigin(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), {
    path,
  });
  const cluster = clusterOf(origin.url);
  for (const fields of [[], ["Host", "example.com"]]) {
    const got = await exchange(cluster, requestOf("GET", "/", { fields }));
    expect([got.error, got.content]).toEqual([null, "hi"]);
  }
  expect(origin.heads.map((head) => /host: (.*)/i.exec(head)?.[1])).toEqual([
    "localhost",
    "example.com",
  ]);
  expect(origin.accepted).toBe(1);
  expect(cluster.targets()[0]?.target).toBe(`unix:${path}`);
  await cluster.close();
  await origin.close();
});

test("a socket that is not there: connect_refused, nothing sent", async () => {
  const cluster = clusterOf(`unix:${join(directory, "none.sock")}`);
  const got = await exchange(cluster, requestOf("POST", "/"));
  expect([got.error?.code, got.error?.detail, got.error?.beforeSend]).toEqual([
    "connect_refused",
    "ENOENT",
    true,
  ]);
  await cluster.close();
});

const rows: [text: string, target: string | null][] = [
  ["unix:/run/app.sock", "unix:/run/app.sock"],
  ["unix:run/app.sock", null],
  ["unix:", null],
  ["unix:/run/a b", null],
  ["unix:/run/app.sock?x", null],
  [`unix:/${"a".repeat(106)}`, `unix:/${"a".repeat(106)}`],
  [`unix:/${"a".repeat(107)}`, null],
];
test.each(rows)("target %s", (text, target) => expect(parseTarget(text)).toBe(target));
