import { readFile } from 'node:fs/promises';
import { METHODS } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { problem } from '@crud-master/plumbing/problem';
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import {
  flowRows,
  instanceText,
  letterRows,
  nodeRows,
  parkedItems,
  partRows,
  queueItems,
  redundancyText,
  refusalItems,
  summaryOf,
} from '../../page/words.js';
import { Assets } from '../assets.ts';
import { type Audience, isFromElsewhere, maySee } from './access.ts';
import { MOST_VIEWERS } from './feed.ts';
import type { Live } from './live.ts';
import type { LiveState } from './state.ts';

const compress = promisify(gzip);

const PAGE = new URL('../../page/', import.meta.url);

/** Milliseconds that the first page waits for what is now: a frozen broker must not keep it. */
const FIRST_LOOK = 150;

/** The page loads its own files and listens to this gateway; nobody may embed it. */
const GUARD = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const uplot = (name: string) => join(dirname(createRequire(import.meta.url).resolve('uplot')), name);

const ELSEWHERE = 'Pages of other sites may not look here.';

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

const assets = () =>
  new Assets({
    ...Object.fromEntries(
      ['live.js', 'picture.js', 'charts.js', 'forms.js', 'words.js'].map((name) => [
        name,
        { path: new URL(name, PAGE), type: SCRIPT },
      ]),
    ),
    'live.css': { path: new URL('live.css', PAGE), type: STYLE },
    'icon.svg': { path: new URL('icon.svg', PAGE), type: 'image/svg+xml' },
    'uplot.js': { path: uplot('uPlot.esm.js'), type: SCRIPT },
    'uplot.css': { path: uplot('uPlot.min.css'), type: STYLE },
  });

/** `GET /`, its files, and what it listens to. For who may not see it there is nothing. */
export function livePage({ feed, billing, hasNodes }: Pick<Live, 'feed' | 'billing' | 'hasNodes'>, audience: Audience): Router {
  const files = assets();
  const router = new Router({ sensitive: true, methods: METHODS });
  const forAudience: Middleware = (ctx, next) => {
    ctx.set('X-Request-Id', ctx.state.requestId);
    if (maySee(audience, ctx.req)) return next();
    throw problem(404, { detail: `There is nothing at ${ctx.path}.` });
  };

  router.get('/', forAudience, async (ctx) => {
    const state = await Promise.race([feed.look(), sleep(FIRST_LOOK, undefined, { ref: false })]);
    ctx.set(GUARD);
    ctx.type = 'html';
    ctx.body = fill(await template(hasNodes), state ?? feed.last);
  });

  router.get('/live/events', forAudience, (ctx) => {
    if (isFromElsewhere(ctx.req)) throw problem(403, { detail: ELSEWHERE });
    if (feed.viewers >= MOST_VIEWERS)
      throw problem(503, {
        kind: 'overloaded',
        detail: 'Too many look at the live page. Try again later.',
        headers: { 'Retry-After': '5' },
      });
    ctx.respond = false;
    ctx.res.writeHead(200, { ...GUARD, 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    if (ctx.method === 'HEAD') ctx.res.end();
    else feed.join(ctx.res);
  });

  const json = (path: string, answer: (ctx: Context) => Promise<object>) =>
    router.get(path, forAudience, async (ctx) => {
      if (isFromElsewhere(ctx.req)) throw problem(403, { detail: ELSEWHERE });
      ctx.set(GUARD);
      await sendJson(ctx, await answer(ctx));
    });
  json('/live/state', () => feed.look());
  json('/live/day', () => feed.day());
  json('/live/orders/:messageId', async (ctx) => {
    const state = await billing.follow(ctx.params.messageId!);
    if (state?.state === 'parked' && audience !== 'local') return { state: state.state, kind: state.kind };
    if (state) return state;
    throw problem(503, { detail: 'Billing does not say now what became of it. Ask again.', headers: { 'Retry-After': '1' } });
  });

  router.get('/live/:file', forAudience, async (ctx, next) => {
    if (!(await files.answer(ctx, ctx.params.file!))) return next();
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
  });

  return router;
}

/** A day is 100 KB of digits. */
async function sendJson(ctx: Context, answer: object): Promise<void> {
  const text = JSON.stringify(answer);
  const isLarge = text.length > 10_000 && ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  if (isLarge) ctx.set('Content-Encoding', 'gzip');
  ctx.vary('Accept-Encoding');
  ctx.type = 'json';
  ctx.body = isLarge ? await compress(text) : text;
}

/** With one of everything nothing is said of nodes. */
async function template(hasNodes: boolean): Promise<string> {
  const [page, nodes] = await Promise.all(['index.html', 'nodes.html'].map((name) => readFile(new URL(name, PAGE), 'utf8')));
  return page!.replace('{{several}}', () => (hasNodes ? `\n\n${nodes!.trimEnd()}` : ''));
}

/** The page with what is known, so that it says something before, and without, its scripts. */
function fill(template: string, state: LiveState | undefined): string {
  const table = (rows: (string | { text: string; kind?: string })[][]) =>
    rows.map(([head, ...cells]) => `<tr><th scope="row">${html(head as string)}</th>${cells.map(cell).join('')}</tr>`).join('');
  const list = (items: string[][]) => items.map(([term, value]) => `<dt>${html(term!)}</dt><dd>${html(value!)}</dd>`).join('');
  const values: Record<string, string> = state
    ? {
        summary: html(summaryOf(state)),
        parts: table(partRows(state)),
        redundancy: html(redundancyText(state)),
        nodes: table(nodeRows(state)),
        flows: table(flowRows(state)),
        queue: list(queueItems(state)),
        refusals: list(refusalItems(state)),
        parked: list(parkedItems(state)),
        letters: table(letterRows(state)),
        instance: html(instanceText(state)),
      }
    : { summary: 'Looking …' };
  return template.replace(/\{\{(\w+)\}\}/g, (_all, name: string) => values[name] ?? '');
}

const cell = (value: string | { text: string; kind?: string }) =>
  typeof value === 'string' ? `<td>${html(value)}</td>` : `<td class="${value.kind ?? ''}">${html(value.text)}</td>`;

const html = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
