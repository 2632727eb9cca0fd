// Owns the cookie that brings a client back to its target (RFC 6265): what of a request it is, so
// that neither origin nor cache see it, and how it is given out. What its value means is the
// upstream's to say (sticky-tokens.ts). Pure.

import type { Exchange } from "../http/exchange.ts";
import { fieldValues, getField } from "../http/fields.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../http/message.ts";
import type { StickyConfig } from "./gateway-config.ts";
import type { TrustNetwork } from "./trust-network.ts";

/** The client of one exchange, as far as its cookie goes. */
export class StickyClient {
  /** What it came with; "" for nothing. */
  readonly token: string;
  /** Its request as cache and origin see it: without the cookie. */
  readonly request: RequestHead;
  readonly #sticky: StickyConfig;
  readonly #exchange: Exchange;

  constructor(sticky: StickyConfig, exchange: Exchange) {
    const { value, fields } = takeCookie(exchange.request.fields, sticky.name);
    this.token = value;
    const isWithout = fields === exchange.request.fields;
    this.request = isWithout ? exchange.request : { ...exchange.request, fields };
    this.#sticky = sticky;
    this.#exchange = exchange;
  }

  /**
   * The response with how the client comes back to the target that it was placed at; `token` is ""
   * where it was not. Not where the response is for others too, and not where the client knows.
   */
  told(head: ResponseHead, token: string, trust: TrustNetwork): ResponseHead {
    if (token === "" || token === this.token || isStored(head.fields)) return head;
    const { request, client } = this.#exchange;
    const isTls = request.scheme === "https";
    const isSecure = isTls || (trust.has(client.address) && saysHttps(request));
    return { ...head, fields: withStickyCookie(head, token, this.#sticky, isSecure) };
  }
}

/** By the member that this gateway's cache added (RFC 9211 section 2.5). */
function isStored(fields: FieldLines): boolean {
  const own = fieldValues(fields, "cache-status").at(-1) ?? "";
  return own.startsWith("edgelane;") && own.includes("; stored");
}

function saysHttps({ fields }: RequestHead): boolean {
  return getField(fields, "x-forwarded-proto")?.toLowerCase() === "https";
}

export interface TakenCookie {
  /** "" where there was none. With several, the first: the one for the longest path. */
  readonly value: string;
  /** The request's fields without it. */
  readonly fields: FieldLines;
}

/** The cookie of a request, and the request without it. */
export function takeCookie(fields: FieldLines, name: string): TakenCookie {
  const start = `${name}=`;
  let value = "";
  let isThere = false;
  const others: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const [fieldName = "", line = ""] = [fields[index], fields[index + 1]];
    if (fieldName.length !== "cookie".length || fieldName.toLowerCase() !== "cookie") {
      others.push(fieldName, line);
      continue;
    }
    const pairs = line.split(";").map((pair) => pair.trim());
    const rest = pairs.filter((pair) => !pair.startsWith(start));
    if (rest.length < pairs.length) {
      isThere = true;
      if (value === "")
        value = pairs.find((pair) => pair.startsWith(start))?.slice(start.length) ?? "";
    }
    if (rest.length > 0)
      others.push(fieldName, rest.length < pairs.length ? rest.join("; ") : line);
  }
  return isThere ? { value, fields: others } : { value: "", fields };
}

/**
 * The fields of a response with the cookie set. Whoever stores responses for others must not store
 * it: the response becomes the client's own.
 */
export function withStickyCookie(
  head: ResponseHead,
  token: string,
  sticky: StickyConfig,
  isSecure: boolean,
): readonly string[] {
  const { name, path, maxAgeSeconds, secure, sameSite, httpOnly } = sticky;
  const attributes = [
    `${name}=${token}`,
    `Path=${path}`,
    ...(maxAgeSeconds === null ? [] : [`Max-Age=${maxAgeSeconds}`]),
    ...(httpOnly ? ["HttpOnly"] : []),
    ...(secure === "on" || (secure === "auto" && isSecure) ? ["Secure"] : []),
    `SameSite=${SAME_SITE[sameSite]}`,
  ];
  const control = getField(head.fields, "cache-control") ?? "";
  const isOwn = /(?:^|[\s,])(?:private|no-store)(?:$|[\s,])/i.test(control);
  const isPrivate = isOwn ? [] : ["Cache-Control", "private"];
  return [...head.fields, "Set-Cookie", attributes.join("; "), ...isPrivate];
}

const SAME_SITE = { lax: "Lax", strict: "Strict", none: "None" } as const;
