import { readFile } from 'node:fs/promises';
import { METHODS } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import Router from '@koa/router';
import type { Context } from 'koa';

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

/** Of the reference's files, by their last part, where they lie; nothing else is served. */
const FILES: Record<string, { folder: 'own' | 'swagger-ui'; type: string }> = {
  'index.html': { folder: 'own', type: 'text/html; charset=utf-8' },
  'reference.js': { folder: 'own', type: 'text/javascript; charset=utf-8' },
  'swagger-ui.css': { folder: 'swagger-ui', type: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { folder: 'swagger-ui', type: 'text/javascript; charset=utf-8' },
  'favicon-32x32.png': { folder: 'swagger-ui', type: 'image/png' },
};

/** The document of the interface as YAML and JSON, and swagger-ui with it, for people to try. Read from disk whenever somebody asks. */
export function referenceRouter(): Router {
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
    const name = ctx.params.file || 'index.html';
    const file = Object.hasOwn(FILES, name) ? FILES[name]! : undefined;
    if (!file) return next();
    ctx.body = await readFile(file.folder === 'own' ? new URL(name, OWN) : join(swaggerUi(), name));
    ctx.set({
      'Content-Type': file.type,
      'Content-Security-Policy': POLICY,
      'Cache-Control': 'no-cache',
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    });
  });

  return router;
}

const swaggerUi = () => dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/** Editors and generators of clients read it from pages of their own. It is public in the repository. */
function allowEverybody(ctx: Context): void {
  ctx.set({ 'Access-Control-Allow-Origin': '*', 'Cache-Control': 'no-cache', 'X-Content-Type-Options': 'nosniff' });
}
