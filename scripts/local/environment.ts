import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigurationError } from '@crud-master/plumbing/environment';
import { loadConfig as loadGatewayConfig } from '../../api-gateway/app/config.ts';
import { loadConfig as loadBillingConfig } from '../../billing-app/app/config.ts';
import { loadConfig as loadInventoryConfig } from '../../inventory-app/app/config.ts';
import { Failure } from './failure.ts';
import { checkout } from './home.ts';

export type Environment = Record<string, string>;

const LOOPBACK = '127.0.0.1';

/** What the machines' environment becomes when everything runs on this computer. */
const OVERLAY: Environment = {
  INVENTORY_HOST: LOOPBACK,
  INVENTORY_LISTEN_HOST: LOOPBACK,
  API_GATEWAY_LISTEN_HOST: LOOPBACK,
  MOVIES_DB_HOST: LOOPBACK,
  ORDERS_DB_HOST: LOOPBACK,
  RABBITMQ_HOST: LOOPBACK,
};

/** `.env` for this computer. What `own` already has wins over the file; hosts are always this computer. */
export function localEnvironment(own: Record<string, string | undefined>): Environment {
  const file = join(checkout, '.env');
  if (!existsSync(file)) throw new Failure(`There is no ${file}. It belongs to the checkout: git checkout .env brings it back.`);
  const values = parseEnv(readFileSync(file, 'utf8')) as Environment;
  for (const name of Object.keys(values)) values[name] = own[name] ?? values[name]!;
  return {
    ...values,
    ...OVERLAY,
    MOVIES_DB_PORT: own.MOVIES_DB_PORT ?? values.LOCAL_POSTGRES_PORT!,
    ORDERS_DB_PORT: own.ORDERS_DB_PORT ?? own.MOVIES_DB_PORT ?? values.LOCAL_POSTGRES_PORT!,
    RABBITMQ_PORT: own.RABBITMQ_PORT ?? values.LOCAL_RABBITMQ_PORT!,
  };
}

/** Throws a Failure that names everything the services would refuse to start with. */
export function requireUsable(environment: Environment): void {
  const problems = new Set<string>();
  for (const load of [loadGatewayConfig, loadInventoryConfig, loadBillingConfig]) {
    try {
      load(environment);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      for (const line of error.message.split('\n')) problems.add(line);
    }
  }
  if (problems.size > 0) throw new Failure([...problems].join('\n'));
}

const fileOf = (home: string) => join(home, 'environment.json');

/** The environment that the stack of that home was started with, or undefined when it never was. */
export function savedEnvironment(home: string): Environment | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(home), 'utf8'));
  } catch {
    return undefined;
  }
}

export function saveEnvironment(home: string, environment: Environment): void {
  writeFileSync(fileOf(home), JSON.stringify(environment, null, 2), { mode: 0o600 });
}
