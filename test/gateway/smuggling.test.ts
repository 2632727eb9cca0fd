// Request smuggling by framing fields that are almost what they should be: every byte that some
// parser strips, folds or reads as a separator, at every place of Transfer-Encoding and
// Content-Length, alone and beside the other one. Which of them are refused is in test/wire and
// test/core; here an origin server says what it got. Whatever it strips, folds or ignores, it must
// find one framing and the requests that the gateway meant.

import { afterAll, beforeAll, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { echo, linesOf } from "../support/origin-scripts.ts";
import { RawClient } from "../support/raw-client.ts";

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
/** Empty where it is read as chunked; a whole request is behind it then. */
const CONTENT = `0\r\n\r\n${SMUGGLED}`;
const LENGTH = `Content-Length: ${CONTENT.length}`;
const CODING = "Transfer-Encoding: chunked";

/** Controls, separators, quotes, and what trims, case mappings and decoders take for a space. */
const BYTES = [
  ...Array.from({ length: 0x21 }, (_, byte) => byte),
  ...[..."\"',;:\\_/(=@%"].map((character) => character.charCodeAt(0)),
  ...[0x7f, 0x80, 0x82, 0x85, 0x96, 0xa0, 0xad, 0xff],
];

/** A field line with something put into it, by what it is called. */
const PLACES: readonly (readonly [string, (name: string, value: string, put: string) => string])[] =
  [
    ["before the name", (name, value, put) => `${put}${name}: ${value}`],
    ["within the name", (name, value, put) => `${name.replace("-", put)}: ${value}`],
    ["beside the hyphen", (name, value, put) => `${name.replace("-", `${put}-`)}: ${value}`],
    ["behind the name", (name, value, put) => `${name}${put}: ${value}`],
    ["for the space", (name, value, put) => `${name}:${put}${value}`],
    ["before the value", (name, value, put) => `${name}: ${put}${value}`],
    ["within the value", (name, value, put) => `${name}: ${value[0]}${put}${value.slice(1)}`],
    ["behind the value", (name, value, put) => `${name}: ${value}${put}`],
    ["behind another field's line", (name, value, put) => `X: y${put}${name}: ${value}`],
    ["behind the request line", (name, value, put) => `${put}\r\n${name}: ${value}`],
    ["and a space behind the line", (name, value, put) => `X: y\r\n${put} ${name}: ${value}`],
  ];

/** What is sent beside the field: nothing, or the other framing on either side of it. */
function headersWith(line: string, other: string): string[] {
  return [line, `${line}\r\n${other}`, `${other}\r\n${line}`];
}

let origin: TestOrigin;
let gateway: TestGateway;

beforeAll(async () => {
  origin = await startOrigin(echo);
  gateway = await startGateway({
    upstreams: { app: origin.url },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
});
afterAll(async () => {
  await origin.close();
  await gateway.close();
});

/** Sends a request and one behind it; resolves when the gateway has closed the connection. */
async function attack(fields: string): Promise<void> {
  const client = await RawClient.connect(gateway.port);
  const head = `POST /first HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n\r\n`;
  await client.send(`${head}${CONTENT}GET /behind HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  client.finish();
  await client.untilEnd();
  await client.close();
}

/** As servers find fields that trim, fold, decode or read "_" for "-". */
function framingOf(head: string): string[] {
  return linesOf(head)
    .filter(([name]) => /^(?:transferencoding|contentlength)$/.test(bare(name)))
    .map(([name, value]) => `${name}: ${value}`);
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^!#$%&'*+.^`|~0-9a-z]/g, "");
}

const FRAMING = /^(?:Content-Length: \d+|Transfer-Encoding: chunked)$/i;
const LANES = 8;

test.each(PLACES)("a byte %s", async (_place, put) => {
  const attacks = BYTES.flatMap((byte) => {
    const character = String.fromCharCode(byte);
    return [
      ...headersWith(put("Transfer-Encoding", "chunked", character), LENGTH),
      ...headersWith(put("Content-Length", String(CONTENT.length), character), CODING),
    ];
  });
  const before = origin.heads.length;
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (let next = attacks.pop(); next !== undefined; next = attacks.pop()) await attack(next);
    }),
  );
  const heads = origin.heads.slice(before);
  for (const head of heads) {
    const framing = framingOf(head);
    expect(framing.length, head).toBeLessThanOrEqual(1);
    for (const line of framing) expect(line).toMatch(FRAMING);
    // Content becomes a request only where nothing said that it is content, to the origin either.
    expect(head).toMatch(/^(?:POST \/first|GET \/behind|GET \/smuggled) HTTP/);
  }
});
