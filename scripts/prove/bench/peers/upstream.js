// What stands behind every gateway here: a server that answers one film, as cheaply as Node can.
import { createServer } from 'node:http';

const film = JSON.stringify({ id: 1, title: 'Metropolis', description: 'Fritz Lang, 1927' });
const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(film) };

const server = createServer((_request, response) => {
  response.writeHead(200, headers);
  response.end(film);
});
server.keepAliveTimeout = 75_000;
server.listen(Number(process.env.PORT), '127.0.0.1');
