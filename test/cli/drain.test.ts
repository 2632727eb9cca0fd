// Tests `edgelane drain` and `undrain` against a gateway that runs.

import { afterAll, beforeAll, expect, it } from "vitest";
import { edgelane } from "../support/command.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";

let origin: TestOrigin;
let gateway: TestGateway;

beforeAll(async () => {
  origin = await startOrigin(() => {});
  gateway = await startGateway({ upstreams: { app: origin.url } });
});

afterAll(async () => {
  await gateway.close();
  await origin.close();
});

function run(...args: string[]): ReturnType<typeof edgelane> {
  return edgelane([...args, "--admin", `127.0.0.1:${gateway.adminPort}`]);
}

const state = (name: string): Promise<number> =>
  gateway.metric("gateway_upstream_target_state", { target: origin.host, state: name });

it("takes a target out of service and puts it back", async () => {
  const drained = await run("drain", origin.host);
  expect(drained).toMatchObject({
    code: 0,
    stdout: `${origin.host} (app) gets no more requests\n`,
  });
  expect(await state("draining")).toBe(1);
  const refused = await fetch(`http://127.0.0.1:${gateway.port}/`, {
    headers: { connection: "close" },
  });
  expect([refused.status, refused.headers.get("proxy-status")]).toEqual([
    503,
    expect.stringContaining("no_healthy_target"),
  ]);
  const back = await run("undrain", origin.host, "--json");
  expect(back.code).toBe(0);
  expect(JSON.parse(back.stdout)).toEqual({
    target: origin.host,
    duty: "serving",
    upstreams: ["app"],
  });
  expect(await state("draining")).toBe(0);
});

it("says which target is missing or unknown", async () => {
  expect(await run("drain", "10.9.9.9:1")).toMatchObject({ code: 1 });
  expect(await run("drain")).toMatchObject({ code: 2 });
  const nobody = await edgelane(["drain", origin.host, "--admin", "127.0.0.1:1"]);
  expect(nobody.code).toBe(3);
});
