// An address at which connecting hangs, as at a dead host: a listener in a stopped process, its
// backlog full.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface FullBacklog {
  readonly url: string;
  close(): Promise<void>;
}

const LISTENER = `
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    process.send(server.address().port);
  });
`;

export async function fullBacklog(): Promise<FullBacklog> {
  const child = spawn(process.execPath, ["-e", LISTENER], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [port] = (await once(child, "message")) as [number];
  child.kill("SIGSTOP");
  // The kernel completes handshakes for a process that does not accept until its backlog is full,
  // then drops SYNs.
  const sockets: Socket[] = [];
  for (let isFull = false; !isFull; ) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    sockets.push(socket);
    const connected = once(socket, "connect").then(() => false);
    const dropped = new Promise<boolean>((resolve) => setTimeout(resolve, 200, true));
    isFull = await Promise.race([connected, dropped]);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}
