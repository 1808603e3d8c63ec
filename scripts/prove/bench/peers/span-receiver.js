// Takes spans as a collector does, and forgets them.
import { createServer } from 'node:http';

const headers = { 'Content-Type': 'application/json', 'Content-Length': 2 };

const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => response.writeHead(200, headers).end('{}'));
});
server.keepAliveTimeout = 75_000;
server.listen(Number(process.env.PORT), '127.0.0.1');
