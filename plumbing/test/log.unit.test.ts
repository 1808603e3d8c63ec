import { spawn, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const program = (code: string) => [
  '--input-type=module',
  '-e',
  `import { createLog } from ${JSON.stringify(new URL('../log.ts', import.meta.url).href)};
   const log = createLog('billing_app', 'info');
   ${code}`,
];

interface Line {
  level: string;
  msg: string;
  service: string;
  time: string;
}
const lines = (output: string): Line[] =>
  output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

const logged = (code: string) => lines(spawnSync(process.execPath, program(code), { encoding: 'utf8', timeout: 20_000 }).stdout);
const messages = (code: string) => logged(code).map(({ msg }) => msg);

const ENDS = {
  'is killed': 'process.kill(process.pid, "SIGKILL");',
  aborts: 'process.abort();',
  'leaves by process.exit': 'process.exit(1);',
  'throws what nobody catches': 'throw new Error("nobody catches this");',
};

test.each(Object.entries(ENDS))(
  'a warning and all that was logged before it are out when the process %s right after',
  (_, end) => {
    expect(messages(`log.info('one'); log.info('two'); log.warn('three'); ${end}`)).toEqual(['one', 'two', 'three']);
  },
);

test('what is logged after many batches stays behind them', () => {
  const code = `for (let i = 0; i < 1000; i++) log.info('x'.repeat(100) + i); log.error('last'); process.kill(process.pid, "SIGKILL");`;
  expect(messages(code)).toEqual([...Array.from({ length: 1000 }, (_, i) => 'x'.repeat(100) + i), 'last']);
});

test('an orderly end loses nothing, a warning or not', () => {
  expect(messages(`log.info('one'); process.exit(0);`)).toEqual(['one']);
  expect(messages(`log.info('one'); throw new Error('nobody catches this');`)).toEqual(['one']);
  expect(messages(`log.info('one');`)).toEqual(['one']);
});

test('lines of a level that is not asked for are left out, the others say who, when and what', () => {
  const [line, ...more] = logged(`log.debug('no'); log.info({ order: 7 }, 'yes');`);
  expect(more).toEqual([]);
  expect(line).toMatchObject({ level: 'info', service: 'billing_app', order: 7, msg: 'yes' });
  expect(Date.now() - Date.parse(line!.time)).toBeLessThan(60_000);
});

test('a reader that is late, on a pipe that does not block, gets every line, whole and in order', async () => {
  const child = spawn(
    process.execPath,
    program(`
      process.stdout._handle.setBlocking(false);
      process.stderr.write('begun');
      for (let i = 0; i < 1000; i++) log.warn('x'.repeat(1000) + i);
      process.kill(process.pid, 'SIGKILL');`),
  );
  await new Promise((resolve) => child.stderr.once('data', resolve));
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) output += chunk;
  expect(lines(output).map(({ msg }) => msg.slice(1000))).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)));
});

test('a reader that is gone takes nobody down', () => {
  const script = `"$0" "$@" | head -c 1 >/dev/null; exit "\${PIPESTATUS[0]}"`;
  const code = `for (let i = 0; i < 1000; i++) { log.warn('x'.repeat(1000)); log.info('y'); } process.exit(7);`;
  expect(spawnSync('bash', ['-c', script, process.execPath, ...program(code)], { timeout: 20_000 }).status).toBe(7);
});
