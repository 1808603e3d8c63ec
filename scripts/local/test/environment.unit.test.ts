import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readEnvironment } from '@crud-master/plumbing/environment';
import { afterAll, expect, test } from 'vitest';
import { localEnvironment, requireUsable } from '../environment.ts';
import { withOwnPasswords } from '../identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'local-environment-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('what is wrong with a line of .env is known wherever its value goes', () => {
  const file = join(folder, '.env');
  writeFileSync(file, 'RABBITMQ_GATEWAY_PASSWORD=#secret\n');
  const broken = { ...localEnvironment({}), ...readEnvironment(pathToFileURL(file), {}) };
  expect(() => requireUsable(withOwnPasswords(broken, 'mark'))).toThrow(
    'RABBITMQ_GATEWAY_PASSWORD (line 1 of .env) is empty: a value with # needs quotes',
  );
});

test('an old name of a setting is told, not ignored', () => {
  expect(() => requireUsable(localEnvironment({ INVENTORY_BODY_LIMIT: '5' }))).toThrow(
    'INVENTORY_BODY_LIMIT is called INVENTORY_MAX_BODY_BYTES now',
  );
});
