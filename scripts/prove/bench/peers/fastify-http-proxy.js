import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const app = fastify({ logger: false });
app.register(proxy, {
  upstream: process.env.UPSTREAM,
  prefix: '/api/movies',
  rewritePrefix: '/api/movies',
  undici: { connections: 256, pipelining: 1 },
});
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
