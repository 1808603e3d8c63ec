import { expect, test } from 'vitest';
import type { App } from '../../servers/pm2/apps.ts';
import { localEnvironment } from '../environment.ts';
import { changedSettings, environmentOf, outdated, type Service, service, services } from '../services.ts';

const environment = localEnvironment({});
const running = (one: Service, settings = {}): App => ({
  id: 0,
  name: one.name,
  instance: 0,
  status: 'online',
  pid: 1,
  since: new Date(),
  restarts: 0,
  reloadable: true,
  environment: { ...environmentOf(one, environment), HOME: '/root', ...settings },
});

test.each(services)('$name as it was started is not outdated', (one) => {
  expect(outdated(one, running(one), environment)).toBeUndefined();
});

test.each(services)('$name with other code is', (one) => {
  expect(outdated(one, running(one, { CRUD_MASTER_CODE: 'old' }), environment)).toBe('code');
});

test('a changed key makes only those outdated that use it', () => {
  const wanted = { ...environment, MOVIES_DB_PORT: '4711', INVENTORY_TIMEOUT: '4711' };
  expect(services.map((one) => [one.name, outdated(one, running(one), wanted)])).toEqual([
    ['api_gateway', 'settings (INVENTORY_TIMEOUT)'],
    ['billing_app', undefined],
    ['inventory_app', 'settings (MOVIES_DB_PORT)'],
  ]);
});

test('a key that is gone makes outdated what was started with it', () => {
  const gateway = service('api_gateway');
  expect(changedSettings(gateway, { ...environment, LOG_LEVEL: 'debug' }, environment)).toEqual(['LOG_LEVEL']);
});
