// What `check` says of upstreams whose keys contradict each other or change nothing: each row is a
// file and every line that is printed for it.

import { expect, it } from "vitest";
import { checkText } from "../../src/gateway/config.ts";
import { formatProblem } from "../../src/gateway/config-problem.ts";

const DURATION = "expected a duration such as 500ms, 5s, 10m, 1h or 1d";

function check(text: string): string[] {
  const { problems } = checkText(text, "e.yaml", { environment: {} });
  return problems.map((problem) => formatProblem("e.yaml", problem));
}

/** Behind "upstreams:\n  a:\n". */
const contradictions: [string, string, string[]][] = [
  [
    "the same target in two spellings",
    "    targets: [http://H:80, http://h/]\n",
    [
      "e.yaml:3:28: warning: upstreams.a.targets[1]: the same target as targets[0]; their weights add up",
    ],
  ],
  [
    "one place, two schemes",
    "    targets: [http://h:443, https://h]\n",
    ["e.yaml:3:29: upstreams.a.targets[1]: targets[0] has this host and port, with another scheme"],
  ],
  [
    "nobody gets a request",
    "    targets: [{url: http://h:1, weight: 0}]\n",
    ["e.yaml:3:5: warning: upstreams.a.targets: every target has weight 0: no request is answered"],
  ],
  [
    "limits that end what others allow",
    "    targets: [http://h:1]\n    timeout: {total: 5s, headers: 10s, idle: 5s}\n    pool: {queueTimeout: 6s, keepAlive: 2m}\n    health: {path: /, eject: {for: 10m}}\n",
    [
      "e.yaml:4:26: warning: upstreams.a.timeout.headers: longer than timeout.total, which ends the exchange before",
      "e.yaml:5:12: warning: upstreams.a.pool.queueTimeout: longer than timeout.total, which ends the exchange before",
      "e.yaml:5:30: warning: upstreams.a.pool.keepAlive: above the 60 s after which most servers and balancers close: the origin would be first",
      "e.yaml:6:31: warning: upstreams.a.health.eject.for: eject.for is longer than eject.forMax allows",
    ],
  ],
  [
    "h2 without TLS, TLS without a target that has it",
    "    targets: [http://h:1]\n    protocol: h2\n    tls: {serverName: h}\n",
    [
      "e.yaml:4:5: warning: upstreams.a.protocol: targets[0] has no TLS: HTTP/2 is spoken to it unasked (h2c), and few servers understand that",
      "e.yaml:5:5: warning: upstreams.a.tls: not used: no target is https",
    ],
  ],
  [
    "keys without effect",
    "    targets: [{url: http://h:1, zone: z}]\n    hash: {by: path}\n    health: {every: 5s}\n    retry: {attempts: 1, when: [503]}\n",
    [
      "e.yaml:3:33: warning: upstreams.a.targets[0].zone: not used: the gateway's own zone is not set",
      "e.yaml:4:5: warning: upstreams.a.hash: not used: balance is adaptive",
      "e.yaml:5:14: warning: upstreams.a.health.every: not used: no checks are made without health.path",
      "e.yaml:6:26: warning: upstreams.a.retry.when: not used: attempts is 1, so nothing is retried",
    ],
  ],
  [
    "a cookie that nothing signs, or that browsers refuse",
    "    targets: [http://h:1]\n    sticky: {secrets: [$NONE?], sameSite: none, secure: off}\n",
    [
      "e.yaml:4:14: upstreams.a.sticky.secrets: at least one secret is required",
      'e.yaml:4:49: upstreams.a.sticky.secure: browsers refuse sameSite: none without it; did you mean "on"?',
    ],
  ],
  [
    "a secret that is short",
    "    targets: [http://h:1]\n    sticky: {secrets: [short]}\n",
    [
      "e.yaml:4:24: upstreams.a.sticky.secrets[0]: expected at least 16 characters of ASCII without spaces",
    ],
  ],
  [
    "name servers by name, and bounds that cross",
    "    targets: [http://h:1, http+srv://_http._tcp.h.test]\ndns: {servers: [ns.test], minTtl: 1h}\n",
    [
      "e.yaml:4:17: dns.servers[0]: expected the address of a name server, such as 10.0.0.2, 10.0.0.2:5353 or [2001:db8::53]:53",
      "e.yaml:4:27: dns.minTtl: dns.minTtl is longer than dns.maxTtl",
    ],
  ],
  [
    "everything at once, in the order of the file",
    "    targets: [http://h:1, http://h:1]\n    balanse: hash\n    timeout: {total: 1s, idle: 2s, connect: 5}\n",
    [
      "e.yaml:3:27: warning: upstreams.a.targets[1]: the same target as targets[0]; their weights add up",
      'e.yaml:4:5: upstreams.a.balanse: unknown key; did you mean "balance"?',
      "e.yaml:5:26: warning: upstreams.a.timeout.idle: longer than timeout.total, which ends the exchange before",
      `e.yaml:5:36: upstreams.a.timeout.connect: ${DURATION}; did you mean "5s"?`,
    ],
  ],
];
for (const [name, text, expected] of contradictions) {
  it(name, () => expect(check(`upstreams:\n  a:\n${text}`)).toEqual(expected));
}
