// Owns the forms that a config value can have: how a valid one is described, recognised, and
// guessed from a wrong one. Every leaf of the key tables (config-keys.ts) has one. Pure, and
// without zod: zero-config start-up never loads it.

import { isIP } from "node:net";
import { isCidr } from "./trust-network.ts";
import { parseAddress, parseAuthority, parseTarget } from "./listen-address.ts";
import { parseHashBy } from "./affinity.ts";
import { FALLBACK_CAUSES } from "./fallback-causes.ts";
import { readRedisUrl } from "./redis-address.ts";
import { parseMatch } from "./route-match.ts";
import { nearestWord } from "./suggestion.ts";
import {
  parseByteRate,
  parseDuration,
  parsePercentile,
  parseRate,
  parseShare,
  parseSize,
} from "./config-units.ts";

export interface Form {
  readonly json: readonly ("string" | "integer" | "boolean" | "function")[];
  /** Completes "expected …". */
  readonly expected: string;
  /** The words it may be, where it is one of a few. */
  readonly words: readonly string[];
  /** What editors can check of a string, as a regular expression; "" for nothing. */
  readonly pattern: string;
  /** Only called with a value of a type that `json` names. */
  accepts(value: unknown): boolean;
  /** What was probably meant by a value that was refused. */
  guess(value: unknown): string | null;
  /** More than "expected …" where the form knows better. */
  explain(value: unknown): string | null;
}

/** Node's timers cannot wait longer. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const DURATION_PATTERN = "^\\d+(\\.\\d+)?(ms|s|m|h|d)$";
const SIZE_PATTERN = "^\\d+(\\.\\d+)?([KMGTkmgt]i?[Bb]|[Bb])$";

const nothing = (): null => null;

function textForm(
  expected: string,
  accepts: (text: string) => boolean,
  guess: (value: unknown) => string | null = nothing,
  words: readonly string[] = [],
  pattern = "",
): Form {
  const alternatives = [pattern, ...words.map((word) => `^${word}$`)];
  return {
    json: ["string"],
    pattern: pattern === "" ? "" : alternatives.join("|"),
    expected: words.length === 0 ? expected : `${expected}, or ${words.join(" or ")}`,
    words,
    accepts: (value) => words.includes(String(value)) || accepts(String(value)),
    guess: (value) => {
      const text = guess(value);
      return text !== null && accepts(text) ? text : null;
    },
    explain: nothing,
  };
}

function durationForm(maxMs: number, words: readonly string[]): Form {
  const accepts = (text: string): boolean => {
    const ms = parseDuration(text);
    return ms !== null && ms >= 1 && ms <= maxMs;
  };
  const guess = (value: unknown): string | null => {
    if (typeof value === "number") return `${value}s`;
    const text = String(value).trim().toLowerCase().replaceAll(" ", "");
    const word = /^(\d+(?:\.\d+)?)(milli|sec|min|hour|hr|day)/.exec(text);
    if (word === null) return /^\d+$/.test(text) ? `${text}s` : text;
    return `${word[1] ?? ""}${word[2] === "milli" ? "ms" : (word[2] ?? "").slice(0, 1)}`;
  };
  return textForm(
    "a duration such as 500ms, 5s, 10m, 1h or 1d",
    accepts,
    guess,
    words,
    DURATION_PATTERN,
  );
}

function sizeForm(words: readonly string[]): Form {
  const accepts = (text: string): boolean => (parseSize(text) ?? 0) >= 1;
  const guess = (value: unknown): string | null => {
    if (typeof value === "number") return `${value}B`;
    const text = String(value).replaceAll(" ", "").toUpperCase();
    if (/^\d+$/.test(text)) return `${text}B`;
    return /^[\d.]+[KMGT]$/.test(text) ? `${text}B` : text;
  };
  return textForm("a size such as 64KB, 512MB or 1GiB", accepts, guess, words, SIZE_PATTERN);
}

/** A duration that a timer waits for. */
export const DURATION = durationForm(TIMER_MS_MAX, []);
export const DURATION_OR_OFF = durationForm(TIMER_MS_MAX, ["off"]);
/** A freshness lifetime, which no timer waits for: up to ten years. */
export const LIFETIME = durationForm(3650 * 86_400_000, []);
export const LIFETIME_OR_OFF = durationForm(3650 * 86_400_000, ["off"]);
/** One that may be none at all. */
export const LIFETIME_OR_NEVER: Form = {
  ...LIFETIME,
  expected: `${LIFETIME.expected}, or 0s for never`,
  accepts: (value) => value === "0s" || LIFETIME.accepts(value),
};
export const SIZE = sizeForm([]);
export const SIZE_OR_OFF = sizeForm(["off"]);

export const RATE = textForm(
  "a rate such as 100/s, 30/m or 1000/h",
  (text) => {
    return (parseRate(text) ?? 0) > 0;
  },
  (value) => (typeof value === "number" ? `${value}/s` : String(value).replaceAll(" ", "")),
);

export const BYTE_RATE_OR_OFF = textForm(
  "a rate such as 240B/s or 1KB/s",
  (text) => (parseByteRate(text) ?? 0) >= 1,
  (value) => (typeof value === "number" ? `${value}B/s` : `${String(value)}/s`),
  ["off"],
);

export const SHARE = textForm(
  "a share such as 20% or 0.5%",
  (text) => parseShare(text) !== null,
  (value) => {
    const share = Number(value);
    return share > 0 && share < 1 ? `${share * 100}%` : `${String(value)}%`;
  },
);

export const SHARE_OR_OFF = textForm(
  "a share such as 20% or 0.5%",
  (text) => parseShare(text) !== null,
  (value) => (typeof value === "number" ? `${value}%` : String(value).replaceAll(" ", "")),
  ["off"],
);

const guessPercentile = (value: unknown): string => `p${String(value).replace(/[^\d.]/g, "")}`;

function percentileForm(words: readonly string[]): Form {
  return textForm(
    "a percentile from p50 to p99.9",
    (text) => parsePercentile(text) !== null,
    guessPercentile,
    words,
  );
}

export const PERCENTILE = percentileForm([]);
export const PERCENTILE_OR_OFF = percentileForm(["off"]);

export const LISTEN_ADDRESS = textForm(
  'an address such as ":8080", "127.0.0.1:8080" or "[::1]:8080"',
  (text) => parseAddress(text) !== null,
  (value) => (/^\d+$/.test(String(value)) ? `:${String(value)}` : `${String(value)}:8080`),
);

export const ADMIN_ADDRESS = textForm(
  "an address such as 127.0.0.1:9180",
  (text) => parseAddress(text)?.secure === false,
  (value) => (/^:?\d+$/.test(String(value)) ? `127.0.0.1:${String(value).replace(":", "")}` : null),
  ["off"],
);

export const TARGET_URL = textForm(
  "a URL of scheme, host and port, such as http://10.0.0.11:3000, or unix:/run/app.sock" +
    " or http+srv://_http._tcp.example.com",
  (text) => parseTarget(text) !== null,
  (value) => {
    const text = String(value);
    if (text.startsWith("/")) return `unix:${text}`;
    if (URL.canParse(text) && /^https?:/i.test(text)) return new URL(text).origin;
    return `http://${text}`;
  },
);

export const NAME_SERVER = textForm(
  "the address of a name server, such as 10.0.0.2, 10.0.0.2:5353 or [2001:db8::53]:53",
  isNameServer,
);

function isNameServer(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return isIP(text) !== 0;
  const port = Number(match[3] ?? 53);
  return isIP(match[1] ?? match[2] ?? "") !== 0 && port > 0 && port < 65_536;
}

export const REDIS_URL: Form = {
  ...textForm("the URL of a Redis", (text) => "address" in readRedisUrl(text)),
  explain: (value) => {
    const reading = readRedisUrl(String(value));
    return "problem" in reading ? reading.problem : null;
  },
};

export const ANY_URL = textForm("a URL", (text) => URL.canParse(text));

export const NETWORK = textForm(
  "a network such as 10.0.0.0/8, 192.0.2.7/32 or 2001:db8::/32",
  isCidr,
  (value) => `${String(value)}/${String(value).includes(":") ? "128" : "32"}`,
);

export const PATH_OR_OFF = textForm(
  "a path such as /health",
  (text) => /^\/[!-~]*$/.test(text) && !/[?#*]/.test(text),
  (value) => `/${String(value)}`,
  ["off"],
);

export const PATH = textForm("a path such as /healthz", (text) => /^\/[!-~]*$/.test(text));
export const FILE_NAME = textForm("the name of a file", (text) => text !== "");
export const TEXT = textForm("a word", (text) => /^[!-~](?:[ -~]*[!-~])?$/.test(text));
export const SECRET = textForm("at least 16 characters of ASCII without spaces", (text) => {
  return /^[!-~]{16,}$/.test(text);
});
export const ACCESS_LOG = textForm("stdout, off or the name of a file", (text) => text !== "");
export const TAG = textForm("a tag: letters, digits and . _ : / -", (text) => {
  return /^[A-Za-z0-9._:/-]{1,128}$/.test(text);
});

export const FIELD_NAME = textForm("the name of a header field", (text) => TOKEN.test(text));
export const COOKIE_NAME = textForm("the name of a cookie", (text) => TOKEN.test(text));
export const PARAMETER_NAME = textForm(
  "the name of a query parameter as it is sent, or the start of names and a `*`",
  (text) => /^[!-~]+$/.test(text) && !/[&=#*]/.test(text.replace(/\*$/, "")),
);

/** In a key these would be something else than what they select, or select nothing twice. */
export const KEY_FIELD_NAME: Form = {
  ...FIELD_NAME,
  accepts: (value) => FIELD_NAME.accepts(value) && keyFieldProblem(String(value)) === null,
  explain: (value) => keyFieldProblem(String(value)),
};

function keyFieldProblem(name: string): string | null {
  const nameLower = name.toLowerCase();
  if (nameLower === "cookie") return "name single cookies in key.cookies instead";
  if (nameLower === "host") return "the host is in every key";
  if (nameLower === "authorization") {
    return "responses to Authorization are shared only where the origin allows it (RFC 9111 3.5)";
  }
  return NOT_IN_KEYS.test(nameLower) ? "differs with each request, client or hop" : null;
}

const NOT_IN_KEYS =
  /^(?:forwarded|via|traceparent|tracestate|x-forwarded-for|x-real-ip|x-request-id|range|if-.*|cache-control|pragma|connection|content-length|transfer-encoding)$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export const HASH_BY = textForm(
  "ip, path, header:NAME, cookie:NAME or query:NAME",
  (text) => parseHashBy(text) !== null,
  (value) => nearestWord(String(value), ["ip", "path"]),
);

export const HOST_POLICY = textForm(
  "preserve, target or a host name",
  // A slip in one of the two words must not become a host name.
  (text) => isHostPolicy(text) || (parseAuthority(text) !== null && nearPolicy(text) === null),
  (value) => nearPolicy(String(value)),
);

function isHostPolicy(text: string): boolean {
  return text === "preserve" || text === "target";
}

function nearPolicy(text: string): string | null {
  return nearestWord(text, ["preserve", "target"]);
}

export const ROUTE_MATCH: Form = {
  ...textForm("a match such as GET example.com/assets/*", (text) => "match" in parseMatch(text)),
  guess: (value) => {
    const result = parseMatch(String(value));
    return "problem" in result ? result.suggestion : null;
  },
  explain: (value) => {
    const result = parseMatch(String(value));
    return "problem" in result ? result.problem : null;
  },
};

export const BOOLEAN: Form = {
  json: ["boolean"],
  pattern: "",
  expected: "true or false",
  words: [],
  accepts: (value) => typeof value === "boolean",
  guess: (value) => ({ on: "true", yes: "true", off: "false", no: "false" })[String(value)] ?? null,
  explain: nothing,
};

export const MIDDLEWARE: Form = {
  json: ["function"],
  pattern: "",
  expected: "a Hono middleware function, which only a .ts or .js config can hold",
  words: [],
  accepts: (value) => typeof value === "function",
  guess: nothing,
  explain: nothing,
};

export function integer(min: number, max: number): Form {
  const accepts = (value: unknown): boolean => {
    return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
  };
  return {
    json: ["integer"],
    pattern: "",
    expected: `a whole number from ${min} to ${max}`,
    words: [],
    accepts,
    // In quotes it is a word, as "100" is in YAML.
    guess: (value) => (typeof value === "string" && accepts(Number(value)) ? value : null),
    explain: nothing,
  };
}

/** One of a few words. */
export function oneOf(...words: string[]): Form {
  const last = words.at(-1) ?? "";
  const expected = words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
  return {
    ...textForm(expected, () => false),
    words,
    accepts: (value) => words.includes(String(value)),
    guess: (value) => nearestWord(String(value), words),
  };
}

const RETRY_WORDS = ["connect", "reset", "timeout", "refused-stream"];

/** A failure that may be tried again, or a status of the origin's. */
export const RETRY_REASON: Form = {
  ...integerOr(integer(500, 599), ...RETRY_WORDS),
  guess: (value) => nearestWord(String(value), RETRY_WORDS),
};

export const FALLBACK_CAUSE: Form = {
  ...integerOr(integer(500, 599), ...FALLBACK_CAUSES),
  guess: (value) => nearestWord(String(value), FALLBACK_CAUSES),
};

/** A whole number or one of a few words. */
export function integerOr(number: Form, ...words: string[]): Form {
  return {
    ...number,
    json: ["integer", "string"],
    expected: `${number.expected}, or ${words.join(" or ")}`,
    words,
    accepts: (value) => words.includes(String(value)) || number.accepts(value),
  };
}
