import { anyFreePort } from '../../../run/servers/ports.ts';
import { answers, type Role, type Running, startPeer, startService, untilReady } from '../contender.ts';
import { hasNginx, startNginx } from '../nginx.ts';
import type { Bench, Question, Result } from '../question.ts';
import { CONNECTIONS, type Contender, comparison, cpuPanel, measure, overHttp, ratioTarget, throughputPanel } from '../rounds.ts';

interface Gateway {
  name: string;
  role: Role;
  start(environment: Record<string, string>): Running;
}

const peer = (name: string, program: string, role: Role = 'peer', variant?: string): Gateway => ({
  name,
  role,
  start: (environment) => startPeer(program, { ...environment, ...(variant && { VARIANT: variant }) }),
});

const OURS = 'this gateway';
const KOA_UNDICI = 'Koa + undici by hand';
const KEEP_ALIVE = 'koa-proxies, keep-alive';
const HPM = 'http-proxy-middleware';
const FASTIFY = '@fastify/http-proxy';

export const gateway: Question = {
  name: 'gateway',
  async ask(bench: Bench): Promise<Result> {
    const upstreamPort = await anyFreePort();
    const upstream = startPeer('upstream', { PORT: String(upstreamPort) });
    const film = (port: number | string) => `http://127.0.0.1:${port}/api/movies/1`;
    await untilReady('The upstream', upstream, () => answers(film(upstreamPort)));

    const gateways: Gateway[] = [
      {
        name: OURS,
        role: 'ours',
        start: ({ PORT }) =>
          startService('api-gateway', {
            ...bench.environment,
            API_GATEWAY_PORT: PORT!,
            INVENTORY_PORT: String(upstreamPort),
          }),
      },
      peer('koa-proxies as it comes', 'koa-proxies'),
      peer(KEEP_ALIVE, 'koa-proxies', 'peer', 'keep-alive'),
      peer(HPM, 'express-http-proxy-middleware'),
      peer(FASTIFY, 'fastify-http-proxy'),
      peer(KOA_UNDICI, 'koa-undici', 'limit'),
    ];
    if (hasNginx()) {
      gateways.push({ name: 'nginx', role: 'limit', start: ({ PORT }) => startNginx(Number(PORT), upstreamPort) });
    }

    const contenders: Contender[] = [];
    try {
      for (const { name, role, start } of gateways) {
        const port = await anyFreePort();
        const running = start({ PORT: String(port), UPSTREAM: `http://127.0.0.1:${upstreamPort}` });
        contenders.push({ name, role, running, drive: overHttp(port) });
        await untilReady(name, running, () => answers(film(port)));
      }
      const measured = await measure(
        bench,
        contenders,
        bench.quick ? { rounds: 2, seconds: 1, warmUp: 1.5 } : { rounds: 5, seconds: 3, warmUp: 4 },
      );
      const cpu = (name: string) => measured.find((one) => one.name === name)!.cpu;
      return {
        title: 'A film through the gateway',
        method: `GET of one film on ${CONNECTIONS} connections that stay open. Behind every gateway stands the same small Node server, which answers a fixed film, so that the gateways are what is measured.${hasNginx() ? '' : ' nginx, the limit of the machine, is not installed here.'}`,
        tables: [comparison(measured)],
        panels: [cpuPanel(measured), throughputPanel(measured)],
        targets: [
          ratioTarget(`film through the gateway, CPU of ours / ${KOA_UNDICI}`, cpu(OURS) / cpu(KOA_UNDICI), { atMost: 1.3 }),
          ratioTarget(`CPU of ${KEEP_ALIVE} / ours`, cpu(KEEP_ALIVE) / cpu(OURS), { atLeast: 2 }),
          ratioTarget(`CPU of ours / ${FASTIFY}`, cpu(OURS) / cpu(FASTIFY), 'ahead'),
          ratioTarget(`CPU of ours / ${HPM}`, cpu(OURS) / cpu(HPM), 'ahead'),
        ],
      };
    } finally {
      await Promise.all([upstream, ...contenders.map(({ running }) => running)].map((running) => running.stop()));
    }
  },
};
