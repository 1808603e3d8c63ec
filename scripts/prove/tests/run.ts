// npm test: every check, one after the other; all of them run, also after one has failed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { runCommand } from '../../run/terminal/command.ts';

interface Check {
  name: string;
  command: string[];
  /** Why it cannot run here. */
  skip?: string;
}

const bin = (name: string) => join(checkout, 'node_modules', '.bin', name);
const shellScripts = ['.ci/run', ...findShellScripts('scripts'), ...findShellScripts('plumbing')];
const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

/** Vitest's count, for the last line. */
const results = join(checkout, '.local', 'test-results.json');
rmSync(results, { force: true });

const checks: Check[] = [
  { name: 'lint', command: [bin('biome'), 'check', '--error-on-warnings', '.'] },
  { name: 'types', command: [bin('tsc'), '--noEmit'] },
  {
    name: 'shellcheck',
    command: ['shellcheck', ...shellScripts],
    ...(!hasShellcheck && { skip: 'shellcheck is not installed (apt-get install shellcheck)' }),
  },
  { name: 'openapi', command: [bin('redocly'), 'lint', 'docs/openapi.yaml'] },
  {
    name: 'tests',
    command: [
      ...[bin('vitest'), 'run', '--config', 'vitest.workspace.ts', '--project=!tour', '--project=!alerts'], // npm run test:tour, npm run test:alerts
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${results}`],
      ...process.argv.slice(2),
    ],
  },
];

await runCommand(async () => {
  const failed: string[] = [];
  let passed = 0;
  for (const { name, command, skip } of checks) {
    if (skip) {
      console.log(`-- ${name}: skipped, ${skip}`);
      continue;
    }
    const started = Date.now();
    console.log(`-- ${name}`);
    const [program, ...args] = command;
    const { status } = spawnSync(program!, args, {
      cwd: checkout,
      stdio: 'inherit',
      // Not at a gateway that somebody has named for something else: the tests empty the catalogue.
      env: { ...process.env, GATEWAY_URL: undefined, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    });
    console.log(`-- ${name}: ${status === 0 ? 'passed' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
    if (status === 0) passed++;
    else failed.push(name);
  }
  if (failed.length > 0) console.log(`Failed: ${failed.join(', ')}`);
  const tests = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : { numPassedTests: 0, numFailedTests: 0 };
  console.log(`${passed + tests.numPassedTests} passed, ${failed.length + tests.numFailedTests} failed`);
  return failed.length > 0 ? 1 : 0;
});

function findShellScripts(folder: string): string[] {
  if (!existsSync(join(checkout, folder))) return [];
  return readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.sh') && !file.includes('node_modules'))
    .map((file) => join(folder, file));
}
