// koa-proxies as its README has it, or, as the variant keep-alive, with an agent that keeps connections.
import { Agent } from 'node:http';
import Koa from 'koa';
import proxy from 'koa-proxies';

const options = { target: process.env.UPSTREAM, changeOrigin: true };
if (process.env.VARIANT === 'keep-alive') options.agent = new Agent({ keepAlive: true, maxSockets: 256 });

const app = new Koa();
app.use(proxy('/api/movies', options));
app.listen(Number(process.env.PORT), '127.0.0.1');
