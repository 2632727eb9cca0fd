// deno run --allow-net docs/examples/deno-server.ts [PORT]: a server on Deno's sockets and
// edgelane's parser. Prints the port that it listens on.

import { HelloConnection } from "./hello-connection.ts";

const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0] ?? 0) });
console.log(listener.addr.port);
for await (const socket of listener) void serve(socket);

async function serve(socket: Deno.TcpConn): Promise<void> {
  const connection = new HelloConnection();
  const buffer = new Uint8Array(16_384);
  try {
    while (!connection.done) {
      const length = await socket.read(buffer);
      if (length === null) break;
      let answers = connection.push(buffer.subarray(0, length));
      while (answers.length > 0) answers = answers.subarray(await socket.write(answers));
    }
  } catch (error) {
    // A client that resets its connection ends it; anything else is a mistake of ours.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  } finally {
    connection.close();
    socket.close();
  }
}
