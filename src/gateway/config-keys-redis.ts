// Owns the rows of the key table for the second tier of the cache.

import type { ConfigKey } from "./config-keys.ts";
import * as form from "./config-forms.ts";

export const REDIS_KEYS: readonly ConfigKey[] = [
  {
    key: "cache.redis",
    form: form.REDIS_URL,
    default: null,
    secret: true,
    about:
      "Second cache tier, shared by instances: redis://, rediss:// (TLS), redis-cluster://a,b, " +
      "redis-sentinel://a,b#master or unix:///path. A map where more than a URL is to be said.",
    reason: "One instance needs none.",
    outcome: "without an answer in time a request goes on to the origin, as without Redis",
  },
  {
    key: "cache.redis.url",
    form: form.REDIS_URL,
    default: null,
    required: true,
    secret: true,
    about: "As `cache.redis`.",
    reason: "Which Redis.",
  },
  {
    key: "cache.redis.password",
    form: form.TEXT,
    default: null,
    secret: true,
    about: "Password, where it is not in the URL.",
    reason: "None: a Redis of one's own network often has none.",
  },
  {
    key: "cache.redis.ca",
    form: form.FILE_NAME,
    default: null,
    about: "Certificates (PEM) that a rediss:// server is checked against.",
    reason: "The system's.",
  },
  {
    key: "cache.redis.prefix",
    form: form.TEXT,
    default: "edgelane:",
    about: "What every key in Redis starts with. Gateways with the same one share their cache.",
    reason: "One Redis may serve others too.",
  },
  {
    key: "cache.redis.hedge",
    form: form.DURATION,
    default: "2ms",
    about:
      "How long a request waits for an answer of Redis alone. More than Redis usually takes, or " +
      "it spares the origin nothing.",
    reason: "Ten times what Redis takes in the same network; hardly anybody notices it.",
    outcome: "the origin is asked too, and the first answer is used; others ask Redis nothing now",
  },
  {
    key: "cache.redis.timeout",
    form: form.DURATION,
    default: "20ms",
    about: "For each answer of Redis.",
    reason: "A hundred times what Redis takes; shorter than any origin worth caching.",
    outcome: "a miss; five in a row, and Redis is left alone until it answers a probe",
  },
  {
    key: "cache.redis.queue",
    form: form.SIZE,
    default: "16MB",
    about: "Responses that wait to be written to Redis.",
    reason: "Two of the largest objects, or seconds of usual ones.",
    outcome: "the response is not written to Redis, and counted",
  },
];
