import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';

const url = (file: string) => JSON.stringify(new URL(`../${file}`, import.meta.url).href);
const head = `
  import { runService } from ${url('lifecycle.ts')};
  import { createLog } from ${url('log.ts')};
  import { ConfigurationError } from ${url('environment.ts')};
  const log = createLog('test', 'info');
  const alive = setInterval(() => {}, 1000);
  const close = async () => { clearInterval(alive); log.info('closed'); };`;
const program = (code: string) => ['--input-type=module', '-e', head + code];

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Run {
  child: ChildProcess;
  output(): string;
  ready: Promise<unknown>;
  ended: Promise<unknown[]>;
}

/** A service as PM2 starts it: with a channel for "ready". */
function run(code: string): Run {
  const child = fork('-', [], { execArgv: program(code), silent: true, execPath: process.execPath });
  children.push(child);
  let output = '';
  child.stdout!.on('data', (chunk) => {
    output += chunk;
  });
  return { child, output: () => output, ready: once(child, 'message'), ended: once(child, 'close') };
}

const messages = (output: string): string[] =>
  output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).msg);

test.each(['SIGINT', 'SIGTERM'] as const)('%s stops a service once it has closed, with status 0', async (signal) => {
  const service = run(`await runService('test', async () => ({ log, close }));`);
  expect(await service.ready).toEqual(['ready', undefined]);
  service.child.kill(signal);
  expect(await service.ended).toEqual([0, null]);
  expect(messages(service.output())).toEqual(['ready', 'stopping', 'closed', 'stopped']);
});

test('a service leaves when PM2 is gone', async () => {
  const service = run(`await runService('test', async () => ({ log, close }));`);
  await service.ready;
  const exited = once(service.child, 'exit');
  service.child.disconnect();
  expect(await exited).toEqual([0, null]);
});

test.each([
  ['exception', `throw new Error('nobody');`, 'unhandled error'],
  ['rejection', `Promise.reject(new Error('nobody'));`, 'unhandled rejection'],
])('the %s that nobody handles is logged, then the service closes, with status 1', async (_, cause, message) => {
  const service = run(`await runService('test', async () => ({ log, close })); setTimeout(() => { ${cause} }, 10);`);
  expect(await service.ended).toEqual([1, null]);
  expect(messages(service.output())).toEqual(['ready', message, 'stopping', 'closed', 'stopped']);
});

test('a service that cannot close says so, with status 1', async () => {
  const service = run(`await runService('test', async () => ({ log, close: async () => { throw new Error('stuck'); } }));`);
  await service.ready;
  service.child.kill('SIGTERM');
  expect(await service.ended).toEqual([1, null]);
  expect(messages(service.output()).at(-1)).toBe('could not stop cleanly');
});

const start = (code: string) => spawnSync(process.execPath, program(code), { encoding: 'utf8', timeout: 20_000 });

test('a bad configuration ends in its own sentences, without a stack', () => {
  const { status, stdout, stderr } = start(
    `await runService('test', async () => { throw new ConfigurationError('X is missing'); });`,
  );
  expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: 'test: X is missing\n' });
});

test('a taken port ends in one sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const code = `
    import { createServer } from 'node:net';
    import { once } from 'node:events';
    await runService('test', async () => { await once(createServer().listen(${port}, '127.0.0.1'), 'listening'); });`;
  const { status, stderr } = start(code);
  taken.close();
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: `test: port ${port} of 127.0.0.1 is taken. Stop what listens there, or choose another port in .env.\n`,
  });
});

test('a port that only root may have ends in one sentence', () => {
  const cause = `Object.assign(new Error('listen EACCES'), { code: 'EACCES', port: 80, address: '127.0.0.1' })`;
  const { status, stdout, stderr } = start(`await runService('test', async () => { throw ${cause}; });`);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^test: this user may not listen on port 80 of 127\.0\.0\.1, .* in \.env\.\n$/);
});

test('an address of another computer ends in one sentence with the way to do it here', () => {
  const code = `
    import { createServer } from 'node:net';
    import { once } from 'node:events';
    await runService('test', async () => { await once(createServer().listen(0, '192.0.2.1'), 'listening'); });`;
  const { status, stdout, stderr } = start(code);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^test: 192\.0\.2\.1 is not an address of this computer\. .*npm start.*\n$/);
});

test('any other failure of a start is logged with its reason, with status 1', () => {
  const { status, stdout } = start(`await runService('test', async () => { throw new Error('no such thing'); });`);
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ level: 'fatal', msg: 'could not start', err: { message: 'no such thing' } });
});
