import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeManifest } from '../../../operate/backup/manifest.ts';
import { checkout } from '../../checkout.mjs';
import { clusterOf } from '../layout.ts';

/** A checkout of its own: the command makes its home there, and a cluster of this one would answer for it. */
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'cluster-command-'));
  for (const part of [
    '.env',
    'package.json',
    'scripts',
    'api-gateway',
    'inventory-app',
    'billing-app',
    'plumbing',
    'messaging',
  ]) {
    cpSync(join(checkout, part), join(copy, part), {
      recursive: true,
      filter: (path) => !path.split(sep).includes('node_modules'),
    });
  }
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true }));

interface Ended {
  status: number;
  stdout: string;
  stderr: string;
}

function run(words: string[], environment: Record<string, string> = {}, program = 'run/commands/cluster'): Promise<Ended> {
  const command = [join(copy, `scripts/${program}.ts`), ...words];
  const options = { cwd: copy, env: { ...process.env, ...environment } };
  return new Promise((resolve) => {
    execFile(process.execPath, command, options, (error, stdout, stderr) =>
      resolve({ status: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test('an action that there is not is answered with those that there are, and nothing is made', async () => {
  expect(await run(['begin'])).toEqual({
    status: 1,
    stdout: '',
    stderr: 'npm run cluster -- start | heal | restart | stop | status | kill | freeze | cut: there is no "begin".\n',
  });
  expect(existsSync(join(copy, '.local'))).toBe(false);
});

test.each([
  ['status', 1],
  ['restart', 1],
  ['kill', 1],
  ['cut', 1],
  ['stop', 0],
])('%s of a cluster that was never started says so, and decides nothing for the one that will be', async (action, status) => {
  const stdout = 'The cluster was never started: npm run cluster -- start starts it.\n';
  expect(await run([action])).toEqual({ status, stdout, stderr: '' });
  expect(existsSync(join(copy, '.local/cluster'))).toBe(false);
});

test("an operator's command for it says so, too, and decides nothing", async () => {
  expect(await run(['--cluster', 'list_queues'], {}, 'operate/rabbitmqctl')).toMatchObject({
    status: 1,
    stderr: 'The cluster was never started: npm run cluster -- start starts it.\n',
  });
  expect(existsSync(join(copy, '.local/cluster'))).toBe(false);
});

/** As after a first start, without what runs. */
function make(): void {
  clusterOf(join(copy, '.local/cluster'));
}

test.each([
  [['kill', 'node-9'], ': there is no "node-9".'],
  [['freeze'], '.'],
  [['cut', 'node-1', 'node-9'], ': there is no "node-9".'],
])('%j is answered with the names of the nodes', async (words, rest) => {
  make();
  expect(await run(words)).toEqual({
    status: 1,
    stdout: '',
    stderr: `Which node? One of node-1, node-2, node-3${rest}\n`,
  });
});

test("a taken port of the clients' address is told with its number and another choice, before anything starts", async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const { status, stderr } = await run(['start'], { API_GATEWAY_PORT: String(port - 1000) });
  holder.close();
  expect(status).toBe(1);
  expect(stderr).toMatch(
    new RegExp(
      `^The clients' address would be port ${port}, API_GATEWAY_PORT and a thousand more, which is taken.*\\. Choose another one: API_GATEWAY_PORT=3100 npm run cluster -- start\n$`,
    ),
  );
  expect(existsSync(join(copy, '.local/cluster/node-1'))).toBe(false);
});

test('a port above all ports is none', async () => {
  const { status, stderr } = await run(['start'], { API_GATEWAY_PORT: '65000' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^The clients' address would be port 66000, .*, which is none\. Choose another one/);
});

test('of a cluster that does not run, all is down, and the status is 1', async () => {
  make();
  const { status, stdout, stderr } = await run(['status']);
  expect(stderr).toBe('');
  expect(status).toBe(1);
  expect(stdout).toContain('Orders are refused: 0 of 3 brokers are up, and 2 are needed.');
});

test('restart of what does not run says how to start it', async () => {
  make();
  expect(await run(['restart'])).toMatchObject({
    status: 1,
    stderr: 'Nothing is running: npm run cluster -- start starts it.\n',
  });
});

test('reset deletes what the stack has made, and neither what was put beside it nor three nodes, with --cluster nothing but these', async () => {
  const put = (names: string[]) => {
    for (const name of names) {
      mkdirSync(join(copy, '.local', name), { recursive: true });
      writeFileSync(join(copy, '.local', name, 'kept'), '');
    }
  };
  const left = (names: string[]) => names.filter((name) => existsSync(join(copy, '.local', name, 'kept')));
  const beside = ['backups', 'mine', 'postgres.old', 'cluster.old', 'prove', 'cluster/node-2.old'];
  const single = ['postgres', 'rabbitmq', 'pm2', 'former-tables-a1B2c3'];
  const cluster = ['cluster/node-1', 'cluster/pm2'];
  put([...beside, ...single, ...cluster]);
  const ofSingle = await run(['--yes'], {}, 'run/commands/reset');
  expect(ofSingle.stdout).toMatch(/^This stops the local stack and deletes, .*rabbitmq.*\nDeleted\.\n$/s);
  expect(left([...beside, ...single, ...cluster])).toEqual([...beside, ...cluster]);
  expect((await run(['--yes'], {}, 'run/commands/reset')).stdout).toBe('There is no local data.\n');

  put(single);
  const ofCluster = await run(['--cluster', '--yes'], {}, 'run/commands/reset');
  expect(ofCluster.stdout).toMatch(/^This stops all three nodes and deletes, .*node-1.*\nDeleted\.\n$/s);
  expect(left([...beside, ...single, ...cluster])).toEqual([...beside, ...single]);
  expect((await run(['--cluster', '--yes'], {}, 'run/commands/reset')).stdout).toBe('There is no cluster.\n');
});

test.each(['.local/mine', '.local/postgres/mine', '.local'])(
  'a backup into %s, where files come and go, is refused',
  async (name) => {
    const { status, stderr } = await run([join(copy, name)], {}, 'operate/backup/backup');
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `${join(copy, name)} is inside ${join(copy, '.local')}, whose files come and go: name a folder outside of it, or below ${join(copy, '.local/backups')}.\n`,
    });
  },
);

describe('restore', () => {
  /** A backup of nothing, which is a whole one. */
  const createBackup = async () => {
    const folder = mkdtempSync(join(copy, "Léon's "));
    for (const name of ['movies_db.sql', 'orders_db.sql', 'definitions.json']) writeFileSync(join(folder, name), '');
    const dump = { name: 'a_database', migrations: [], rows: {} };
    await writeManifest(folder, { MOVIES_DB: dump, ORDERS_DB: dump }, new Date());
    return folder;
  };

  test.each([
    [[], 'the local stack'],
    [['--cluster'], 'all three nodes'],
  ])('%j says whose data it replaces, and where nobody can be asked the whole command', async (words, what) => {
    const folder = await createBackup();
    const { status, stdout, stderr } = await run([...words, folder], {}, 'operate/backup/restore');
    expect(stdout).toMatch(new RegExp(`^This stops the services of ${what} and replaces both databases there`));
    const command = ['npm run restore --', ...words, `'${folder.replace("'", "'\\''")}'`].join(' ');
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `Nothing was changed: say ${command} --yes where nobody can be asked.\n`,
    });
  });

  test('of three nodes refuses settings that no service would start with, before it looks for a port or stops anything', async () => {
    const own = { LOG_LEVEL: 'loud', API_GATEWAY_PORT: '65000' };
    const { status, stderr } = await run(['--cluster', await createBackup(), '--yes'], own, 'operate/backup/restore');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^The configuration is not usable\..*\n {2}LOG_LEVEL must be .*\(it is "loud"\)\n/);
    expect(existsSync(join(copy, '.local/cluster/node-1'))).toBe(false);
  });
});
