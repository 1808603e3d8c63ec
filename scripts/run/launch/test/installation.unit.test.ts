import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { nodePackage } from '../../../../schema-engine/node-package.mjs';
import { checkout } from '../../checkout.mjs';

/** A small checkout with the real launcher, and packages that npm takes from files. */
let template: string;
let root: string;
let home: string;
const servers: Server[] = [];
const launched: ChildProcess[] = [];
const node = nodePackage(process.platform, process.arch);
const nodeFile = () => join(root, 'node_modules', node, 'bin', 'node');

beforeAll(() => {
  template = mkdtempSync(join(tmpdir(), 'template-'));
  // What runs before TypeScript can: the launcher, and the plain JavaScript that it shares with the programs.
  for (const file of globSync('{scripts/run,schema-engine}/**/*.{mjs,sh}', { cwd: checkout }))
    cpSync(join(checkout, file), join(template, file));
  const pack = (name: string, fields: object = {}, files: Record<string, string> = {}) => {
    const folder = join(template, 'sources', name, 'package');
    for (const [file, text] of Object.entries({
      ...files,
      'package.json': JSON.stringify({ name, version: '1.0.0', ...fields }),
    })) {
      mkdirSync(join(folder, file, '..'), { recursive: true });
      writeFileSync(join(folder, file), text);
      if (file.startsWith('bin/')) chmodSync(join(folder, file), 0o755);
    }
    execFileSync('tar', ['-czf', join(template, `${name}.tgz`), '-C', join(folder, '..'), 'package']);
    return { [name]: `file:${name}.tgz` };
  };
  const here = { os: [process.platform], cpu: [process.arch] };
  const manifest = {
    name: 'small',
    version: '1.0.0',
    private: true,
    scripts: { go: 'sh scripts/run/launch/launch.sh program.ts' },
    dependencies: pack('always'),
    devDependencies: pack('developing'),
    optionalDependencies: {
      ...pack(node, { ...here, bin: { node: 'bin/node' } }, { 'bin/node': `#!/bin/sh\nexec '${process.execPath}' "$@"\n` }),
      ...pack('elsewhere', { os: ['sunos'] }),
    },
  };
  writeFileSync(join(template, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(template, 'program.ts'), `const text: string = 'it runs'; console.log(text);`);
  npm(template, 'install', '--package-lock-only');
  for (const workspace of ['inventory-app', 'billing-app']) {
    for (const folder of ['prisma', 'app/generated']) mkdirSync(join(template, workspace, folder), { recursive: true });
    writeFileSync(join(template, workspace, 'prisma/schema.prisma'), '');
  }
  markGenerated(template);
}, 60_000);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'check out '));
  cpSync(template, root, { recursive: true });
  home = mkdtempSync(join(tmpdir(), 'home-'));
});

afterEach(() => {
  for (const child of launched.splice(0)) if (child.exitCode === null && !child.killed) child.kill('SIGTERM');
  for (const server of servers.splice(0)) server.close();
  for (const folder of [root, home]) rmSync(folder, { recursive: true, force: true });
});

afterAll(() => rmSync(template, { recursive: true, force: true }));

/** There is nothing to generate here: the stamp says that it is done. */
function markGenerated(folder: string): void {
  const digest = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  for (const workspace of ['inventory-app', 'billing-app'])
    writeFileSync(join(folder, workspace, 'app/generated/.schema'), digest);
}

function npm(cwd: string, ...args: string[]): void {
  execFileSync('npm', [...args, '--no-audit', '--no-fund'], { cwd, stdio: 'ignore', env: cleanEnvironment() });
}

/** As in a user's terminal: without what `npm test` has set. */
function cleanEnvironment(): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV$|VITEST)/i.test(name));
  return { ...Object.fromEntries(own), npm_config_offline: 'true' };
}

function launch(environment: Record<string, string> = {}): ChildProcess & { text: Promise<string> } {
  const child = spawn('npm', ['run', '--silent', 'go'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...cleanEnvironment(), HOME: home, ...environment },
  });
  launched.push(child);
  return Object.assign(child, { text: readAll(child) });
}

async function readAll(child: ChildProcess): Promise<string> {
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  return text;
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [text] = await once(child.stderr!, 'data');
  return text;
}

test("a fresh checkout is installed, and runs; the home gets npm's own cache and nothing else", async () => {
  const text = await launch().text;
  expect(text).toContain('Installing packages');
  expect(text).toMatch(/it runs\n$/);
  expect(readdirSync(home)).toEqual(['.npm']);
  expect(await launch().text).toBe('it runs\n');
});

test.each<Record<string, string>>([
  { NODE_ENV: 'production', npm_config_omit: 'optional' },
  { npm_config_omit: 'dev', npm_config_dry_run: 'true', npm_config_global: 'true', npm_config_bin_links: 'false' },
])('all that is needed is installed with %j', async (settings) => {
  expect(await launch(settings).text).toMatch(/it runs\n$/);
  for (const name of ['always', 'developing', node, '.bin']) expect(readdirSync(join(root, 'node_modules'))).toContain(name);
  expect(readdirSync(join(root, 'node_modules'))).not.toContain('elsewhere');
});

test('what somebody has deleted from node_modules is brought back', async () => {
  await launch().text;
  rmSync(join(root, 'node_modules', 'developing'), { recursive: true });
  expect(await launch().text).toMatch(/Packages installed.*it runs\n$/s);
  expect(existsSync(join(root, 'node_modules', 'developing', 'package.json'))).toBe(true);
});

test.each([
  ['cut off', () => writeFileSync(nodeFile(), '#!/bin')],
  ['overwritten, in its old length', () => writeFileSync(nodeFile(), 'x'.repeat(readFileSync(nodeFile()).length))],
])('a Node that was %s is noticed and made again', async (_what, damage) => {
  await launch().text;
  damage();
  const text = await launch().text;
  expect(text).toMatch(/Packages installed.*it runs\n$/s);
  expect(text).not.toMatch(/Segmentation|\n\s+at /);
  expect(await launch().text).toBe('it runs\n');
});

test('a home that cannot be written is no obstacle', async () => {
  expect(await launch({ HOME: '/dev/null/home' }).text).toMatch(/it runs\n$/);
});

/** A registry that takes connections and does what it is told with them; and a package that npm has to ask it for. */
async function registry(onConnection: (socket: Socket) => void): Promise<Record<string, string>> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  lock.packages['node_modules/far-away'] = { version: '1.0.0', integrity: `sha512-${'A'.repeat(86)}==` };
  lock.packages[''].dependencies['far-away'] = '1.0.0';
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  manifest.dependencies['far-away'] = '1.0.0';
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
  writeFileSync(join(root, 'package.json'), JSON.stringify(manifest));
  markGenerated(root);
  const { port } = server.address() as { port: number };
  return { npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_offline: 'false', npm_config_fetch_retries: '0' };
}

test('Ctrl-C ends npm before the launcher ends, and the next start does the whole again', async () => {
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  const settings = await registry(() => onAsked()); // and no answer ever
  const first = launch(settings);
  await asked;
  const second = launch(settings);
  expect(await firstLine(second)).toMatch(/^Waiting for process \d+ \(npm run go, since [\d:]+\)\n$/);
  process.kill(-second.pid!, 'SIGKILL');
  const [, npmProcess] = JSON.parse(readFileSync(join(root, '.local/install.lock'), 'utf8')).processes;
  process.kill(-first.pid!, 'SIGINT');
  expect(await first.text).toContain('Stopping');
  expect(() => process.kill(npmProcess.pid, 0)).toThrow('ESRCH');
  expect(existsSync(join(root, '.local/install.lock'))).toBe(false);

  for (const file of ['package.json', 'package-lock.json']) cpSync(join(template, file), join(root, file));
  markGenerated(root);
  expect(await launch().text).toMatch(/Packages installed.*it runs\n$/s);
});

test('a registry that cannot be reached ends in a sentence about the network', async () => {
  const settings = await registry((socket) => socket.destroy());
  const text = await launch(settings).text;
  expect(text).toMatch(/could not be installed: the npm registry cannot be reached/);
  expect(text).not.toMatch(/\n\s+at /);
});

test('a registry without one of the packages ends in a sentence about the registry', async () => {
  const settings = await registry((socket) =>
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'),
  );
  expect(await launch(settings).text).toMatch(/could not be installed: the registry lacks a package/);
});
