import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import pg from 'pg';
import { typed } from '../../prove/vm/vagrant.ts';
import { findDaemon } from '../../run/servers/pm2/daemon.ts';
import { localHome } from '../../run/stack/home.ts';
import { environmentIn } from '../../run/stack/status.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import type { App, Done, Target } from './target.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const DATABASE = { inventory_app: 'MOVIES_DB', billing_app: 'ORDERS_DB' } as const;

/** The stack of `npm start`, as `npm run --silent env` describes it. */
export async function localTarget(): Promise<Target> {
  if (findDaemon(localHome()) === undefined) throw new Failure('The local stack does not run: npm start starts it.'); // pm2 list would start a daemon
  const { stdout } = await run('npm', ['run', '--silent', 'env'], { cwd: ROOT });
  const env = environmentIn(stdout);

  async function pm2(_app: App, ...words: string[]): Promise<Done> {
    const options = { cwd: ROOT, env: { ...process.env, PM2_HOME: env.PM2_HOME } };
    const { stdout, stderr } = await run('npx', ['pm2', ...words], options);
    return { command: `npx ${typed(['pm2', ...words])}`, output: stripVTControlCharacters(stdout + stderr).trim() };
  }

  return {
    async running() {
      const { command, output } = await pm2('api_gateway', 'list');
      const apps: App[] = ['billing_app', 'inventory_app', 'api_gateway'];
      return { command, output, all: apps.every((app) => new RegExp(`\\b${app}\\b.*\\bonline\\b`).test(output)) };
    },

    async request(method, path, body) {
      const url = `http://127.0.0.1:${env.API_GATEWAY_PORT}${path}`;
      const json = body && JSON.stringify(body);
      const headers: Record<string, string> = json ? { 'Content-Type': 'application/json' } : {};
      const response = await fetch(url, { method, body: json, headers, signal: AbortSignal.timeout(30_000) });
      const data = json ? ['-H', 'Content-Type: application/json', '-d', json] : [];
      return {
        command: typed(['curl', '-sS', '-X', method, url, ...data]),
        status: response.status,
        output: await response.text(),
      };
    },

    sql: (app, statement) => query(env, DATABASE[app], statement),

    pm2,
  };
}

/** What psql would print, without psql. */
async function query(env: Record<string, string>, prefix: string, statement: string): Promise<Done> {
  const [host, database, user] = [env[`${prefix}_HOST`], env[`${prefix}_NAME`], env[`${prefix}_USER`]];
  const port = Number(env[`${prefix}_PORT`]);
  const client = new pg.Client({ host, port, database, user, password: env[`${prefix}_PASSWORD`] });
  client.on('error', () => {}); // the query in hand reports it
  await client.connect();
  try {
    const { fields, rows } = await client.query({ text: statement, rowMode: 'array' });
    const lines = [fields.map(({ name }) => name), ...rows].map((cells: unknown[]) => ` ${cells.join(' | ')}`);
    const command = `psql -h ${host} -p ${port} -U ${user} -d ${database} -c ${typed([statement])}`;
    return { command, output: lines.join('\n') };
  } finally {
    await client.end();
  }
}
