import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError, readEnvironment, requireVariables } from '@crud-master/plumbing/environment';
import { checkout } from '../checkout.mjs';
import { Failure } from '../terminal/failure.mjs';
import { requireOwner } from './home.ts';
import { isCopy, markOf, withOwnPasswords } from './identity.ts';
import { isSetting, services } from './services.ts';

export type Environment = Record<string, string>;

const LOOPBACK = '127.0.0.1';

/** What the machines' environment becomes when everything runs on this computer. */
const OVERLAY: Environment = {
  INVENTORY_HOST: LOOPBACK,
  INVENTORY_LISTEN_HOST: LOOPBACK,
  API_GATEWAY_LISTEN_HOST: `${LOOPBACK},::1`,
  MOVIES_DB_HOST: LOOPBACK,
  ORDERS_DB_HOST: LOOPBACK,
  RABBITMQ_HOST: LOOPBACK,
  BILLING_HOST: LOOPBACK,
  METRICS_LISTEN_HOST: LOOPBACK,
};

/** `.env` for this computer. What `own` already has wins over the file; hosts are always this computer. */
export function localEnvironment(own: Record<string, string | undefined>): Environment {
  const file = join(checkout, '.env');
  if (!existsSync(file)) throw new Failure(`There is no ${file}. It belongs to the checkout: git checkout .env brings it back.`);
  const values = readEnvironment(pathToFileURL(file), own);
  if (Object.keys(values).length === 0)
    throw new Failure(`${file} has no line KEY=value that can be read. git checkout .env brings it back.`);
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && !(name in values) && isSetting(name, value, values)) values[name] = value;
  }
  return {
    ...values,
    ...OVERLAY,
    MOVIES_DB_PORT: own.MOVIES_DB_PORT ?? values.LOCAL_POSTGRES_PORT!,
    ORDERS_DB_PORT: own.ORDERS_DB_PORT ?? own.MOVIES_DB_PORT ?? values.LOCAL_POSTGRES_PORT!,
    RABBITMQ_PORT: own.RABBITMQ_PORT ?? values.LOCAL_RABBITMQ_PORT!,
  };
}

/**
 * That environment for the stack of that home: its passwords are the home's own. A password of `own` that differs from the
 * file's stays as it is; one that is the file's was only passed on.
 */
export function homeEnvironment(home: string, own: Record<string, string | undefined>): Environment {
  const plain = localEnvironment({});
  const chosen = Object.fromEntries(Object.entries(own).filter(([name, value]) => value !== plain[name]));
  const local = { LIVE_PAGE_HISTORY: home, ...localEnvironment(own) };
  return withOwnPasswords(local, markOf(home), chosen);
}

/** What only the stack itself and the operators' tools read. */
const requireStackVariables = (environment: Environment) =>
  requireVariables(
    ['RABBITMQ_ADMIN_USER', 'RABBITMQ_ADMIN_PASSWORD'],
    ['LOCAL_POSTGRES_PORT', 'LOCAL_RABBITMQ_PORT'],
    environment,
  );

/** Throws a Failure that names everything the services, or the operators' tools, would refuse to start with. */
export function requireSettings(environment: Environment): void {
  const problems = new Set<string>();
  const check = (load: (environment: Environment) => unknown, what: Environment) => {
    try {
      load(what);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      for (const line of error.message.split('\n')) problems.add(line);
    }
  };
  check(requireStackVariables, environment);
  for (const { load } of services) check(load, withoutLocalPorts(environment));
  if (problems.size > 0) throw new Failure([...problems].join('\n'));
}

/** The same for one of each on this computer, whose ports must not meet. */
export function requireUsable(environment: Environment): void {
  requireSettings(environment);
  if (environment.MOVIES_DB_PORT !== environment.ORDERS_DB_PORT) {
    throw new Failure(
      'The local stack has one PostgreSQL for both databases: give MOVIES_DB_PORT and ORDERS_DB_PORT the same value.',
    );
  }
  const names = new Map<string, string>();
  for (const name of ['API_GATEWAY_PORT', 'INVENTORY_PORT', 'MOVIES_DB_PORT', 'RABBITMQ_PORT']) {
    const port = environment[name]!;
    const other = names.get(port);
    if (other)
      throw new Failure(`${other} and ${name} are both ${port}: give each a port of its own, in .env or in the environment.`);
    names.set(port, name);
  }
}

/** A port that comes from a `LOCAL_…_PORT` is judged by that name: it is the one that the user finds in `.env`. */
function withoutLocalPorts(environment: Environment): Environment {
  const { LOCAL_POSTGRES_PORT, LOCAL_RABBITMQ_PORT } = environment;
  const sources = {
    MOVIES_DB_PORT: LOCAL_POSTGRES_PORT,
    ORDERS_DB_PORT: LOCAL_POSTGRES_PORT,
    RABBITMQ_PORT: LOCAL_RABBITMQ_PORT,
  };
  const result = { ...environment };
  for (const [name, source] of Object.entries(sources)) if (environment[name] === source) result[name] = '1';
  return result;
}

/** What the stack of a home was started with. */
interface Saved {
  environment: Environment;
  /** The variables that were set for that start, and won over `.env`. They hold until the stack is stopped. */
  overrides: Environment;
}

const filesOf = (home: string) => ({ environment: join(home, 'environment.json'), overrides: join(home, 'overrides.json') });

/** The environment that the stack of that home was started with, or undefined when it never was. */
export function savedEnvironment(home: string): Environment | undefined {
  requireOwner(home);
  return read(home, 'environment');
}

export function savedOverrides(home: string): Environment {
  return read(home, 'overrides') ?? {};
}

function read(home: string, file: keyof Saved): Environment | undefined {
  try {
    return isCopy(home) ? undefined : JSON.parse(readFileSync(filesOf(home)[file], 'utf8'));
  } catch {
    return undefined;
  }
}

export function saveEnvironment(home: string, saved: Saved): void {
  for (const file of ['environment', 'overrides'] as const) {
    writeFileSync(filesOf(home)[file], JSON.stringify(saved[file], null, 2), { mode: 0o600 });
  }
}

/** Of all variables of the caller, those that say something else about the stack than `.env`. */
export function overridesIn(own: Record<string, string | undefined>, environment: Environment): Environment {
  const plain = localEnvironment({});
  const chosen = Object.keys(own).filter((name) => own[name] !== undefined && own[name] !== plain[name] && name in environment);
  return Object.fromEntries(chosen.map((name) => [name, environment[name]!]));
}
