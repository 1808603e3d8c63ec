import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { withoutForeignVariables } from '../foreign-variables.mjs';

const run = promisify(execFile);

test('what is meant for other PostgreSQL servers is left out, and nothing else', () => {
  const kept = { PATH: '/bin', MOVIES_DB_PORT: '1', PGX: undefined };
  const { NO_PROXY, no_proxy, ...left } = withoutForeignVariables({
    ...kept,
    PGSSLMODE: 'require',
    PGOPTIONS: '-c x=1',
    PGHOST: 'a',
  });
  expect(left).toEqual({ PATH: '/bin', MOVIES_DB_PORT: '1' });
});

test('what already goes past the proxy goes on to do so', () => {
  expect(withoutForeignVariables({ NO_PROXY: 'intern' }).NO_PROXY).toBe('intern,localhost,127.0.0.1,[::1]');
});

test.each(['127.0.0.1', '::1'])("Node's proxy variables do not lead a request for %s astray", async (address) => {
  const server = createServer((_, response) => response.end('ours')).listen(0, address);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${(server.address() as AddressInfo).port}/`;
  const env = withoutForeignVariables({
    ...process.env,
    NODE_USE_ENV_PROXY: '1',
    HTTP_PROXY: 'http://127.0.0.1:9',
    http_proxy: 'http://127.0.0.1:9',
  });
  const { stdout } = await run(
    process.execPath,
    ['-e', `fetch(${JSON.stringify(url)}).then((a) => a.text()).then(console.log)`],
    { env },
  );
  expect(stdout.trim()).toBe('ours');
});
