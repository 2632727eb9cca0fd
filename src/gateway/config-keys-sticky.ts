// Owns the rows of the key table for sticky cookies. A default is stated once, here, with its
// reason.

import type { ConfigKey } from "./config-keys.ts";
import * as form from "./config-forms.ts";

export const STICKY_KEYS: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.sticky.secrets[]",
    form: form.SECRET,
    default: null,
    required: true,
    about:
      "A client comes back to its target by a cookie that these sign: the first signs, all are taken. Write `$NAME`.",
    reason: "A cookie that anybody could make would let clients choose targets.",
    secret: true,
  },
  {
    key: "upstreams.<name>.sticky.cookie",
    form: form.COOKIE_NAME,
    default: null,
    about: "Its name. Neither origin nor cache see it.",
    reason: "`edgelane-` and the upstream's name: two upstreams of one site do not share it.",
  },
  {
    key: "upstreams.<name>.sticky.maxAge",
    form: form.LIFETIME_OR_OFF,
    default: "off",
    about: "How long the client keeps it; `off`: until the browser is closed.",
    reason: "A session of the application seldom outlives the browser's.",
  },
  {
    key: "upstreams.<name>.sticky.path",
    form: form.PATH,
    default: "/",
    about: "Paths that it is sent with.",
    reason: "A session spans the site.",
  },
  {
    key: "upstreams.<name>.sticky.secure",
    form: form.oneOf("auto", "on", "off"),
    default: "auto",
    about: "Whether it is sent over TLS alone; auto: where the request came over TLS.",
    reason: "Over cleartext a Secure cookie would be dropped.",
  },
  {
    key: "upstreams.<name>.sticky.sameSite",
    form: form.oneOf("lax", "strict", "none"),
    default: "lax",
    about: "Whether requests that other sites cause carry it.",
    reason: "What browsers do by themselves, and links from elsewhere find the session.",
  },
  {
    key: "upstreams.<name>.sticky.httpOnly",
    form: form.BOOLEAN,
    default: true,
    about: "Whether scripts of the page cannot read it.",
    reason: "No script needs it.",
  },
];
