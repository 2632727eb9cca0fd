// Owns the rows of the key table for how names of targets are resolved. A default is stated once,
// here, with its reason.

import type { ConfigKey } from "./config-keys.ts";
import * as form from "./config-forms.ts";

export const DNS_KEYS: readonly ConfigKey[] = [
  {
    key: "dns",
    form: form.oneOf("off"),
    default: null,
    about: "`off`: the system resolves a target's name with each connection to it.",
    reason: "On: each address of a name is a target, and changes are followed.",
  },
  {
    key: "dns.servers[]",
    form: form.NAME_SERVER,
    default: null,
    about: "Name servers, asked in this order; then no hosts file and no search domain counts.",
    reason: "None: the system's, its hosts file first.",
  },
  {
    key: "dns.family",
    form: form.oneOf("auto", "4", "6"),
    default: "auto",
    about:
      "Addresses that are used: IPv4 where a name has any, else IPv6 (auto), or one of the two. One of each is one target, and a connection tries both.",
    reason: "IPv4 works wherever IPv6 does, and in many containers where it does not.",
  },
  {
    key: "dns.timeout",
    form: form.DURATION,
    default: "2s",
    about: "For one question to one server, which is asked twice.",
    reason: "A resolver that is alive answers within a second; nothing waits for it meanwhile.",
  },
  {
    key: "dns.minTtl",
    form: form.DURATION,
    default: "1s",
    about: "A name is looked up again after its TTL, not before this.",
    reason: "A TTL of 0 must not become a flood of questions.",
  },
  {
    key: "dns.maxTtl",
    form: form.DURATION,
    default: "5m",
    about: "… and not after this, up to a tenth earlier by chance.",
    reason: "A TTL of a day would keep an address that has moved for a day.",
  },
  {
    key: "dns.retry",
    form: form.DURATION,
    default: "5s",
    about:
      "How soon a name that could not be looked up is looked up again; twice as long each time in a row, up to a minute.",
    reason: "The last good answer serves meanwhile.",
  },
];
