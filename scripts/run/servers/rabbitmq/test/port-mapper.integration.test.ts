import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { anyFreePort, saysTaken } from '../../ports.ts';
import { findRabbitmq } from '../installation.ts';
import { launch } from '../launch.ts';
import { paths, writeFiles } from '../node-files.ts';

test('a port mapper whose port was taken at the last moment says so, for the next ports to be tried', async () => {
  const home = mkdtempSync(join(tmpdir(), 'mapper-'));
  const [port, distributionPort, epmdPort] = [await anyFreePort(), await anyFreePort(), await anyFreePort()] as const;
  const other = createServer().listen(epmdPort, '127.0.0.1');
  await once(other, 'listening');
  try {
    const { env } = inject('services');
    mkdirSync(paths(home).logs, { recursive: true });
    writeFiles(home, port, env);
    const { record, problem } = await launch(home, { port, distributionPort, epmdPort }, env, await findRabbitmq());
    expect(record).toBeUndefined();
    expect([problem, saysTaken(problem!)]).toEqual([problem, true]);
  } finally {
    other.close();
    rmSync(home, { recursive: true });
  }
});
