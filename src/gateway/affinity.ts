// Owns what consistent hashing places a request by: the client's address, its path, or the value of
// a header field, a cookie or a query parameter. Pure. Knows no targets.

import { getField } from "../http/fields.ts";
import type { ClientAddress } from "../http/exchange.ts";
import type { RequestHead } from "../http/message.ts";
import { hashText } from "../upstream/selection.ts";

export type HashBy =
  | { readonly kind: "ip" }
  | { readonly kind: "path" }
  | { readonly kind: "header" | "cookie" | "query"; readonly name: string };

/** "ip", "path", "header:X", "cookie:X" or "query:X"; null for anything else. */
export function parseHashBy(text: string): HashBy | null {
  if (text === "ip" || text === "path") return { kind: text };
  const match = /^(header|cookie|query):([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})$/.exec(text);
  const [, kind, name] = match ?? [];
  if (name === undefined) return null;
  if (kind === "header" || kind === "cookie" || kind === "query") return { kind, name };
  return null;
}

/** The hash that `choose` gets; a request without the value is placed by its client's address. */
export function hashKey(by: HashBy | null, request: RequestHead, client: ClientAddress): number {
  if (by === null) return 0;
  return hashText(valueOf(by, request) ?? client.address);
}

function valueOf(by: HashBy, { path, fields }: RequestHead): string | undefined {
  const query = path.indexOf("?");
  switch (by.kind) {
    case "ip":
      return undefined;
    case "path":
      return query < 0 ? path : path.slice(0, query);
    case "header":
      return getField(fields, by.name.toLowerCase());
    case "query":
      return query < 0
        ? undefined
        : (new URLSearchParams(path.slice(query)).get(by.name) ?? undefined);
    default:
      return cookieOf(getField(fields, "cookie") ?? "", by.name);
  }
}

function cookieOf(cookies: string, name: string): string | undefined {
  const pair = cookies.split(";").find((part) => part.trimStart().startsWith(`${name}=`));
  return pair?.trimStart().slice(name.length + 1);
}
