// Koa and undici, written by hand: what a proxy on this stack costs at least.
import Koa from 'koa';
import { Pool } from 'undici';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
const pool = new Pool(process.env.UPSTREAM, { connections: 256, pipelining: 1 });

function endToEnd(headers) {
  const kept = {};
  for (const name in headers) if (!HOP_BY_HOP.has(name)) kept[name] = headers[name];
  return kept;
}

const app = new Koa();
app.use(async (ctx) => {
  const { req } = ctx;
  const hasBody = req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined;
  const answer = await pool.request({
    method: ctx.method,
    path: req.url,
    headers: endToEnd(req.headers),
    body: hasBody ? req : null,
  });
  ctx.respond = false;
  ctx.res.writeHead(answer.statusCode, endToEnd(answer.headers));
  answer.body.pipe(ctx.res);
});
app.listen(Number(process.env.PORT), '127.0.0.1');
