import { readFileSync } from 'node:fs';
import { loadEnvironment } from '@crud-master/plumbing/environment';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { documentedOperations } from './contract/document.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

interface Item {
  name: string;
  item?: Item[];
  request?: { method: string; url: { raw: string } };
}

const env = loadEnvironment(new URL('.env', root), {});
const baseUrl = (environment: string) => {
  const { values } = JSON.parse(read(`docs/postman/${environment}.postman_environment.json`));
  return values.find(({ key }: { key: string }) => key === 'base_url').value;
};

test('The Postman environments have the addresses of .env', () => {
  expect(baseUrl('local')).toBe(`http://localhost:${env.API_GATEWAY_PORT}`);
  expect(baseUrl('virtual-machines')).toBe(`http://${env.GATEWAY_VM_IP}:${env.API_GATEWAY_PORT}`);
});

test('The OpenAPI document has the port of .env', () => {
  const { servers } = parse(read('docs/openapi.yaml'));
  for (const { variables } of servers) expect(variables.port.default).toBe(env.API_GATEWAY_PORT);
});

test('The Postman collection has every operation of the OpenAPI document', () => {
  const { item } = JSON.parse(read('docs/postman/crud-master.postman_collection.json')) as Item;
  const requests = (items: Item[]): string[] =>
    items.flatMap(({ item, request }) => [
      ...(item ? requests(item) : []),
      ...(request
        ? [`${request.method} ${request.url.raw.replace('{{base_url}}', '').replace(/\?.*/, '').replace('{{film_id}}', '{id}')}`]
        : []),
    ]);
  const posted = new Set(requests(item!));
  const missing = documentedOperations()
    .map(({ method, template }) => `${method} ${template}`)
    .filter((operation) => !posted.has(operation));
  expect(missing).toEqual([]);
});
