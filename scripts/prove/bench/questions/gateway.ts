import { answers, type Role, startPeer, startService } from '../contender.ts';
import { hasNginx, startNginx } from '../nginx.ts';
import type { Bench, Question, Result, Target } from '../question.ts';
import { CONNECTIONS, comparison, cpuPanel, type Measured, measure, overHttp, ratioTarget, throughputPanel } from '../rounds.ts';
import { type Server, withServers } from '../server.ts';

const OURS = 'this gateway';
const KOA_UNDICI = 'Koa + undici by hand';
const KEEP_ALIVE = 'koa-proxies, keep-alive';
const HPM = 'http-proxy-middleware';
const FASTIFY = '@fastify/http-proxy';

const film = (port: number) => `http://127.0.0.1:${port}/api/movies/1`;
const isReady = (port: number) => answers(film(port));

export const gateway: Question = {
  name: 'gateway',
  async ask(bench: Bench): Promise<Result> {
    const upstream: Server = { name: 'The upstream', role: 'limit', start: (PORT) => startPeer('upstream', { PORT }) };
    const measured = await withServers([upstream], isReady, ([started]) =>
      withServers(gateways(bench, started!.port), isReady, (running) =>
        measure(
          bench,
          running.map(({ port, ...server }) => ({ ...server, drive: overHttp(port) })),
          bench.quick ? { rounds: 2, seconds: 1, warmUp: 1.5 } : { rounds: 5, seconds: 3, warmUp: 4 },
        ),
      ),
    );
    return {
      title: 'A film through the gateway',
      method: `GET of one film on ${CONNECTIONS} connections that stay open. Behind every gateway stands the same small Node server, which answers a fixed film, so that the gateways are what is measured.${hasNginx() ? '' : ' nginx, the limit of the machine, is not installed here.'}`,
      tables: [comparison(measured)],
      panels: [cpuPanel(measured), throughputPanel(measured)],
      targets: targets(measured),
    };
  },
};

function gateways({ environment }: Bench, upstreamPort: number): Server[] {
  const UPSTREAM = `http://127.0.0.1:${upstreamPort}`;
  const peer = (name: string, program: string, role: Role = 'peer', variant: { VARIANT?: string } = {}): Server => ({
    name,
    role,
    start: (PORT) => startPeer(program, { PORT, UPSTREAM, ...variant }),
  });
  return [
    {
      name: OURS,
      role: 'ours',
      start: (port) =>
        startService('api-gateway', { ...environment, API_GATEWAY_PORT: port, INVENTORY_PORT: String(upstreamPort) }),
    },
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

function targets(measured: Measured[]): Target[] {
  const cpu = (name: string) => measured.find((one) => one.name === name)!.cpu;
  return [
    ratioTarget(`film through the gateway, CPU of ours / ${KOA_UNDICI}`, cpu(OURS) / cpu(KOA_UNDICI), { atMost: 1.3 }),
    ratioTarget(`CPU of ${KEEP_ALIVE} / ours`, cpu(KEEP_ALIVE) / cpu(OURS), { atLeast: 2 }),
    ratioTarget(`CPU of ours / ${FASTIFY}`, cpu(OURS) / cpu(FASTIFY), 'ahead'),
    ratioTarget(`CPU of ours / ${HPM}`, cpu(OURS) / cpu(HPM), 'ahead'),
  ];
}
