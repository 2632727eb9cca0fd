// The line that is shown below all others: what is printed goes above it, and nothing of it stays.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createTerminal } from "../../src/cli/terminal.ts";

const CLEAR = "\r\u001b[K";
let written = "";

beforeEach(() => {
  written = "";
  const write = (text: string | Uint8Array): boolean => {
    written += String(text);
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(write);
  vi.spyOn(process.stderr, "write").mockImplementation(write);
});
afterEach(() => vi.restoreAllMocks());

test("lines go above what is shown, and it is replaced and taken away", () => {
  const terminal = createTerminal();
  terminal.show("1/2");
  terminal.print("a line");
  terminal.complain("a mistake");
  terminal.show("2/2");
  terminal.show("");
  terminal.print("done");
  const lines = written.split(CLEAR);
  vi.restoreAllMocks();
  expect(lines).toEqual([
    "",
    "1/2",
    "a line\n1/2",
    expect.stringMatching(/edgelane:.* a mistake\n1\/2$/),
    "2/2",
    "done\n",
  ]);
});

test("where nothing is shown, nothing is cleared", () => {
  const terminal = createTerminal();
  terminal.show("");
  terminal.print("a line");
  const text = written;
  vi.restoreAllMocks();
  expect(text).toBe("a line\n");
});
