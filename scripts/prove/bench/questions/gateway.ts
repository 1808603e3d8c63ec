import { anyFreePort } from '../../../run/servers/ports.ts';
import type { Role } from '../contender.ts';
import { httpRequest } from '../load/load.ts';
import { overHttp, type Server } from '../load/load-turn.ts';
import { hasNginx, startNginx } from '../nginx.ts';
import { answers, startPeer, startService, untilReady } from '../processes.ts';
import type { Product } from '../product.ts';
import type { Bench, Question, Result, Target } from '../question.ts';
import { named, ratio } from '../report/figures.ts';
import { comparison, cpuPanel, throughputPanel } from '../report/tables.ts';
import { ratioTarget, STARTS, steadinessTarget } from '../report/targets.ts';
import { CONNECTIONS, FILMS_PER_SECOND, type Measured, measure, PACED, type Plan, planFor } from '../rounds.ts';

const OURS = 'this gateway';
const KOA_UNDICI = 'Koa + undici by hand';
const KEEP_ALIVE = 'koa-proxies, keep-alive';
const HPM = 'http-proxy-middleware';
const FASTIFY = '@fastify/http-proxy';

export const gateway: Question = {
  name: 'gateway',
  works: [
    {
      name: 'film',
      measure: (bench, products) => measureServers(bench, planFor(bench, STARTS), revisions(products)),
    },
    {
      name: `film, ${FILMS_PER_SECOND} a second`,
      measure: (bench, products) => measureServers(bench, PACED, revisions(products), FILMS_PER_SECOND),
    },
  ],
  async ask(bench: Bench): Promise<Result> {
    const measured = await measureServers(bench, planFor(bench, STARTS), (upstream) => [
      ours(OURS, bench.ours, upstream),
      ...peers(upstream),
    ]);
    return {
      title: 'A film through the gateway',
      method: `GET of one film on ${CONNECTIONS} connections that stay open. Behind every gateway stands the same small Node server, which answers a fixed film, so that the gateways are what is measured.${hasNginx() ? '' : ' nginx, the limit of the machine, is not installed here.'}`,
      tables: [comparison(measured)],
      panels: [cpuPanel(measured), throughputPanel(measured)],
      targets: targets(measured),
    };
  },
};

const ours = (name: string, product: Product, upstreamPort: number): Server => ({
  name,
  role: 'ours',
  start: (port) => startService(product, 'api-gateway', { API_GATEWAY_PORT: port, INVENTORY_PORT: String(upstreamPort) }),
});

const revisions = (products: Product[]) => (upstreamPort: number) =>
  products.map((product) => ours(product.name, product, upstreamPort));

function peers(upstreamPort: number): Server[] {
  const UPSTREAM = `http://127.0.0.1:${upstreamPort}`;
  const peer = (name: string, program: string, role: Role = 'peer', variant: { VARIANT?: string } = {}): Server => ({
    name,
    role,
    start: (PORT) => startPeer(program, { PORT, UPSTREAM, ...variant }),
  });
  return [
    peer('koa-proxies as it comes', 'koa-proxies'),
    peer(KEEP_ALIVE, 'koa-proxies', 'peer', { VARIANT: 'keep-alive' }),
    peer(HPM, 'express-http-proxy-middleware'),
    peer(FASTIFY, 'fastify-http-proxy'),
    peer(KOA_UNDICI, 'koa-undici', 'limit'),
    ...(hasNginx()
      ? [{ name: 'nginx', role: 'limit' as const, start: (port: string) => startNginx(Number(port), upstreamPort) }]
      : []),
  ];
}

/** Measures gateways before the same small server. */
async function measureServers(
  bench: Bench,
  plan: Plan,
  servers: (upstreamPort: number) => Server[],
  rate?: number,
): Promise<Measured[]> {
  const isReady = (port: number) => answers(`http://127.0.0.1:${port}/api/movies/1`);
  const film = httpRequest('GET', '/api/movies/1');
  const port = await anyFreePort();
  const upstream = startPeer('upstream', { PORT: String(port) });
  try {
    await untilReady('The upstream', upstream, () => isReady(port));
    const contenders = servers(port).map((server) => overHttp(server, { plan, isReady, request: () => film, rate }));
    return await measure(contenders, plan.starts, bench.say);
  } finally {
    await upstream.stop();
  }
}

function targets(measured: Measured[]): Target[] {
  const of = (name: string) => named(measured, name);
  const cpu = (one: string, other: string) => ratio(of(one), of(other), 'cpu');
  return [
    ratioTarget(`film, CPU / ${KOA_UNDICI}`, cpu(OURS, KOA_UNDICI), { atMost: 1.2 }),
    ratioTarget(`film, CPU / ${FASTIFY}`, cpu(OURS, FASTIFY), { atMost: 0.8 }),
    ratioTarget(`film, CPU / ${HPM}`, cpu(OURS, HPM), 'ahead'),
    ratioTarget(`film, CPU of ${KEEP_ALIVE} / ours`, cpu(KEEP_ALIVE, OURS), { atLeast: 2 }),
    ratioTarget(`film, p99 at ${CONNECTIONS} connections / ${KOA_UNDICI}`, ratio(of(OURS), of(KOA_UNDICI), 'p99'), {
      atMost: 1.3,
    }),
    steadinessTarget('film', of(OURS)),
  ];
}
