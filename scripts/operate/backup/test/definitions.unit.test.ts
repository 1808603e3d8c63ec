import { expect, test } from 'vitest';
import { renderDefinitions } from '../../../run/servers/rabbitmq/definitions.ts';
import { localEnvironment } from '../../../run/stack/environment.ts';
import { mergeDefinitions } from '../definitions.ts';

const today = renderDefinitions(localEnvironment({}));
const { users, vhosts, permissions, policies, queues, exchanges, bindings } = JSON.parse(today);
const vhost: string = vhosts[0].name;

/** As `rabbitmqctl export_definitions` writes it: what the code says as it was then, and what an operator had added. */
const backup = {
  rabbit_version: '4.2.1',
  users: [...users.map((user: object) => ({ ...user, password_hash: 'of then', limits: {} })), { name: 'of-an-operator' }],
  vhosts: [{ name: vhost, limits: [], metadata: { description: 'of then' } }, { name: 'of-an-operator' }],
  permissions: [
    { ...permissions[0], write: '' },
    { ...permissions[0], vhost: 'of-an-operator' },
  ],
  topic_permissions: [{ user: users[0].name, vhost, exchange: 'amq.topic', write: '', read: '' }],
  parameters: [{ component: 'shovel', name: 'mine', vhost, value: {} }],
  policies: [
    { ...policies[0], definition: { 'max-length': 7 } },
    { ...policies[0], name: 'of-an-operator' },
  ],
  queues: [
    { ...queues[0], arguments: { 'x-queue-type': 'classic' } },
    { ...queues[0], vhost: 'of-an-operator' },
  ],
  exchanges: [{ ...exchanges[0], type: 'topic' }],
  bindings: [bindings[0], { ...bindings[0], arguments: { of: 'an operator' } }],
};

test("of a backup's definitions what the code says is as today, above all passwords, and all that an operator added is there", () => {
  expect(JSON.parse(mergeDefinitions(JSON.stringify(backup), today))).toEqual({
    ...backup,
    users: [{ name: 'of-an-operator' }, ...users],
    vhosts: [{ name: 'of-an-operator' }, ...vhosts],
    permissions: [{ ...permissions[0], vhost: 'of-an-operator' }, ...permissions],
    policies: [{ ...policies[0], name: 'of-an-operator' }, ...policies],
    queues: [{ ...queues[0], vhost: 'of-an-operator' }, ...queues],
    exchanges,
    bindings: [...backup.bindings, ...bindings],
  });
});

test('a backup without a kind that the code has gets it', () => {
  expect(JSON.parse(mergeDefinitions('{}', today))).toEqual(JSON.parse(today));
});
