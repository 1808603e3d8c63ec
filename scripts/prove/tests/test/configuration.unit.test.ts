import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
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
const keysOf = (service: string) =>
  [...readFileSync(new URL(`${service}/app/config.ts`, root), 'utf8').matchAll(/^ {2}([A-Z][A-Z0-9_]+): variable\b/gm)].map(
    ([, key]) => key!,
  );

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
