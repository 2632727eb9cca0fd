// Owns what of a config may be shown: a copy made of plain JSON values, with secrets replaced.
// Knows no single key of the config; what looks like a secret is one.

const REDACTED = "[redacted]";

/** Keys whose value is a secret, whatever it looks like. */
const SECRET_KEY =
  /token|secret|passw|passphrase|credential|authorization|cookie|api[-_]?key|private/i;

/**
 * A key to sign or decrypt with; file names of keys (tls `key: key.pem`) are no secret, PEM text
 * is.
 */
const SECRET_TEXT = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** Maps become objects, functions their names, numbers without an end the word for it. */
export function redactConfig(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Map) return redactEntries([...value]);
  if (value instanceof RegExp || value instanceof URL) return redactText(String(value));
  if (Symbol.iterator in value) return [...(value as Iterable<unknown>)].map(redactConfig);
  return redactEntries(Object.entries(value));
}

function redactEntries(entries: readonly (readonly [unknown, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(
    entries.map(([key, value]) => {
      const isSecret = SECRET_KEY.test(String(key)) && value !== null && value !== undefined;
      return [String(key), isSecret ? REDACTED : redactConfig(value)];
    }),
  );
}

function redactText(text: string): string {
  if (SECRET_TEXT.test(text)) return REDACTED;
  // Userinfo and query of a URL, as in redis://:password@host and https://host/?key=value.
  const withoutUser = text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${REDACTED}@`);
  return withoutUser.replace(/^([a-z][a-z0-9+.-]*:\/\/[^?#]*)\?[^#]*/i, `$1?${REDACTED}`);
}
