// Owns how an upstream's TLS is handed to its cluster, and the check that the files it names can be
// used, so that a bad one is an error of the config and not of the first request.

import { loadContext, type TlsConfig } from "../upstream/tls-identity.ts";
import type { ProblemList } from "./config-problem.ts";
import type { GatewayConfig, UpstreamTls } from "./gateway-config.ts";

export function tlsConfig(tls: UpstreamTls): TlsConfig {
  const { caFile, certFile, keyFile, serverName, verify, minVersion } = tls;
  return {
    verify,
    minVersion,
    ...(caFile === null ? {} : { ca: { file: caFile } }),
    ...(certFile === null ? {} : { cert: { file: certFile } }),
    ...(keyFile === null ? {} : { key: { file: keyFile } }),
    ...(serverName === null ? {} : { servername: serverName }),
  };
}

/** Reports files that cannot be read or used. */
export function checkTlsFiles(config: GatewayConfig, problems: ProblemList): void {
  for (const [name, { tls }] of config.upstreams) {
    const { ca, cert, key } = tlsConfig(tls);
    const path = ["upstreams", name, "tls"];
    if ((cert === undefined) !== (key === undefined)) {
      problems.error(path, "cert and key belong together: name both or neither");
    }
    let failed = false;
    for (const [part, pem] of Object.entries({ ca, cert, key })) {
      if (pem === undefined) continue;
      const problem = problemOf(() => loadContext({ [part]: pem }));
      if (problem === null) continue;
      problems.error([...path, part], problem);
      failed = true;
    }
    if (failed || cert === undefined || key === undefined) continue;
    const mismatch = problemOf(() => loadContext({ cert, key }));
    if (mismatch !== null) problems.error([...path, "key"], "not the key of tls.cert");
  }
}

/** Why something cannot be loaded, without a word of what is in it. */
function problemOf(load: () => unknown): string | null {
  try {
    load();
    return null;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    return /^E[A-Z]+$/.test(code) ? `cannot be read: ${code}` : "holds no PEM that can be used";
  }
}
