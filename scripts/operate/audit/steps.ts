import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'dotenv';
import type { Answer, Done, Target } from './target.ts';

export interface Audit {
  target: Target;
  /** Whether the whole catalogue may be deleted, also when it holds more than the audit's own films. */
  deleteAll: boolean;
  /** Prints a command and its result, and passes them on. */
  show<T extends Done>(done: Promise<T>): Promise<T>;
}

interface Step {
  title: string;
  /** Throws a sentence that says what is wrong; may return one that says why it was left out. */
  run(audit: Audit): Promise<string | undefined>;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MOVIE = { title: 'A new movie', description: 'Very short description' };
/** Long enough for an emulated machine. */
const STORE_DEADLINE = 180_000;
const START_DEADLINE = 600_000;
/** An order that is not stored after this many milliseconds is taken as not stored. */
const NOT_STORED_AFTER = 5_000;

const REQUIRED_KEYS = [
  ...['VAGRANT_BOX', 'GATEWAY_VM_IP', 'INVENTORY_VM_IP', 'BILLING_VM_IP', 'API_GATEWAY_PORT', 'INVENTORY_HOST', 'INVENTORY_PORT'],
  ...['MOVIES_DB', 'ORDERS_DB'].flatMap((db) => ['HOST', 'PORT', 'NAME', 'USER', 'PASSWORD'].map((part) => `${db}_${part}`)),
  ...['HOST', 'PORT', 'VHOST'].map((part) => `RABBITMQ_${part}`),
  ...['GATEWAY', 'BILLING', 'ADMIN'].flatMap((who) => [`RABBITMQ_${who}_USER`, `RABBITMQ_${who}_PASSWORD`]),
  ...['BILLING_QUEUE', 'BILLING_DEAD_LETTER_QUEUE'],
];

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** The gateway's answer as JSON, which must have that status. */
async function answered<T>(status: number, answer: Promise<Answer>): Promise<T> {
  const { status: actual, output } = await answer;
  expect(actual === status, `expected ${status}, the answer was ${actual}`);
  return (output ? JSON.parse(output) : undefined) as T;
}

interface Movie {
  id: number;
  title: string;
  description: string;
}

/** Recognised by a user that nobody else has. */
const newOrder = () => ({
  user_id: String(1_000_000_000 + Math.floor(Math.random() * 1_000_000_000)),
  number_of_items: '5',
  total_amount: '180',
});
type Order = ReturnType<typeof newOrder>;

const query = ({ user_id }: Order) => `SELECT * FROM orders WHERE user_id = ${user_id}`;
const rowsOf = (order: Order, output: string) =>
  output.match(new RegExp(`\\b${order.user_id} +\\| +5 +\\| +180\\.00`, 'g'))?.length ?? 0;

async function expectStoredOnce({ target, show }: Audit, order: Order): Promise<void> {
  const deadline = Date.now() + STORE_DEADLINE;
  while (rowsOf(order, (await target.sql('billing_app', query(order))).output) === 0 && Date.now() < deadline) await sleep(1000);
  const { output } = await show(target.sql('billing_app', query(order)));
  const rows = rowsOf(order, output);
  expect(rows === 1, `the order should be stored once, and is stored ${rows} times`);
}

async function expectPm2Status({ target, show }: Audit, status: string): Promise<void> {
  const { output } = await show(target.pm2('billing_app', 'list'));
  expect(new RegExp(`\\bbilling_app\\b.*\\b${status}\\b`).test(output), `billing_app is not ${status}`);
}

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

/** The audit of the exercise, in its order. */
export function auditSteps(): Step[] {
  let movie: Movie;
  const queued = newOrder();

  return [
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
    {
      title: 'POST /api/movies adds a movie',
      async run({ target, show }) {
        movie = await answered(201, show(target.request('POST', '/api/movies/', MOVIE)));
        expect(movie.title === MOVIE.title && movie.description === MOVIE.description, 'the answer is another movie');
      },
    },
    {
      title: 'GET /api/movies lists it',
      async run({ target, show }) {
        const movies = await answered<Movie[]>(200, show(target.request('GET', '/api/movies/')));
        expect(
          movies.some(({ id }) => id === movie.id),
          'the movie is not in the list',
        );
      },
    },
    {
      title: 'GET /api/movies?title= finds it',
      async run({ target, show }) {
        const movies = await answered<Movie[]>(200, show(target.request('GET', '/api/movies?title=NEW%20mov')));
        expect(
          movies.some(({ id }) => id === movie.id),
          'the movie is not found by a part of its title',
        );
      },
    },
    {
      title: 'GET /api/movies/:id returns it',
      async run({ target, show }) {
        const found = await answered<Movie>(200, show(target.request('GET', `/api/movies/${movie.id}`)));
        expect(found.title === MOVIE.title, 'the answer is another movie');
      },
    },
    {
      title: 'PUT /api/movies/:id changes it',
      async run({ target, show }) {
        const change = { title: 'A changed movie' };
        const changed = await answered<Movie>(200, show(target.request('PUT', `/api/movies/${movie.id}`, change)));
        expect(
          changed.title === change.title && changed.description === MOVIE.description,
          'the answer is not the changed movie',
        );
      },
    },
    {
      title: 'The table movies holds it',
      async run({ target, show }) {
        const { output } = await show(target.sql('inventory_app', `SELECT * FROM movies WHERE id = ${movie.id}`));
        expect(/^\s*id\s+\|\s+title\s+\|\s+description\s*$/m.test(output), 'the columns are not id, title, description');
        expect(output.includes('A changed movie'), 'the movie is not in the table');
      },
    },
    {
      title: 'DELETE /api/movies/:id removes it',
      async run({ target, show }) {
        await answered(204, show(target.request('DELETE', `/api/movies/${movie.id}`)));
        await answered(404, show(target.request('GET', `/api/movies/${movie.id}`)));
      },
    },
    {
      title: 'DELETE /api/movies removes all',
      async run({ target, show, deleteAll }) {
        const present = await answered<Movie[]>(200, target.request('GET', '/api/movies'));
        if (present.length > 0 && !deleteAll) return `the catalogue holds ${present.length} movies: --delete-all allows it`;
        await answered(201, show(target.request('POST', '/api/movies', MOVIE)));
        await answered(204, show(target.request('DELETE', '/api/movies')));
        const left = await answered<Movie[]>(200, show(target.request('GET', '/api/movies')));
        expect(left.length === 0, `${left.length} movies are left`);
      },
    },
    {
      title: 'POST /api/billing is answered 200, and the order stored',
      async run(audit) {
        const order = newOrder();
        await answered(200, audit.show(audit.target.request('POST', '/api/billing/', order)));
        await expectStoredOnce(audit, order);
      },
    },
    {
      title: 'The table orders has its columns',
      async run({ target, show }) {
        const { output } = await show(target.sql('billing_app', 'SELECT * FROM orders ORDER BY id DESC LIMIT 3'));
        const columns = /^\s*id\s+\|\s+user_id\s+\|\s+number_of_items\s+\|\s+total_amount\s*$/m;
        expect(columns.test(output), 'the columns are not id, user_id, number_of_items, total_amount');
      },
    },
    {
      title: 'billing_app is stopped',
      async run(audit) {
        await audit.show(audit.target.pm2('billing_app', 'stop', 'billing_app'));
        await expectPm2Status(audit, 'stopped');
      },
    },
    {
      title: 'With billing_app stopped an order is answered 200, and not stored',
      async run({ target, show }) {
        await answered(200, show(target.request('POST', '/api/billing/', queued)));
        await sleep(NOT_STORED_AFTER);
        const { output } = await show(target.sql('billing_app', query(queued)));
        expect(rowsOf(queued, output) === 0, 'the order is stored, although billing_app is stopped');
      },
    },
    {
      title: 'billing_app is started, and the order stored',
      async run(audit) {
        await audit.show(audit.target.pm2('billing_app', 'start', 'billing_app'));
        await expectPm2Status(audit, 'online');
        await expectStoredOnce(audit, queued);
      },
    },
  ];
}
