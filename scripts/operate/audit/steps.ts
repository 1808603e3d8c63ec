import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'dotenv';
import { expect, type Step, sleep } from './audit-step.ts';
import { filmSteps } from './film-steps.ts';
import { orderSteps } from './order-steps.ts';
import type { Answer } from './target.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Milliseconds, long enough for an emulated machine. */
const START_DEADLINE = 600_000;

const REQUIRED_KEYS = [
  ...['VAGRANT_BOX', 'GATEWAY_VM_IP', 'INVENTORY_VM_IP', 'BILLING_VM_IP', 'API_GATEWAY_PORT', 'INVENTORY_HOST', 'INVENTORY_PORT'],
  ...['MOVIES_DB', 'ORDERS_DB'].flatMap((db) => ['HOST', 'PORT', 'NAME', 'USER', 'PASSWORD'].map((part) => `${db}_${part}`)),
  ...['HOST', 'PORT', 'VHOST'].map((part) => `RABBITMQ_${part}`),
  ...['GATEWAY', 'BILLING', 'ADMIN'].flatMap((who) => [`RABBITMQ_${who}_USER`, `RABBITMQ_${who}_PASSWORD`]),
  ...['BILLING_QUEUE', 'BILLING_DEAD_LETTER_QUEUE'],
];

/** The files in which a password of .env stands too. */
async function filesWithCredentials(): Promise<string[]> {
  const env = parse(await readFile(`${ROOT}/.env`));
  const secrets = Object.entries(env).filter(([key, value]) => key.endsWith('_PASSWORD') && value.length >= 8);
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: ROOT });
  const found: string[] = [];
  for (const file of stdout.split('\0').filter((name) => name && name !== '.env')) {
    const text = await readFile(`${ROOT}/${file}`, 'latin1').catch(() => ''); // deleted, and not yet committed so
    if (secrets.some(([, secret]) => text.includes(Buffer.from(secret).toString('latin1')))) found.push(file);
  }
  return found;
}

const systemSteps: Step[] = [
  {
    title: 'Everything runs',
    async run({ target, show }) {
      const { all } = await show(target.running());
      expect(all, 'not all three run');
      // A machine that has just started may still be bringing its service back.
      const limit = Date.now() + START_DEADLINE;
      const ask = () =>
        target
          .request('GET', '/api/movies?title=audit')
          .catch((error: Error): Answer => ({ command: '', status: 0, output: error.message }));
      let answer = await ask();
      while (answer.status !== 200 && Date.now() < limit) {
        await sleep(2000);
        answer = await ask();
      }
      expect(answer.status === 200, `films cannot be read: ${answer.output}`);
    },
  },
  {
    title: '.env is complete, and no credential stands elsewhere',
    async run() {
      const env = parse(await readFile(`${ROOT}/.env`));
      const missing = REQUIRED_KEYS.filter((key) => !env[key]);
      expect(missing.length === 0, `.env lacks ${missing.join(', ')}`);
      const files = await filesWithCredentials();
      expect(files.length === 0, `passwords of .env stand in ${files.join(', ')}`);
    },
  },
];

/** The audit of the exercise, in its order. */
export const auditSteps = (): Step[] => [...systemSteps, ...filmSteps(), ...orderSteps()];
