// What V8 promotes of requests that Koa passes on with undici's `request`, after a rush of 900 connections, with allocation-site
// pretenuring and without: node docs/decisions/pretenuring.mjs
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { GCProfiler } from 'node:v8';

const REQUESTS = 20_000;

if (process.argv[2] === 'server') {
  const { default: Koa } = await import('koa');
  const { Pool } = await import('undici');
  const upstream = createServer((_req, res) => res.end('{"id":1}')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const pool = new Pool(`http://127.0.0.1:${upstream.address().port}`);
  const app = new Koa();
  app.use(async (ctx) => {
    const { body } = await pool.request({ method: 'GET', path: '/', headers: ctx.req.headers });
    ctx.body = await body.text();
  });
  const server = createServer(app.callback()).listen(0, '127.0.0.1', 2000);
  await once(server, 'listening');
  let profiler;
  process.on('message', (what) => {
    if (what === 'begin') {
      profiler = new GCProfiler();
      profiler.start();
    } else process.send({ promoted: promotedIn(profiler.stop()) });
  });
  process.send({ port: server.address().port });
} else {
  for (const options of [[], ['--no-allocation-site-pretenuring']]) {
    const starts = [];
    for (let start = 0; start < 3; start++) starts.push(await bytesPromoted(options));
    console.log(
      `${options.join() || 'with pretenuring'}: ${starts.map((bytes) => bytes.toFixed(0)).join(', ')} bytes a request in three starts`,
    );
  }
}

async function bytesPromoted(options) {
  const server = fork(import.meta.filename, ['server'], { execArgv: ['--max-semi-space-size=8', ...options] });
  const [{ port }] = await once(server, 'message');
  await load(port, 900, 18_000); // the rush
  await load(port, 50, REQUESTS);
  server.send('begin');
  await load(port, 50, REQUESTS);
  server.send('end');
  const [{ promoted }] = await once(server, 'message');
  server.kill();
  return promoted / REQUESTS;
}

async function load(port, connections, requests) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let left = requests;
  const client = async () => {
    while (left-- > 0) {
      const [answer] = await once(get({ host: '127.0.0.1', port, agent }), 'response');
      for await (const _ of answer);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  agent.destroy();
}

function promotedIn({ statistics }) {
  const old = ({ heapSpaceStatistics }) =>
    heapSpaceStatistics.filter(({ spaceName }) => !spaceName.startsWith('new_')).reduce((sum, one) => sum + one.spaceUsedSize, 0);
  return statistics
    .filter(({ gcType }) => gcType === 'Scavenge')
    .reduce((sum, { beforeGC, afterGC }) => sum + old(afterGC) - old(beforeGC), 0);
}
