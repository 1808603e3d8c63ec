import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { loadConfig as loadGatewayConfig } from '../../../api-gateway/app/config.ts';
import { loadConfig as loadBillingConfig } from '../../../billing-app/app/config.ts';
import { loadConfig as loadInventoryConfig } from '../../../inventory-app/app/config.ts';
import { checkout } from '../checkout.mjs';
import type { App } from '../servers/pm2/apps.ts';
import type { Environment } from './environment.ts';

/** In the order in which they stop: what takes work in first. */
export const services = [
  {
    workspace: 'api-gateway',
    name: 'api_gateway',
    port: 'API_GATEWAY_PORT',
    metrics: 'API_GATEWAY_METRICS_PORT',
    load: loadGatewayConfig,
  },
  { workspace: 'billing-app', name: 'billing_app', port: undefined, metrics: 'BILLING_METRICS_PORT', load: loadBillingConfig },
  {
    workspace: 'inventory-app',
    name: 'inventory_app',
    port: 'INVENTORY_PORT',
    metrics: 'INVENTORY_METRICS_PORT',
    load: loadInventoryConfig,
  },
] as const;

/** The names of the variables with the first port on which each tells of itself. */
export const METRICS_PORTS = services.map(({ metrics }) => metrics);

export type Service = (typeof services)[number];

export const service = (name: Service['name']): Service => services.find((candidate) => candidate.name === name)!;

/** Beside its settings, a service is started with the digest of its code. */
const CODE = 'CRUD_MASTER_CODE';

/** As logrotate's `maxsize` in the machines. */
const LOG_BYTES = 20 * 1024 * 1024;

/** How many processes of it are to run. */
export const instancesOf = ({ load }: Service, environment: Environment): number => load(environment).instances;

/** What a service is started with. */
export const environmentOf = ({ workspace }: Service, environment: Environment): Environment => ({
  ...environment,
  CRUD_MASTER_LOG_BYTES: String(LOG_BYTES),
  [CODE]: codeDigest(workspace),
});

/** What takes the place of that in a process started beside it: PM2 adds to the variables, so those that are gone become empty. */
export const environmentAfter = (service: Service, running: App, environment: Environment): Environment => ({
  ...Object.fromEntries(
    changedSettings(service, running.environment, environment)
      .filter((name) => !(name in environment))
      .map((name) => [name, '']),
  ),
  ...environmentOf(service, environment),
});

/** What a running service does not have yet, in words, or undefined when it is as it should be. */
export function outdated(service: Service, running: App, wanted: Environment): string | undefined {
  const old: string[] = [];
  if (running.environment[CODE] !== codeDigest(service.workspace)) old.push('code');
  const settings = changedSettings(service, running.environment, wanted);
  if (settings.length > 0) old.push(`settings (${settings.join(', ')})`);
  return old.length > 0 ? old.join(' and ') : undefined;
}

/** The variables of which this service would make something else. What only others use is left out. */
export function changedSettings({ load }: Pick<Service, 'load'>, running: Environment, wanted: Environment): string[] {
  const changed = [...new Set([...Object.keys(wanted), ...Object.keys(running)])].filter(
    (name) => running[name] !== wanted[name],
  );
  const before = made(load, running);
  if (before === undefined) return changed.filter((name) => name in wanted); // its code asks for more today than it was started with
  return changed.filter((name) => made(load, { ...running, [name]: wanted[name] }) !== before);
}

/** Whether any service makes something of that variable. */
export function isSetting(name: string, value: string, environment: Environment): boolean {
  return services.some(({ load }) => made(load, environment) !== made(load, { ...environment, [name]: value }));
}

function made(load: Service['load'], environment: Record<string, string | undefined>): string | undefined {
  try {
    return JSON.stringify(load(environment));
  } catch {
    return undefined;
  }
}

/** A digest of everything that a service is made of: its folder without tests, what the services share, the versions of the packages. */
function codeDigest(workspace: string): string {
  const hash = createHash('sha256').update(readFileSync(join(checkout, 'package-lock.json')));
  const { workspaces } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { workspaces: string[] };
  const shared = workspaces.filter((folder) => !services.some((service) => service.workspace === folder));
  for (const folder of [workspace, ...shared]) {
    for (const file of filesBelow(join(checkout, folder)))
      hash.update(relative(checkout, file)).update('\0').update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Made from what is hashed already, or of no use to the running service. */
const LEFT_OUT = new Set(['test', 'generated', 'migrations', 'node_modules']);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !LEFT_OUT.has(name))
    .flatMap((entry) =>
      entry.isDirectory() ? filesBelow(join(folder, entry.name)) : entry.isFile() ? [join(folder, entry.name)] : [],
    )
    .sort()
    .map((file) => file.split(sep).join('/'));
}
