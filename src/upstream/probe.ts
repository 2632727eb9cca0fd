// Owns one active check: a request for one path over one connection of its own, in the version that
// requests speak, and whether the status that comes back is good.

import { request as askHttp } from "node:http";
import { connect as connectH2 } from "node:http2";
import type { Connector } from "./connector.ts";
import type { GatewayError } from "../http/errors.ts";

export interface Probe {
  readonly url: URL;
  /** Path and query. */
  readonly path: string;
  /** Host to send; null for the target's own. */
  readonly host: string | null;
  /** For all of it, connecting included. */
  readonly timeoutMs: number;
  /** Statuses that are good; none given means 200 to 299. */
  readonly statuses: readonly number[];
}

/** `detail`: the status, or the error's code. */
export type ProbeResult = readonly [isGood: boolean, detail: string];

const USER_AGENT = "edgelane-health";
const NO_ANSWER: ProbeResult = [false, "no answer"];

/** Resolves when the connection is gone; never rejects. */
export function askH1(
  probe: Probe,
  connector: Connector,
  stopping: AbortSignal,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const overall = AbortSignal.any([stopping, AbortSignal.timeout(probe.timeoutMs)]);
    let result = NO_ANSWER;
    const request = askHttp({
      createConnection: () => connector.open(() => {}),
      path: probe.path,
      signal: overall,
      headers: { "user-agent": USER_AGENT, connection: "close", host: hostOf(probe) },
    });
    request.on("response", (response) => {
      result = resultOf(probe, response.statusCode ?? 0);
      // The head says it all; content of any length is not waited for.
      response.on("error", () => {});
      response.destroy();
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      if (result !== NO_ANSWER) return;
      result = [false, overall.aborted ? "timeout" : (error.code ?? error.name)];
    });
    request.on("close", () => resolve(result));
    request.end();
  });
}

/** The same over HTTP/2, by ALPN or, in cleartext, by prior knowledge (RFC 9113 section 3.3). */
export function askH2(
  probe: Probe,
  connector: Connector,
  stopping: AbortSignal,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const overall = AbortSignal.any([stopping, AbortSignal.timeout(probe.timeoutMs)]);
    let result = NO_ANSWER;
    const failed = (error: GatewayError | NodeJS.ErrnoException): void => {
      if (result === NO_ANSWER) result = [false, overall.aborted ? "timeout" : String(error.code)];
      socket.destroy();
    };
    const socket = connector.open((error) => {
      if (error !== null) return failed(error);
      const authority = `${connector.secure ? "https" : "http"}://${hostOf(probe)}`;
      const session = connectH2(authority, { createConnection: () => socket });
      session.on("error", failed);
      const stream = session.request({
        ":path": probe.path,
        ":authority": hostOf(probe),
        "user-agent": USER_AGENT,
      });
      stream.on("error", failed);
      stream.on("response", (fields) => {
        result = resultOf(probe, Number(fields[":status"]));
        session.destroy();
      });
      stream.on("close", () => session.destroy());
    });
    const stop = (): void => void socket.destroy();
    overall.addEventListener("abort", stop, { once: true });
    socket.once("close", () => {
      overall.removeEventListener("abort", stop);
      resolve(overall.aborted && result === NO_ANSWER ? [false, "timeout"] : result);
    });
  });
}

function hostOf({ host, url }: Probe): string {
  return host ?? (url.host || "localhost");
}

function resultOf({ statuses }: Probe, status: number): ProbeResult {
  const isGood = statuses.length === 0 ? status >= 200 && status < 300 : statuses.includes(status);
  return [isGood, String(status)];
}
