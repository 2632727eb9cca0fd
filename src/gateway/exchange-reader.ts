// Hot. Owns how an exchange passes on what its client does to what brings its response: by two
// functions for all exchanges, because closures of their own cost collections (docs/adr/0012).

import type { Exchange } from "../http/exchange.ts";

/** From now on `exchange.reader` hears when the client can take more, and when it has left. */
export function hearForReader(exchange: Exchange): void {
  exchange.onDrain = resumeReader;
  exchange.onAbort = dismissReader;
}

function resumeReader(this: Exchange): void {
  this.reader?.resume();
}

function dismissReader(this: Exchange): void {
  this.reader?.leave();
}
