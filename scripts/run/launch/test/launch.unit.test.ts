import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkout } from '../../checkout.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'launch-'));
afterAll(() => rmSync(scratch, { recursive: true }));

test.each(['*', '"', '$', '`', '\\'])('a checkout with %s in its path is refused in one sentence', (character) => {
  const folder = join(scratch, `a${character}b`);
  mkdirSync(folder);
  cpSync(join(checkout, 'scripts/run/launch/launch.sh'), join(folder, 'launch.sh'));
  const { status, stderr } = spawnSync('sh', ['launch.sh'], { cwd: folder, encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toBe(
    `The path of this checkout has one of the characters * " $ \` \\ in it (${folder}), with which it cannot run. Move or rename the folder.\n`,
  );
});

const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

test.each(Object.entries(scripts))(
  'npm run %s -- --help tells what it does and how it is called, and does nothing',
  (name, command) => {
    const { status, stdout } = spawnSync('sh', ['-c', `${command} --help`], { cwd: checkout, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`npm (run )?(--silent )?${name}\\b`));
    expect(stdout.trim()).not.toMatch(/^\W|\*\//);
  },
);

test.each([
  'start',
  'stop',
  'status',
  'env',
  'backup',
  'restore',
  'reset',
  'seed',
  'postman',
  'audit',
  'test:vm',
  'prove',
  'fuzz',
  'bench',
])('npm run %s refuses an option that it does not know, in one sentence, before it does anything', (name) => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', `${scripts[name]} --nothing-like-it`], {
    cwd: checkout,
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^Unknown option '--nothing-like-it'.*\n$/);
});

test('nothing but npm uses the commands: what others need of them stands in scripts/run/stack', () => {
  const { status, stdout } = spawnSync('git', ['grep', '-l', "from '.*/commands/", ':!*.test.ts'], {
    cwd: checkout,
    encoding: 'utf8',
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' }); // 1: nothing found; more: git itself has failed
});
