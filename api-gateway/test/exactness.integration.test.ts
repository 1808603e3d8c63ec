import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../scripts/prove/random.ts';
import { startGateway, type TestGateway } from './harness/gateway.ts';
import { differences, generatePair, type Pair } from './harness/pairs.ts';
import { type RawUpstream, rawUpstream } from './harness/raw-upstream.ts';
import { open, valuesOf, type Wire, type WireMessage } from './harness/wire.ts';

/** A part of what `npm run test:exactness` sends. Another sample: EXACTNESS_SEED=7 npm run test:exactness */
const PAIRS = Number(process.env.EXACTNESS_PAIRS ?? 4000);
const SEED = Number(process.env.EXACTNESS_SEED ?? 1);
const CONCURRENCY = 16;

let upstream: RawUpstream;
let gateway: TestGateway;
const pairs = new Map<string, Pair>();
const arrived = new Map<string, WireMessage>();

beforeAll(async () => {
  upstream = await rawUpstream({
    onHead(head, socket) {
      const pair = pairOf(head);
      if (!pair?.early) return true;
      arrived.set(keyOf(head), head);
      socket.end(pair.answer);
      socket.resume();
      return false;
    },
    answer(request) {
      arrived.set(keyOf(request), request);
      return pairOf(request)!.answer;
    },
    record: false,
  });
  gateway = await startGateway(upstream.port, { INVENTORY_TIMEOUT: 20_000 });
});
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
});

const keyOf = ({ fields }: WireMessage) => valuesOf(fields, 'x-pair').join();
const pairOf = (message: WireMessage) => pairs.get(keyOf(message).split('/')[0]!);

test(`${PAIRS} generated requests and answers, direct and through the gateway, differ by the published list only (seed ${SEED})`, async () => {
  const random = createRandom(String(SEED)).fraction;
  let started = 0;
  const worker = async () => {
    const way = { direct: new Way(upstream.port), gateway: new Way(gateway.port) };
    while (started < PAIRS) {
      const id = String(started++);
      const pair = generatePair(random);
      pairs.set(id, pair);
      const direct = await way.direct.send(pair, `${id}/direct`);
      const through = await way.gateway.send(pair, `${id}/gateway`);
      const found = differences(pair, direct, through);
      if (found.length > 0)
        expect.fail(`pair ${id} of seed ${SEED}: ${found.join('; ')}\n${JSON.stringify(show(pair), null, 2)}`);
      pairs.delete(id);
    }
    way.direct.close();
    way.gateway.close();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}, 600_000);

/** One kept connection to the upstream or to the gateway. */
class Way {
  #wire: Wire | undefined;
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async send(pair: Pair, key: string): Promise<{ request: WireMessage; answer: WireMessage }> {
    if (!this.#wire || this.#wire.socket.destroyed || !this.#wire.socket.writable) this.#wire = await open(this.#port);
    const wire = this.#wire;
    wire.socket.write(pair.request(key));
    const answer = await wire.readResponse(pair.method);
    if (pair.closes || answer.framing === 'close' || valuesOf(answer.fields, 'connection').includes('close')) this.close();
    const request = arrived.get(key);
    if (!request) throw new Error(`the request did not arrive; the answer was ${answer.start} ${answer.body}`);
    arrived.delete(key);
    return { request, answer };
  }

  close(): void {
    this.#wire?.socket.destroy();
    this.#wire = undefined;
  }
}

const show = (pair: Pair) => ({
  request: pair.request('key').toString('latin1').slice(0, 2000),
  answer: pair.answer.toString('latin1').slice(0, 2000),
});
