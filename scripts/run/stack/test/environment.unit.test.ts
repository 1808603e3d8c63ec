import { expect, test } from 'vitest';
import { localEnvironment, overridesIn, requireUsable } from '../environment.ts';

test('one port for two of the stack is refused in one sentence', () => {
  const environment = localEnvironment({ API_GATEWAY_PORT: '4711', INVENTORY_PORT: '4711' });
  expect(() => requireUsable(environment)).toThrow(
    /^API_GATEWAY_PORT and INVENTORY_PORT are both 4711: give each a port of its own/,
  );
});

test('a setting that .env does not name is taken from the environment, what is no setting is not', () => {
  const environment = localEnvironment({ RATE_LIMIT_CLIENTS: '17', EDITOR: 'vi' });
  expect([environment.RATE_LIMIT_CLIENTS, environment.EDITOR]).toEqual(['17', undefined]);
});

test('what was set for a start goes on to hold, what was only passed on from .env does not', () => {
  const plain = localEnvironment({});
  const own = { INVENTORY_PORT: '4711', API_GATEWAY_PORT: plain.API_GATEWAY_PORT, EDITOR: 'vi' };
  expect(overridesIn(own, localEnvironment(own))).toEqual({ INVENTORY_PORT: '4711' });
});

test('a variable that only the operators need is missed before anything starts', () => {
  const { RABBITMQ_ADMIN_PASSWORD: _, ...environment } = localEnvironment({});
  expect(() => requireUsable(environment)).toThrow(/RABBITMQ_ADMIN_PASSWORD is missing$/);
});

test('a bad port of a private server is named as .env names it', () => {
  const environment = localEnvironment({ LOCAL_POSTGRES_PORT: 'x', LOCAL_RABBITMQ_PORT: '99999' });
  expect(() => requireUsable(environment)).toThrow(
    /:\n {2}LOCAL_POSTGRES_PORT must be .* \(it is "x"\)\n {2}LOCAL_RABBITMQ_PORT must be .* \(it is "99999"\)$/,
  );
  expect(() => requireUsable(localEnvironment({ MOVIES_DB_PORT: 'x' }))).toThrow(/ {2}MOVIES_DB_PORT must be /);
});
