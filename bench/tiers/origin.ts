// An origin in a process of its own that answers at once: 1 KiB that is fresh for an hour. Says at
// /requests how many others it has answered. node origin.ts PORT

import { createServer } from "node:http";

const content = Buffer.alloc(1024, "x");
let requests = 0;
createServer((request, response) => {
  if (request.url === "/requests") {
    response.end(String(requests));
    return;
  }
  requests++;
  response.setHeader("Cache-Control", "max-age=3600");
  response.setHeader("Content-Length", content.length);
  response.end(content);
}).listen(Number(process.argv[2]), "127.0.0.1");
