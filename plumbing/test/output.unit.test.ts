import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const url = (file: string) => JSON.stringify(new URL(`../${file}`, import.meta.url).href);
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'output-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const lines = (file: string): string[] => readFileSync(join(folder, file), 'utf8').split('\n').filter(Boolean);
const messages = (file: string): string[] => lines(file).map((line) => JSON.parse(line).msg);

/** A daemon, as PM2's is, with a worker of Node's cluster that runs `worker`. Tells what the worker sends, and its end. */
function start(worker: string) {
  const [daemonFile, workerFile] = [join(folder, 'daemon.mjs'), join(folder, 'worker.mjs')];
  writeFileSync(
    workerFile,
    `import { createLog } from ${url('log.ts')};
     import { runService } from ${url('lifecycle.ts')};
     const log = createLog('test', 'info');
     const alive = setInterval(() => {}, 1000);
     const close = async () => { clearInterval(alive); log.info('closed'); };
     ${worker}`,
  );
  writeFileSync(
    daemonFile,
    `import cluster from 'node:cluster';
     cluster.setupPrimary({ exec: ${JSON.stringify(workerFile)} });
     const worker = cluster.fork({ pm_out_log_path: 'out.log', pm_err_log_path: 'error.log' });
     worker.on('message', (message) => process.send({ message, pid: worker.process.pid }));
     worker.on('exit', (code, signal) => { process.send({ ended: [code, signal] }, () => process.exit()); });
     process.on('message', (message) => worker.send(message));`,
  );
  const daemon = fork(daemonFile, {
    cwd: folder,
    execPath: process.execPath,
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const seen: { message?: unknown; pid?: number; ended?: unknown[] }[] = [];
  daemon.on('message', (message: (typeof seen)[number]) => seen.push(message));
  return { daemon, seen, ended: once(daemon, 'exit') };
}

test('a worker of PM2 writes to its app’s log itself, so that nothing is lost when it is killed', async () => {
  const { ended } = start(`log.info('one'); log.warn('two'); process.kill(process.pid, 'SIGKILL');`);
  await ended;
  expect(messages('out.log')).toEqual(['one', 'two']);
});

test('who follows the log of a worker gets each line through PM2', async () => {
  const { seen, ended } = start(`log.warn('one'); log.info('two'); setTimeout(() => process.exit(), 1000);`);
  await ended;
  const sent = seen
    .map(({ message }) => message as { type: string; data: string })
    .filter((message) => message?.type === 'log:out');
  expect(sent.map(({ data }) => data).join('')).toBe(readFileSync(join(folder, 'out.log'), 'utf8'));
});

test('a worker whose log was renamed, as logrotate does, goes on in a new file', async () => {
  const { daemon, seen, ended } = start(`
    process.on('message', ({ type }) => { log.warn(type); process.send('logged'); if (type === 'end') process.exit(); });
    log.warn('begun'); process.send('begun');`);
  await expect.poll(() => seen.some(({ message }) => message === 'begun')).toBe(true);
  renameSync(join(folder, 'out.log'), join(folder, 'out.log.1'));
  daemon.send({ type: 'end' });
  await ended;
  expect(messages('out.log.1')).toEqual(['begun']);
  expect(messages('out.log')).toEqual(['end']);
});

test('a process that PM2 has forked writes to its log itself, too', async () => {
  const file = join(folder, 'forked.mjs');
  writeFileSync(file, `import { createLog } from ${url('log.ts')}; createLog('test', 'info').warn('one'); process.disconnect();`);
  const child = fork(file, {
    env: { ...process.env, pm_out_log_path: join(folder, 'out.log') },
    execPath: process.execPath,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const sent: unknown[] = [];
  child.on('message', (message) => sent.push(message));
  await once(child, 'exit');
  expect(messages('out.log')).toEqual(['one']);
  expect(sent).toEqual([expect.objectContaining({ type: 'log:out', data: readFileSync(join(folder, 'out.log'), 'utf8') })]);
});

test('a worker that cannot start says why in its error log, with status 1', async () => {
  const { seen, ended } = start(`
    import { ConfigurationError } from ${url('environment.ts')};
    await runService('test', async () => { throw new ConfigurationError('X is missing'); });`);
  await ended;
  expect(seen.at(-1)!.ended).toEqual([1, null]);
  expect(lines('error.log')).toEqual(['test: X is missing']);
});

test('a rejection that nobody handles ends a worker that is still starting', async () => {
  const { seen, ended } = start(`await runService('test', () => new Promise(() => { Promise.reject(new Error('nobody')); }));`);
  await ended;
  expect(seen.at(-1)!.ended).toEqual([1, null]);
  expect(JSON.parse(lines('out.log')[0]!)).toMatchObject({ msg: 'could not start', err: { message: 'nobody' } });
});

test('a worker stops gracefully when PM2 dies', async () => {
  const { daemon, seen } = start(`await runService('test', async () => ({ log, close }));`);
  await expect.poll(() => seen.some(({ message }) => message === 'ready')).toBe(true);
  daemon.kill('SIGKILL');
  await expect.poll(() => messages('out.log')).toEqual(['ready', 'stopping', 'closed', 'stopped']);
});
