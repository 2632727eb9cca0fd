// Tests that a config can be shown without its secrets, and that what is shown is plain JSON.

import { expect, test } from "vitest";
import { redactConfig } from "../../src/gateway/config-redaction.ts";

test.each([
  ["a token", { token: "abc" }, { token: "[redacted]" }],
  ["no token", { token: null }, { token: null }],
  ["a secret that is a structure", { clientSecret: { a: 1 } }, { clientSecret: "[redacted]" }],
  [
    "names of secrets in lists",
    [{ password: "abc", user: "u" }],
    [{ password: "[redacted]", user: "u" }],
  ],
  ["userinfo in a URL", "rediss://:p%40ss@host:6379", "rediss://[redacted]@host:6379"],
  ["an @ in a password", "redis://u:p@ss@host/0", "redis://[redacted]@host/0"],
  ["the query of a URL", "https://host/hook?key=abc#f", "https://host/hook?[redacted]#f"],
  ["a URL without either", "http://10.0.0.1:3000", "http://10.0.0.1:3000"],
  ["a path with an @", "/a@b?c", "/a@b?c"],
  ["PEM text", "-----BEGIN EC PRIVATE KEY-----\nabc", "[redacted]"],
  ["a file name of a key", { key: "key.pem" }, { key: "key.pem" }],
  [
    "a map",
    new Map([["api", { apiKey: "abc", weight: 1 }]]),
    { api: { apiKey: "[redacted]", weight: 1 } },
  ],
  ["a set", new Set(["a"]), ["a"]],
  ["no end", { bodyBytesMax: Number.POSITIVE_INFINITY }, { bodyBytesMax: "Infinity" }],
  ["a function", { use: [function limit() {}] }, { use: ["[function limit]"] }],
  ["a pattern", /^a+$/, "/^a+$/"],
])("%s", (_, config, shown) => {
  expect(JSON.parse(JSON.stringify(redactConfig(config)))).toEqual(shown);
});
