import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startGateway, type TestGateway } from './harness/gateway.ts';

let inventory: Server;
let asked = 0;
let gateway: TestGateway | undefined;
beforeEach(async () => {
  asked = 0;
  inventory = createServer((req, res) => {
    if (req.url === '/readyz') asked++;
    res.end('{"parts":{}}');
  }).listen(0, '127.0.0.1');
  await once(inventory, 'listening');
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  inventory.closeAllConnections();
  inventory.close();
});

const start = async (settings: Record<string, string> = {}) => {
  gateway = await startGateway((inventory.address() as AddressInfo).port, { LIVE_PAGE: 'local', ...settings });
};

interface Viewer {
  answer: IncomingMessage;
  text: () => string;
}

async function view(headers: Record<string, string> = {}): Promise<Viewer> {
  const request = get({ host: '127.0.0.1', port: gateway!.port, path: '/live/events', headers, agent: false });
  request.on('error', () => {});
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  answer.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  answer.on('error', () => {});
  return { answer, text: () => text };
}

const states = ({ text }: Viewer) => text().split('event: state').length - 1;

test('two hundred viewers cost inventory no more than one', async () => {
  await start();
  const viewers = await Promise.all(Array.from({ length: 200 }, () => view()));
  await expect.poll(() => Math.min(...viewers.map(states))).toBeGreaterThanOrEqual(3);
  expect(asked).toBeLessThanOrEqual(states(viewers[0]!) + 2);
  expect(viewers.every(({ text }) => text().startsWith('event: history\n'))).toBe(true);
});

test('each second comes once, also to one that joins in the middle of it', async () => {
  await start();
  const first = await view();
  await expect.poll(() => states(first)).toBeGreaterThanOrEqual(2);
  const second = await view();
  await expect.poll(() => states(second)).toBeGreaterThanOrEqual(3);
  const seconds = [...first.text().matchAll(/"second":(\d+)/g)].map(([, number]) => Number(number));
  const later = seconds.slice(2); // the history, and what was sent when it joined
  expect(later).toEqual(later.map((_, i) => later[0]! + i));
});

test('a viewer that reads nothing keeps no other from seeing, and costs a bounded memory', async () => {
  await start();
  const slow = get({ host: '127.0.0.1', port: gateway!.port, path: '/live/events', agent: false }).on('error', () => {});
  const [answer] = (await once(slow, 'response')) as [IncomingMessage];
  answer.pause();
  const quick = await view();
  await expect.poll(() => states(quick)).toBeGreaterThanOrEqual(3);
  slow.destroy();
});

test('a stop ends the streams at once', async () => {
  await start();
  const viewer = await view();
  const ended = once(viewer.answer, 'end');
  await gateway!.close();
  gateway = undefined;
  await ended;
});

test('nothing is there for nobody, and nobody is looked for', async () => {
  await start({ LIVE_PAGE: 'off' });
  for (const path of ['/', '/live/events', '/live/state', '/live/live.js']) {
    const { status, headers } = await fetch(`http://127.0.0.1:${gateway!.port}${path}`);
    expect(status).toBe(404);
    expect(headers.get('content-type')).toBe('application/problem+json');
  }
  expect(asked).toBe(0);
});

test('a page of another site is refused, whatever CORS_ORIGINS says', async () => {
  await start({ CORS_ORIGINS: '*' });
  for (const path of ['/live/events', '/live/state']) {
    const answer = await fetch(`http://127.0.0.1:${gateway!.port}${path}`, {
      headers: { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://elsewhere.example' },
    });
    expect(answer.status).toBe(403);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  }
});

test('HEAD opens no stream', async () => {
  await start();
  const answer = await fetch(`http://127.0.0.1:${gateway!.port}/live/events`, { method: 'HEAD' });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe('');
});

test('the page and its files together are small, and its rules allow nothing from elsewhere', async () => {
  await start();
  const origin = `http://127.0.0.1:${gateway!.port}`;
  const page = await fetch(`${origin}/`);
  const html = await page.text();
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
  expect(page.headers.get('content-security-policy')).not.toMatch(/unsafe|https?:|\*/);
  const files = ['live.js', 'picture.js', 'charts.js', 'forms.js', 'words.js', 'live.css', 'uplot.js', 'uplot.css', 'icon.svg'];
  let bytes = html.length;
  for (const file of files) {
    const [answer] = (await once(
      get(`${origin}/live/${file}`, { headers: { 'Accept-Encoding': 'gzip' }, agent: false }),
      'response',
    )) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    for await (const chunk of answer) bytes += (chunk as Buffer).length;
  }
  expect(bytes).toBeLessThan(120_000);
  const { etag } = Object.fromEntries((await fetch(`${origin}/live/live.js`)).headers);
  const [again] = (await once(
    get(`${origin}/live/live.js`, { headers: { 'If-None-Match': etag }, agent: false }),
    'response',
  )) as [IncomingMessage];
  expect(again.statusCode).toBe(304);
});

test.each(['/live/index.html', '/live/..%2f..%2fpackage.json', '/live/package.json', '/live/constructor'])(
  '%s is not served',
  async (path) => {
    await start();
    expect((await fetch(`http://127.0.0.1:${gateway!.port}${path}`)).status).toBe(404);
  },
);

test('a target that is no path is refused, whatever is at its end', async () => {
  await start();
  for (const target of ['http://elsewhere.example/', 'http://elsewhere.example/readyz']) {
    const [answer] = (await once(get({ host: '127.0.0.1', port: gateway!.port, path: target, agent: false }), 'response')) as [
      IncomingMessage,
    ];
    expect(answer.resume().statusCode).toBe(400);
  }
});
