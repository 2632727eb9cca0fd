// Tests what is said about a config that is wrong: each row is a file and every line that `check`
// prints for it, places and suggestions included.

import { describe, expect, it } from "vitest";
import { checkText } from "../../src/gateway/config.ts";
import { formatProblem } from "../../src/gateway/config-problem.ts";

const UPSTREAM = "upstreams: {a: http://127.0.0.1:3000}\n";

function check(text: string, environment = {}, file = "e.yaml"): string[] {
  const { problems } = checkText(text, file, { environment });
  return problems.map((problem) => formatProblem(file, problem));
}

const DURATION = "expected a duration such as 500ms, 5s, 10m, 1h or 1d";
const SIZE = "expected a size such as 64KB, 512MB or 1GiB";

describe("keys", () => {
  const rows: [string, string, string[]][] = [
    [
      "an unknown key",
      `${UPSTREAM}lisen: [":80"]\n`,
      ['e.yaml:2:1: lisen: unknown key; did you mean "listen"?'],
    ],
    ["one that is like none", `${UPSTREAM}zzzzzz: 1\n`, ["e.yaml:2:1: zzzzzz: unknown key"]],
    [
      "one written with a dash",
      `${UPSTREAM}limits: {head-timeout: 5s}\n`,
      ['e.yaml:2:10: limits.head-timeout: unknown key; did you mean "headTimeout"?'],
    ],
    [
      "a failure that is not one",
      "upstreams:\n  a: {targets: [http://h:1], retry: {when: [timeuot, 404]}}\n",
      [
        'e.yaml:2:45: upstreams.a.retry.when[0]: expected a whole number from 500 to 599, or connect or reset or timeout or refused-stream; did you mean "timeout"?',
        "e.yaml:2:54: upstreams.a.retry.when[1]: expected a whole number from 500 to 599, or connect or reset or timeout or refused-stream",
      ],
    ],
    [
      "a percentile without its letter, and one that is no tail",
      "upstreams:\n  a: {targets: [http://h:1], hedge: {at: 95}}\n  b: {targets: [http://h:2], hedge: p20}\n",
      [
        "e.yaml:1:1: routes: which upstream gets what: needed with more than one upstream",
        'e.yaml:2:38: upstreams.a.hedge.at: expected a percentile from p50 to p99.9; did you mean "p95"?',
        "e.yaml:3:30: upstreams.b.hedge: expected a percentile from p50 to p99.9, or off, or a map of at, min",
      ],
    ],
    [
      "more second tries than the budget has",
      "upstreams:\n  a: {targets: [http://h:1], hedge: {at: p75}}\n",
      [
        "e.yaml:2:38: warning: upstreams.a.hedge.at: would try 25 % of the requests twice; retry.budget is 20%",
      ],
    ],
    [
      "deep in a list of maps",
      "upstreams:\n  a:\n    targets:\n      - {url: http://h:1, wieght: 2}\n",
      ['e.yaml:4:27: upstreams.a.targets[0].wieght: unknown key; did you mean "weight"?'],
    ],
    ["a key without a value", `${UPSTREAM}cache:\n`, ["e.yaml:2:1: cache: has no value"]],
    [
      "a missing key",
      `${UPSTREAM}routes:\n  - {to: a}\n`,
      ["e.yaml:3:5: routes[0].match: is required"],
    ],
    [
      "a prototype is no key",
      `${UPSTREAM}__proto__: {health: off}\n`,
      ["e.yaml:2:1: __proto__: unknown key"],
    ],
    ["an empty file", "", ["e.yaml:1:1: expected a map with at least the key upstreams"]],
    ["a list", "- 1\n", ["e.yaml:1:1: expected a map with at least the key upstreams"]],
    ["no upstreams", "health: off\n", ["e.yaml:1:1: upstreams: at least one upstream is required"]],
  ];
  for (const [name, text, expected] of rows) {
    it(name, () => expect(check(text)).toEqual(expected));
  }
});

describe("values", () => {
  const rows: [string, string, string[]][] = [
    [
      "a duration without a unit",
      "limits: {idleTimeout: 75}\n",
      [`e.yaml:2:10: limits.idleTimeout: ${DURATION}; did you mean "75s"?`],
    ],
    [
      "a duration in words",
      "limits: {idleTimeout: 75 seconds}\n",
      [`e.yaml:2:10: limits.idleTimeout: ${DURATION}; did you mean "75s"?`],
    ],
    [
      "a duration of nothing",
      "limits: {idleTimeout: 0s}\n",
      [`e.yaml:2:10: limits.idleTimeout: ${DURATION}`],
    ],
    [
      "longer than a timer can wait",
      "limits: {idleTimeout: 30d}\n",
      [`e.yaml:2:10: limits.idleTimeout: ${DURATION}`],
    ],
    [
      "a size without a unit",
      "cache: {objectMax: 5M}\n",
      [`e.yaml:2:9: cache.objectMax: ${SIZE}; did you mean "5MB"?`],
    ],
    ["off where it may not be", "limits: {drain: off}\n", [`e.yaml:2:10: limits.drain: ${SIZE}`]],
    [
      "a share as a fraction",
      "tracing: {sample: 0.01}\n",
      [
        "e.yaml:2:1: warning: tracing: not available in this version: tracing; no span is sent, trace fields pass through",
        'e.yaml:2:11: tracing.sample: expected a share such as 20% or 0.5%; did you mean "1%"?',
      ],
    ],
    [
      "a port for an address",
      "listen: [8080]\n",
      [
        'e.yaml:2:10: listen[0]: expected an address such as ":8080", "127.0.0.1:8080" or "[::1]:8080", or a map of address, http3; did you mean ":8080"?',
      ],
    ],
    [
      "a boolean in words",
      "cache: {coalesce: no}\n",
      ['e.yaml:2:9: cache.coalesce: expected true or false; did you mean "false"?'],
    ],
    [
      "a word that is none of them",
      "log: {level: inof}\n",
      [
        'e.yaml:2:7: log.level: expected fatal, error, warn, info, debug, trace or silent; did you mean "info"?',
      ],
    ],
    [
      "an address for a network",
      "trust: [10.0.0.1]\n",
      [
        'e.yaml:2:9: trust[0]: expected a network such as 10.0.0.0/8, 192.0.2.7/32 or 2001:db8::/32; did you mean "10.0.0.1/32"?',
      ],
    ],
    [
      "an octal address in a network",
      "trust: [0177.0.0.1/8]\n",
      [
        "e.yaml:2:9: trust[0]: expected a network such as 10.0.0.0/8, 192.0.2.7/32 or 2001:db8::/32",
      ],
    ],
    [
      "a map for a number",
      "limits: {requests: {}}\n",
      ["e.yaml:2:10: limits.requests: expected a whole number from 1 to 1000000000"],
    ],
    [
      "a number out of bounds",
      "limits: {connections: 0}\n",
      ["e.yaml:2:10: limits.connections: expected a whole number from 1 to 1000000"],
    ],
    [
      "a secret that is too short is not repeated",
      "admin: {token: hunter2}\n",
      ["e.yaml:2:9: admin.token: expected at least 16 characters of ASCII without spaces"],
    ],
  ];
  for (const [name, text, expected] of rows) {
    it(name, () => expect(check(UPSTREAM + text)).toEqual(expected));
  }
});

describe("targets", () => {
  const rows: [string, string, string | null][] = [
    ["no scheme", "10.0.0.1:3000", "http://10.0.0.1:3000"],
    ["a path", "http://10.0.0.1:3000/api", "http://10.0.0.1:3000"],
    ["a query", "http://10.0.0.1:3000?a", "http://10.0.0.1:3000"],
    ["credentials", "http://me:secret@10.0.0.1:3000", "http://10.0.0.1:3000"],
    ["another scheme", "ftp://10.0.0.1", null],
    ["port 0", "http://10.0.0.1:0", null],
    ["a port that is none", "http://10.0.0.1:99999", null],
  ];
  for (const [name, url, suggestion] of rows) {
    it(`refuses ${name}`, () => {
      const question = suggestion === null ? "" : `; did you mean "${suggestion}"?`;
      const [line] = check(`upstreams:\n  a: {targets: ["${url}"]}\n`);
      expect(line).toBe(
        "e.yaml:2:17: upstreams.a.targets[0]: expected a URL of scheme, host and port, " +
          "such as http://10.0.0.11:3000, or unix:/run/app.sock or " +
          "http+srv://_http._tcp.example.com, " +
          `or a map of url, weight, backup, priority, zone${question}`,
      );
    });
  }

  it("refuses an upstream of backups alone", () => {
    expect(check("upstreams:\n  a:\n    targets: [{url: http://h:1, backup: true}]\n")).toEqual([
      "e.yaml:3:5: upstreams.a.targets: every target is a backup; one must not be",
    ]);
  });

  it("refuses an upstream without targets", () => {
    expect(check("upstreams: {a: {targets: []}}\n")).toEqual([
      "e.yaml:1:17: upstreams.a.targets: at least one target is required",
    ]);
  });

  it("warns of a target that is there twice", () => {
    expect(check("upstreams: {a: {targets: [http://h:1, http://h:1]}}\n")).toEqual([
      "e.yaml:1:39: warning: upstreams.a.targets[1]: the same target as targets[0]; their weights add up",
    ]);
  });

  it("takes a slip in the host policy for no host name", () => {
    expect(check("upstreams: {a: {targets: [http://h:1], host: preserv}}\n")).toEqual([
      'e.yaml:1:40: upstreams.a.host: expected preserve, target or a host name; did you mean "preserve"?',
    ]);
  });
});

describe("routes", () => {
  const upstreams = "upstreams: {api: http://h:1, web: http://h:2}\nroutes:\n";
  const rows: [string, string, string[]][] = [
    [
      "an upstream that does not exist",
      "  - {match: /*, to: ap}\n  - {match: /w, to: web}\n",
      [
        "e.yaml:1:13: warning: upstreams.api: no route leads to it",
        'e.yaml:3:17: routes[0].to: no upstream "ap"; did you mean "api"?',
      ],
    ],
    [
      "a match that is none",
      "  - {match: example.com, to: api}\n  - {match: /w, to: web}\n",
      ['e.yaml:3:6: routes[0].match: no path; did you mean "example.com/*"?'],
    ],
    [
      "two of the same match",
      "  - {match: GET A.com/x, to: api}\n  - {match: GET  a.com/x, to: web}\n",
      ["e.yaml:4:6: warning: routes[1].match: never reached: routes[0] has the same match"],
    ],
    [
      "one behind the health path",
      "  - {match: /health, to: api}\n  - {match: /w, to: web}\n",
      [
        "e.yaml:3:6: warning: routes[0].match: never reached: the gateway answers this path itself (health)",
      ],
    ],
    [
      "two of the same name",
      "  - {match: /a, to: api, name: x}\n  - {match: /b, to: web, name: x}\n",
      ["e.yaml:4:26: routes[1].name: routes[0] has this name already"],
    ],
    [
      "none",
      "  []\n",
      [
        "e.yaml:1:13: warning: upstreams.api: no route leads to it",
        "e.yaml:1:30: warning: upstreams.web: no route leads to it",
        "e.yaml:2:1: routes: at least one route is required",
      ],
    ],
    [
      "a lifetime with a slip in its key",
      "  - {match: /a, to: api, cache: {tll: 1h}}\n  - {match: /b, to: web}\n",
      ['e.yaml:3:34: routes[0].cache.tll: unknown key; did you mean "ttl"?'],
    ],
  ];
  for (const [name, text, expected] of rows) {
    it(name, () => expect(check(upstreams + text)).toEqual(expected));
  }

  it("are needed with more than one upstream", () => {
    expect(check("upstreams: {api: http://h:1, web: http://h:2}\n")).toEqual([
      "e.yaml:1:1: routes: which upstream gets what: needed with more than one upstream",
    ]);
  });
});

describe("listeners", () => {
  const rows: [string, string, string[]][] = [
    ["none", "listen: []\n", ["e.yaml:2:1: listen: at least one address is required"]],
    [
      "the same address twice",
      'listen: [":80", "*:80"]\n',
      ["e.yaml:2:17: listen[1]: listen[0] is the same address"],
    ],
    [
      "admin on a public address",
      'listen: ["127.0.0.1:80"]\nadmin: {listen: 127.0.0.1:80}\n',
      ["e.yaml:3:9: admin.listen: the same address as a public listener"],
    ],
    [
      "admin off loopback without a token",
      'admin: {listen: ":9180"}\n',
      ["e.yaml:2:9: admin.listen: any address but loopback needs admin.token"],
    ],
  ];
  for (const [name, text, expected] of rows) {
    it(name, () => expect(check(UPSTREAM + text)).toEqual(expected));
  }
});

describe("variables", () => {
  it("must be set, or say that they may be unset", () => {
    const text = `${UPSTREAM}cache: {redis: $REDIS_URL?}\nadmin: {token: $TOKEN}\n`;
    expect(check(text)).toEqual([
      "e.yaml:3:9: admin.token: the environment has no TOKEN; $TOKEN? may be unset",
    ]);
  });

  it("are not set when they are empty", () => {
    expect(check(`${UPSTREAM}admin: {token: $TOKEN}\n`, { TOKEN: "" })).toEqual([
      "e.yaml:2:9: admin.token: the environment has no TOKEN; $TOKEN? may be unset",
    ]);
  });

  it("keep the places of what follows in a list", () => {
    const text = "upstreams:\n  a:\n    targets:\n      - $ONE?\n      - http://h:1\n      - x y\n";
    expect(check(text)).toEqual([
      "e.yaml:6:9: upstreams.a.targets[2]: expected a URL of scheme, host and port, such as http://10.0.0.11:3000, or unix:/run/app.sock or http+srv://_http._tcp.example.com, or a map of url, weight, backup, priority, zone",
    ]);
  });

  it("are checked like anything else, without their value being shown", () => {
    const lines = check(`${UPSTREAM}admin: {token: $TOKEN}\n`, { TOKEN: "hunter2" });
    expect(lines).toEqual([
      "e.yaml:2:9: admin.token: expected at least 16 characters of ASCII without spaces",
    ]);
  });
});

describe("syntax", () => {
  it("says the first error of YAML alone", () => {
    const lines = check("upstreams: {a: http://h:1\nlisten: [\n  }\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^e\.yaml:2:1: syntax: /);
  });

  it("refuses a key that is there twice", () => {
    expect(check(`${UPSTREAM}health: off\nhealth: /up\n`)).toEqual([
      "e.yaml:3:1: syntax: map keys must be unique",
    ]);
  });

  it("refuses in JSON what only YAML allows", () => {
    const lines = check('{\n  "upstreams": {"a": "http://h:1"},\n}\n', {}, "e.json");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^e\.json:3:1: syntax: /);
  });

  it("places the errors of JSON", () => {
    const text = '{\n\t"upstreams": {\n\t\t"a": "http://h:1"\n\t},\n\t"helth": "off"\n}\n';
    expect(check(text, {}, "e.json")).toEqual([
      'e.json:5:2: helth: unknown key; did you mean "health"?',
    ]);
  });

  const refused: [string, string, string][] = [
    ["an alias without an anchor", "upstreams: *u\n", '1:12: syntax: no anchor "u" before this'],
    [
      "an alias of itself",
      "upstreams: &u {a: *u}\n",
      "1:19: syntax: an anchor inside of what it names",
    ],
    ["a tag", "upstreams: {a: !!binary aGk=}\n", "1:25: syntax: tags are not supported"],
    ["an unknown tag", "upstreams: {a: !x http://h:1}\n", "1:19: syntax: tags are not supported"],
    ["a key that is a map", "? {a: b}\n: c\n", "1:3: syntax: a key must be a word"],
    [
      "two documents",
      "health: off\n---\nhealth: off\n",
      "2:1: syntax: source contains multiple documents",
    ],
    [
      "a merge of no map",
      "upstreams: {<<: 5}\n",
      "1:1: syntax: merge sources must be maps or map aliases",
    ],
    ["tabs", "upstreams:\n\ta: http://h:1\n", "2:1: syntax: tabs are not allowed as indentation"],
  ];
  for (const [name, text, expected] of refused) {
    it(`refuses ${name}`, () => expect(check(text)).toEqual([`e.yaml:${expected}`]));
  }

  it("refuses aliases that multiply", () => {
    const nine = (name: string): string => `[${Array.from({ length: 9 }, () => name).join(", ")}]`;
    const text = `a: &a ${nine("x")}\nb: &b ${nine("*a")}\nc: &c ${nine("*b")}\nd: ${nine("*c")}\n`;
    const lines = check(text);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^e\.yaml:1:1: syntax: excessive alias count/);
  });

  it("follows anchors and merges", () => {
    const text =
      "upstreams:\n  a: &a {targets: [http://h:1], pool: &p {queue: 5}}\n" +
      "  b: {<<: *a, pool: *p}\nroutes:\n  - {match: /a, to: a}\n  - {match: /b, to: b}\n";
    expect(check(text)).toEqual([]);
  });
});

it("says everything in one pass, by line", () => {
  const text = [
    'listen: [":80", 90]',
    "limits: {body: 1}",
    "upstreams:",
    "  api: http://h:1",
    "routes:",
    "  - {match: /x, to: apj, cash: auto}",
    "  - {match: y, to: api}",
    "log: {levl: info}",
    "",
  ].join("\n");
  const places = check(text).map((line) => /^e\.yaml:(\d+:\d+): (\S+):/.exec(line)?.slice(1, 3));
  expect(places).toEqual([
    ["1:17", "listen[1]"],
    ["2:10", "limits.body"],
    ["6:17", "routes[0].to"],
    ["6:26", "routes[0].cash"],
    ["7:6", "routes[1].match"],
    ["8:7", "log.levl"],
  ]);
});

describe("what a route stores", () => {
  const route = (cache: string): string =>
    `${UPSTREAM}routes:\n  - match: /*\n    to: a\n    cache: ${cache}\n`;
  const STATUS = "expected a status code that is stored, such as 404, or a class such as 5xx";
  const at = (column: number, key: string): string => `e.yaml:5:${column}: routes[0].cache${key}: `;
  const rows: [string, string, string[]][] = [
    ["nothing", "{}", [`${at(5, "")}says nothing; did you mean "auto"?`]],
    [
      "a class that is none",
      "{status: {4xy: 1m}}",
      [`${at(22, ".status.4xy")}${STATUS}; did you mean "4xx"?`],
    ],
    ["a part", "{status: {206: 1m}}", [`${at(22, ".status.206")}${STATUS}`]],
    [
      "a number without a unit",
      "{status: {404: 60}}",
      [`${at(22, ".status.404")}${DURATION}, or 0s for never; did you mean "60s"?`],
    ],
    [
      "both lists",
      "{key: {query: {allow: [a], deny: [b]}}}",
      [`${at(19, ".key.query")}allow and deny: one of them says it all`],
    ],
    [
      "a slip",
      "{key: {query: {alow: [a]}}}",
      [`${at(27, ".key.query.alow")}unknown key; did you mean "allow"?`],
    ],
    [
      "Cookie as a field",
      "{key: {headers: [Cookie]}}",
      [`${at(29, ".key.headers[0]")}name single cookies in key.cookies instead`],
    ],
    [
      "a field of one request",
      "{key: {headers: [X-Request-Id]}}",
      [`${at(29, ".key.headers[0]")}differs with each request, client or hop`],
    ],
  ];
  for (const [name, cache, expected] of rows) {
    it(name, () => expect(check(route(cache))).toEqual(expected));
  }

  it("one of each", () => {
    const key = "key: {query: {deny: [utm_*], sort: true}, headers: [X-A], cookies: [tier]}";
    const times = "ttl: 1h, status: {404: 1m, 5xx: 0s}, maxTtl: 1d, objectMax: 1MB";
    const bypass = "bypass: {cookies: [s], headers: [X-P]}";
    expect(check(route(`{${times}, ${key}, ${bypass}}`))).toEqual([]);
    expect(check(route("{key: {query: none}}"))).toEqual([]);
  });
});

describe("fallbacks", () => {
  const two = "upstreams:\n  a: {targets: [http://h:1], fallback: [FALLBACK]}\n  b: http://h:2\n";
  const routes = "routes:\n  - {match: /*, to: a}\n";
  const rows: [string, string, string[]][] = [
    [
      "an upstream that is not there",
      "{to: bb}",
      ['e.yaml:2:42: upstreams.a.fallback[0].to: no upstream "bb"; did you mean "b"?'],
    ],
    [
      "itself",
      "{to: a}",
      ["e.yaml:2:42: upstreams.a.fallback[0].to: leads back to itself: a -> a"],
    ],
    [
      "both at once",
      "{to: b, page: p.html}",
      [
        "e.yaml:2:41: upstreams.a.fallback[0]: needs one of the two: to, an upstream, or page, a file",
        "e.yaml:2:49: upstreams.a.fallback[0].page: cannot be read: ENOENT",
      ],
    ],
    [
      "a status without a page",
      "{to: b, status: 500}",
      ["e.yaml:2:49: upstreams.a.fallback[0].status: is for a page; an upstream has its own"],
    ],
    [
      "a page of a kind that is not known",
      "{page: p.exe}",
      [
        "e.yaml:2:42: upstreams.a.fallback[0].page: expected a file that ends in .html, .htm, .json, .txt, .xml, .svg",
      ],
    ],
    [
      "a cause that is none",
      "{to: b, on: [conect_refused]}",
      [
        `e.yaml:2:54: upstreams.a.fallback[0].on[0]: expected a whole number from 500 to 599, or ${[
          "no_healthy_target",
          "connect_refused",
          "connect_timeout",
          "tls_error",
          "upstream_reset",
          "upstream_invalid",
          "headers_timeout",
          "breaker_open",
          "queue_full",
        ].join(" or ")}; did you mean "connect_refused"?`,
      ],
    ],
    ["one that is right, and makes an upstream of no route used", "{to: b, on: [503]}", []],
  ];
  for (const [name, fallback, expected] of rows) {
    it(name, () => {
      const text = two.replace("FALLBACK", fallback) + routes;
      const problems = check(text).filter((line) => !line.includes("no route leads to it"));
      expect(problems).toEqual(expected);
    });
  }

  it("in a circle, and back to the upstream of a route", () => {
    const text = `upstreams:
  a: {targets: [http://h:1], fallback: [{to: b}]}
  b: {targets: [http://h:2], fallback: [{to: c}]}
  c: {targets: [http://h:3], fallback: [{to: b}]}
routes:
  - {match: /*, to: c, fallback: [{to: b}]}
  - {match: /a, to: a}
`;
    expect(check(text)).toEqual([
      "e.yaml:3:42: upstreams.b.fallback[0].to: leads back to itself: b -> c -> b",
      "e.yaml:4:42: upstreams.c.fallback[0].to: leads back to itself: c -> b -> c",
      "e.yaml:6:36: routes[0].fallback[0].to: leads back to itself: c -> b -> c",
    ]);
  });
});
