import { readFile } from 'node:fs/promises';
import { METHODS } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import Router from '@koa/router';
import type { Context } from 'koa';
import { Assets } from './assets.ts';

const DOCUMENT = new URL('../../docs/openapi.yaml', import.meta.url);
const OWN = new URL('../reference/', import.meta.url);

/** What the reference is allowed: swagger-ui draws its icons as `data:` images, and sends requests to this gateway alone. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const swaggerUi = (name: string) => join(dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json')), name);

const assets = () =>
  new Assets({
    'index.html': { path: new URL('index.html', OWN), type: 'text/html; charset=utf-8' },
    'reference.js': { path: new URL('reference.js', OWN), type: 'text/javascript; charset=utf-8' },
    'swagger-ui.css': { path: swaggerUi('swagger-ui.css'), type: 'text/css; charset=utf-8' },
    'swagger-ui-bundle.js': { path: swaggerUi('swagger-ui-bundle.js'), type: 'text/javascript; charset=utf-8' },
    'favicon-32x32.png': { path: swaggerUi('favicon-32x32.png'), type: 'image/png' },
  });

/** The document of the interface as YAML and JSON, and swagger-ui with it, for people to try. */
export function referenceRouter(): Router {
  const files = assets();
  const router = new Router({ sensitive: true, methods: METHODS });

  router.get('/openapi.yaml', async (ctx) => {
    ctx.body = await readFile(DOCUMENT);
    ctx.type = 'application/yaml'; // RFC 9512
    allowEverybody(ctx);
  });

  router.get('/openapi.json', async (ctx) => {
    const { parse } = await import('yaml'); // a megabyte that nothing else needs
    // This gateway comes first, so that "try it" reaches it under whatever name it was found.
    const document = parse(await readFile(DOCUMENT, 'utf8')) as { servers: unknown[] };
    ctx.body = { ...document, servers: [{ url: '/', description: 'This gateway' }] };
    allowEverybody(ctx);
  });

  router.get('/docs{/:file}', async (ctx, next) => {
    if (!(await files.answer(ctx, ctx.params.file || 'index.html'))) return next();
    ctx.set({ 'Content-Security-Policy': POLICY, 'Referrer-Policy': 'no-referrer' });
  });

  return router;
}

/** Editors and generators of clients read it from pages of their own. It is public in the repository. */
function allowEverybody(ctx: Context): void {
  ctx.set({ 'Access-Control-Allow-Origin': '*', 'Cache-Control': 'no-cache', 'X-Content-Type-Options': 'nosniff' });
}
