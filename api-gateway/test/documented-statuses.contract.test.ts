import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient, type Request } from './contract/client.ts';
import { contradictions, documentedOperations, documentedStatuses } from './contract/document.ts';
import { type FaultyGateways, startFaultyGateways } from './contract/faulty-gateways.ts';
import { createFilms } from './contract/films.ts';
import { parseAnswer, sendBytes } from './contract/raw-socket.ts';
import { gatewayUrl, stackIsOurs } from './contract/stack.ts';

const NO_FILM = 2_147_483_647;
const ORDER = { user_id: '3', number_of_items: '5', total_amount: '180' };
const MEGABYTES_11 = 'x'.repeat(11 * 1024 * 1024);
const KEY = randomUUID();

const operations = Object.fromEntries(documentedOperations().map((operation) => [operation.operation, operation]));
const client = createClient(gatewayUrl);
const films = createFilms(client);
let gateways: FaultyGateways;
let film: string;

beforeAll(async () => {
  gateways = await startFaultyGateways();
  film = `/api/movies/${(await films.add()).json.id}`;
  await client.call('POST', '/api/billing', { body: ORDER, headers: { 'Idempotency-Key': KEY } });
});
afterAll(async () => {
  await films.removeAll();
  await client.close();
  await gateways.close();
});

/** A request that the operation answers well. */
function good(operation: string): [method: string, path: string, request?: Request] {
  const { method, template } = operations[operation]!;
  const path = template.replace('/{id}', film.slice('/api/movies'.length));
  if (operation === 'listMovies' || operation === 'headMovies') return [method, `${path}?title=${randomUUID()}`];
  if (operation === 'createMovie') return [method, path, { body: { title: `Contract ${randomUUID()}` } }];
  if (operation === 'updateMovie') return [method, path, { body: { description: 'Changed' } }];
  if (operation === 'postOrder') return [method, path, { body: ORDER }];
  return [method, path];
}

/** How each status can be had from a gateway. */
const provoke: Record<number, (operation: string) => Promise<unknown>> = {
  200: (operation) => client.call(...good(operation)),
  201: () => films.add(),
  async 204(operation) {
    if (operation === 'deleteMovies') {
      const answer = await client.call('DELETE', '/api/movies');
      film = `/api/movies/${(await films.add()).json.id}`;
      return answer;
    }
    const { json } = await films.add();
    return client.call('DELETE', `/api/movies/${json.id}`);
  },
  400(operation) {
    const { method, template } = operations[operation]!;
    if (operation === 'listMovies' || operation === 'headMovies') return client.call(method, `${template}?title=%00`);
    if (['createMovie', 'postOrder'].includes(operation)) return client.call(method, template, { body: {} });
    if (operation === 'updateMovie') return client.call(method, film, { body: {} });
    if (['getMovie', 'headMovie', 'deleteMovie'].includes(operation)) return client.call(method, '/api/movies/word');
    return raw(gateways.inventoryAway, operation, 'Connection: close\r\n\r\n'); // no Host
  },
  404: (operation) => {
    const [method, , request] = good(operation);
    return client.call(method, `/api/movies/${NO_FILM}`, request);
  },
  405: (operation) => client.call('PATCH', good(operation)[1]),
  408: (operation) => raw(gateways.impatient, operation, 'Host: slow\r\n'),
  413(operation) {
    const [method, path] = good(operation);
    return client.call(method, path, { body: { title: MEGABYTES_11 } });
  },
  415(operation) {
    const [method, path, request] = good(operation);
    return client.call(method, path, { ...request, headers: { 'content-type': 'text/plain' } });
  },
  422: () => client.call('POST', '/api/billing', { body: { ...ORDER, user_id: '4' }, headers: { 'Idempotency-Key': KEY } }),
  429: (operation) => from(gateways.rationed, ({ call }) => call(...good(operation))),
  431: (operation) => raw(gateways.inventoryAway, operation, `Host: large\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`),
  502: (operation) => from(gateways.inventoryBreaks, ({ call }) => call(...good(operation))),
  503: (operation) => {
    const gateway = operation === 'optionsBilling' ? gateways.crowded : gateways.inventoryAway;
    return from(gateway, ({ call }) => call(...good(operation)));
  },
  504: (operation) => from(gateways.inventorySilent, ({ call }) => call(...good(operation))),
};

async function from<T>(origin: string, request: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient(origin);
  try {
    return await request(client);
  } finally {
    await client.close();
  }
}

async function raw(origin: string, operation: string, header: string) {
  const [method, path] = good(operation);
  const received = await sendBytes(origin, `${method} ${path} HTTP/1.1\r\n${header}`, 5000);
  const answer = parseAnswer(method, path, received ?? '');
  expect(contradictions(answer)).toEqual([]);
  return answer;
}

describe('Every documented status is seen', () => {
  for (const { operation, status } of documentedStatuses()) {
    const emptiesCatalogue = operation === 'deleteMovies' && status === 204;
    test.skipIf(emptiesCatalogue && !stackIsOurs)(`${operation} ${status}`, async () => {
      const answer = await provoke[status]?.(operation);
      expect(answer, 'no request here leads to this status').toMatchObject({ status });
    });
  }
});
