import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const app = express();
app.disable('x-powered-by');
app.disable('etag');
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
app.use(createProxyMiddleware({ pathFilter: '/api/movies', target: process.env.UPSTREAM, agent }));
app.listen(Number(process.env.PORT), '127.0.0.1');
