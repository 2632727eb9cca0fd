// bun docs/examples/bun-server.ts [PORT]: a server on Bun's sockets and edgelane's parser. Prints
// the port that it listens on.

import { HelloConnection } from "./hello-connection.ts";

const server = Bun.listen<HelloConnection>({
  hostname: "127.0.0.1",
  port: Number(Bun.argv[2] ?? 0),
  socket: {
    open(socket) {
      socket.data = new HelloConnection();
    },
    data(socket, bytes) {
      socket.write(socket.data.push(bytes));
      if (socket.data.done) socket.end();
    },
    close(socket) {
      socket.data.close();
    },
  },
});
console.log(server.port);
