import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tracingVariables } from '@crud-master/plumbing/tracing-config';
import { parse } from 'dotenv';
import { describe, expect, test } from 'vitest';
import { loadConfig as loadGatewayConfig } from '../../../../api-gateway/app/config.ts';
import { loadConfig as loadBillingConfig } from '../../../../billing-app/app/config.ts';
import { loadConfig as loadInventoryConfig } from '../../../../inventory-app/app/config.ts';

const SERVICES = {
  'api-gateway': loadGatewayConfig,
  'inventory-app': loadInventoryConfig,
  'billing-app': loadBillingConfig,
};

const root = new URL('../../../../', import.meta.url);
const file = readFileSync(new URL('.env', root), 'utf8');
/** What `.env` shows, set or as a remark. */
const shown = parse(file.replace(/^# (?=[A-Z][A-Z0-9_]+=)/gm, ''));
const keysOf = (service: string) => [
  ...[...readFileSync(new URL(`${service}/app/config.ts`, root), 'utf8').matchAll(/^ {2}([A-Z][A-Z0-9_]+): variable\b/gm)].map(
    ([, key]) => key!,
  ),
  ...Object.keys(tracingVariables),
];

/** Whether the service starts without that key. */
function isOptional(service: keyof typeof SERVICES, key: string): boolean {
  try {
    SERVICES[service]({ ...shown, [key]: '' });
    return true;
  } catch {
    return false;
  }
}

describe.each(Object.keys(SERVICES) as (keyof typeof SERVICES)[])('.env and %s', (service) => {
  test.each(keysOf(service))('agree on %s', (key) => {
    expect(shown).toHaveProperty(key);
    if (key.endsWith('_METRICS_PORT') || key === 'BILLING_HOST') return; // empty: nowhere
    if (isOptional(service, key)) expect(SERVICES[service](shown)).toEqual(SERVICES[service]({ ...shown, [key]: '' }));
  });

  test('what .env shows is a configuration', () => {
    expect(() => SERVICES[service](shown)).not.toThrow();
  });
});

test.each(Object.keys(SERVICES))('%s says in its log what PM2 calls it', (service) => {
  const [{ name }] = createRequire(root)(`./${service}/ecosystem.config.cjs`).apps;
  const server = readFileSync(new URL(`${service}/app/service.ts`, root), 'utf8');
  const said = [...server.matchAll(/(?:runService|createLog)\('([^']+)'/g)].map(([, said]) => said);
  expect(said).toEqual([name, name]);
});

test('no key stands twice in .env', () => {
  const keys = [...file.matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=/gm)].map(([, key]) => key!);
  expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
});

test('inventory says when a limit has its old name', () => {
  expect(() => loadInventoryConfig({ ...shown, INVENTORY_BODY_LIMIT: '5' })).toThrow(
    'INVENTORY_BODY_LIMIT is called INVENTORY_MAX_BODY_BYTES now',
  );
});

describe('the processes of a service', () => {
  test('share out what all of them may have together', () => {
    const two = { ...shown, API_GATEWAY_INSTANCES: '2', INVENTORY_INSTANCES: '3', BILLING_INSTANCES: '4' };
    expect(loadGatewayConfig(two)).toMatchObject({
      broker: { maxInFlight: 250 },
      limits: { requestsInFlight: 500, connections: 5000 },
    });
    expect(loadInventoryConfig(two).database.connections).toBe(3);
    expect(loadBillingConfig(two).broker.prefetch).toBe(500);
    expect(loadInventoryConfig({ ...shown, INVENTORY_INSTANCES: '64' }).database.connections).toBe(1);
  });

  test.each(['0', '65', '1.5', 'max'])('are not %s', (API_GATEWAY_INSTANCES) => {
    expect(() => loadGatewayConfig({ ...shown, API_GATEWAY_INSTANCES })).toThrow(
      'API_GATEWAY_INSTANCES must be a whole number from 1 to 64',
    );
  });

  test.each([
    ['what the environment says', { BILLING_INSTANCES: '3' }, 3],
    ['what .env says', {}, Number(shown.BILLING_INSTANCES)],
    ['one, where that is no number: the service refuses it', { BILLING_INSTANCES: 'max' }, 1],
  ])('are for PM2 %s', (_, environment, instances) => {
    const program = 'console.log(require("./billing-app/ecosystem.config.cjs").apps[0].instances)';
    const { BILLING_INSTANCES: _own, ...others } = process.env;
    const options = { cwd: root, env: { ...others, ...environment }, encoding: 'utf8' } as const;
    expect(spawnSync(process.execPath, ['-e', program], options).stdout).toBe(`${instances}\n`);
  });
});
