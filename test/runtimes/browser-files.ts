// `node:fs` for the suites in a browser: reads what the page's server has, at once, as they do.

declare const XMLHttpRequest: new () => {
  open(method: string, url: string, asynchronous: boolean): void;
  overrideMimeType(type: string): void;
  send(): void;
  readonly status: number;
  readonly responseText: string;
};

export function readFileSync(url: URL, encoding?: "utf8"): string | Uint8Array {
  const request = new XMLHttpRequest();
  request.open("GET", url.href, false);
  // Of a response that is read at once only text can be had: a character for each byte.
  request.overrideMimeType("text/plain; charset=x-user-defined");
  request.send();
  if (request.status !== 200) throw new Error(`${url.pathname} is not there`);
  const bytes = Uint8Array.from(request.responseText, (byte) => byte.charCodeAt(0) & 0xff);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}
