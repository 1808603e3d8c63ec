import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startGateway, type TestGateway } from './harness/gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(1);
});
afterAll(() => gateway.close());

const get = (path: string) => fetch(`http://127.0.0.1:${gateway.port}${path}`);
const file = readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8');

test('/openapi.yaml is the document, for pages of every origin', async () => {
  const answer = await get('/openapi.yaml');
  expect(answer.headers.get('content-type')).toBe('application/yaml');
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  expect(await answer.text()).toBe(file);
});

test('/openapi.json is the same, and its requests go to this gateway', async () => {
  const answer = await get('/openapi.json');
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  expect(await answer.json()).toEqual({ ...parse(file), servers: [{ url: '/', description: 'This gateway' }] });
});

describe.each(['/docs', '/docs/', '/docs/index.html'])('%s', (path) => {
  test('is a page that is allowed nothing from elsewhere, and everything that it names is there', async () => {
    const answer = await get(path);
    const html = await answer.text();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = answer.headers.get('content-security-policy');
    expect(policy).toMatch(/^default-src 'none'/);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
    expect(named.length).toBeGreaterThan(3);
    for (const url of named) {
      expect(url).toMatch(/^\//);
      expect((await get(url)).status, url).toBe(200);
    }
  });
});

test.each([
  '/docs/package.json',
  '/docs/..%2f..%2fpackage.json',
  '/docs/%2e%2e%2fapp%2fapp.ts',
  '/docs/constructor',
  '/docs/swagger-ui.css.map',
  '/docs/a/b',
])('%s is not served', async (path) => {
  const answer = await get(path);
  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
});

test('other methods are answered 405', async () => {
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/docs`, { method: 'DELETE' });
  expect(answer.status).toBe(405);
});
