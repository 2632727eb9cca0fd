// Every byte value in every lane of a block, in each place of a head, against the ABNF that defines
// the place; and behind blocks of good bytes, so that first blocks, later blocks and tails are all
// met.

import { describe, expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import type { Core } from "../../src/core/core.ts";
import { coreOf, ENGINES, latin1 } from "./engines.ts";

const LANES = 16;
const isAlphaNumeric = (byte: number): boolean => /[0-9A-Za-z]/.test(String.fromCharCode(byte));
const isOneOf = (characters: string, byte: number): boolean =>
  characters.includes(String.fromCharCode(byte));

/** RFC 9110 section 5.6.2. */
const isTchar = (byte: number): boolean => isAlphaNumeric(byte) || isOneOf("!#$%&'*+-.^_`|~", byte);
/** RFC 9110 section 5.5. */
const isValueByte = (byte: number): boolean =>
  byte === 0x09 || (byte >= 0x20 && byte <= 0x7e) || byte >= 0x80;
/** VCHAR but "#". */
const isTargetByte = (byte: number): boolean => byte > 0x20 && byte < 0x7f && byte !== 0x23;
/** RFC 3986 section 3.2.2. */
const isRegNameByte = (byte: number): boolean =>
  isAlphaNumeric(byte) || isOneOf("-._~!$&'()*+,;=", byte);

interface Place {
  readonly name: string;
  /**
   * Bytes before the place; as many good bytes as there are lanes before the tested one follow, and
   * some after it.
   */
  readonly before: string;
  readonly good: string;
  readonly after: string;
  readonly isMember: (byte: number) => boolean;
  /** Bytes that end the place or mean something else in it. */
  readonly except: string;
}

const PLACES: readonly Place[] = [
  {
    name: "RFC 9112 3.1 method",
    before: "",
    good: "M",
    after: " / HTTP/1.0\r\n\r\n",
    isMember: isTchar,
    except: " \r\n",
  },
  {
    name: "RFC 9112 3.2 request-target",
    before: "GET /?",
    good: "t",
    after: " HTTP/1.0\r\n\r\n",
    isMember: isTargetByte,
    except: " \r\n",
  },
  {
    name: "RFC 9112 5.1 field name",
    before: "GET / HTTP/1.0\r\n",
    good: "n",
    after: ": v\r\n\r\n",
    isMember: isTchar,
    except: ":",
  },
  {
    name: "RFC 9110 5.5 field value",
    before: "GET / HTTP/1.0\r\nX: ",
    good: "v",
    after: "\r\n\r\n",
    isMember: isValueByte,
    except: "\r\n",
  },
  {
    name: "RFC 3986 3.2.2 host",
    before: "GET / HTTP/1.1\r\nHost: ",
    good: "h",
    after: "\r\n\r\n",
    isMember: isRegNameByte,
    except: ":%\r\n \t",
  },
];

function parses(core: Core, bytes: Uint8Array, input: number): boolean {
  core.bytes.set(bytes, input);
  core.resetRecord(core.scratchRecord);
  const status = core.parseRequestHead(core.scratchRecord, input, bytes.length);
  return status === layout.STATUS_COMPLETE;
}

describe.each(ENGINES)("byte classes on %s", (engine) => {
  const core = coreOf(engine);

  test.each(PLACES)("$name: 256 bytes in 16 lanes", (place) => {
    const wrong: string[] = [];
    const longest = place.name.includes("method") ? LANES : 2 * LANES;
    for (let lane = 0; lane < longest; lane++) {
      const text =
        place.before + place.good.repeat(lane) + "\0" + place.good.repeat(3) + place.after;
      const bytes = latin1(text);
      const at = place.before.length + lane;
      for (let byte = 0; byte < 256; byte++) {
        if (isOneOf(place.except, byte)) continue;
        bytes[at] = byte;
        const expected = place.isMember(byte);
        const inMiddle = parses(core, bytes, core.scratchInput);
        const atEnd = parses(core, bytes, core.bytes.length - bytes.length);
        if (inMiddle !== expected || atEnd !== expected) wrong.push(`${byte} in lane ${lane}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
