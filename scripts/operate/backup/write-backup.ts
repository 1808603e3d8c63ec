import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import { databases } from '../../run/servers/migrations.ts';
import type { ControlProgram } from '../../run/servers/rabbitmq/rabbitmq.ts';
import type { Environment } from '../../run/stack/environment.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import type { Report } from '../../run/terminal/report.ts';
import type { OperatedStack } from '../operated-stack.ts';
import { type Dump, dumpDatabase, openDatabase } from './dump.ts';
import { DEFINITIONS, dumpFile, type Manifest, type Prefix, writeManifest } from './manifest.ts';

const run = promisify(execFile);

/** Writes a backup of that stack, which runs and goes on, into a folder that does not exist yet. All of it or nothing. */
export async function writeBackup(stack: OperatedStack, folder: string, report: Report): Promise<Manifest> {
  const environment = await stack.environment();
  const control = await stack.controlProgram();
  if (!control) throw new Failure(`RabbitMQ and PostgreSQL have to run for a backup: ${stack.starts} starts what is down.`);
  makeFolder(folder);
  const discard = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', discard); // after Ctrl-C
  try {
    return await fillFolder(folder, { environment, control, starts: stack.starts, seen: new Set() }, report);
  } catch (error) {
    discard();
    throw error;
  } finally {
    process.off('exit', discard);
  }
}

interface Source extends Pick<OperatedStack, 'starts'> {
  environment: Environment;
  control: ControlProgram;
  /** What `identify` said, before and after each dump. */
  seen: Set<string>;
}

async function fillFolder(folder: string, source: Source, report: Report): Promise<Manifest> {
  const made = new Date();
  const dumps = {} as Manifest['databases'];
  for (const database of databases) dumps[database.prefix] = await report.step(...dumpStep(database, folder, source));
  if (source.seen.size > 1)
    throw new Failure(
      'The databases were replaced meanwhile, by npm run restore, and the backup would have films and orders of two times: take another one.',
    );
  await report.step('RabbitMQ', async (detail) => {
    const { control } = source;
    const { stdout } = await run(control.program, [...control.args, '--quiet', 'export_definitions', '-'], {
      ...control,
      maxBuffer: 2 ** 26,
    });
    writeFileSync(join(folder, DEFINITIONS), stdout, { mode: 0o600, flag: 'wx' });
    detail('definitions');
  });
  return writeManifest(folder, dumps, made);
}

function makeFolder(folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Failure(`${folder} exists already: name a folder that does not.`);
  }
}

/** The name of the step that dumps a database, and its work. */
function dumpStep({ app, prefix }: (typeof databases)[number], folder: string, { environment, starts, seen }: Source) {
  const name = environment[`${prefix}_NAME`]!;
  const work = async (detail: (text: string) => void): Promise<Dump & { name: string }> => {
    const file = join(folder, dumpFile(prefix));
    try {
      seen.add(await identify(environment));
      const dump = await dumpDatabase(app, connectionTo(prefix, environment), file, detail);
      seen.add(await identify(environment));
      detail(rowsText(dump));
      return { name, ...dump };
    } catch (error) {
      if (error instanceof Failure) throw error;
      const { code, syscall, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC') throw new Failure(`The disk of ${folder} is full: free some space, or name a folder elsewhere.`);
      if (syscall === 'write' || syscall === 'open') throw error;
      throw new Failure(`${name} could not be read (${message}): ${starts} starts what is down.`);
    }
  };
  return [name, work] as const;
}

/** Which databases have the names of ours at this moment: a restore puts others in their place. */
async function identify(environment: Environment): Promise<string> {
  const client = await openDatabase(connectionTo('ORDERS_DB', environment));
  try {
    const names = databases.map(({ prefix }) => environment[`${prefix}_NAME`]);
    const text = 'SELECT oid FROM pg_database WHERE datname = ANY($1) ORDER BY datname';
    return (await client.query<string[]>({ text, values: [names], rowMode: 'array' })).rows.join();
  } finally {
    await client.end();
  }
}

/** As the role that owns the database. */
export function connectionTo(prefix: Prefix, environment: Environment): pg.ClientConfig {
  const [host, port, user, password, database] = ['HOST', 'PORT', 'USER', 'PASSWORD', 'NAME'].map(
    (part) => environment[`${prefix}_${part}`],
  );
  return { host, port: Number(port), user, password, database };
}

/** Such as `5 orders, 7 handled_messages`. */
export const rowsText = ({ rows }: Pick<Dump, 'rows'>) =>
  Object.entries(rows)
    .map(([table, count]) => `${count.toLocaleString('en')} ${table}`)
    .join(', ');
