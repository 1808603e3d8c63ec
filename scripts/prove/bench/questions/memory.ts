import { setTimeout as sleep } from 'node:timers/promises';
import { appPids } from '../../../run/servers/pm2/apps.ts';
import { services } from '../../../run/stack/services.ts';
import { startStack } from '../../../run/stack/stack.ts';
import { createReport } from '../../../run/terminal/report.ts';
import { MB, megabytes, memory as memoryOf } from '../../usage.ts';
import { ORDER } from '../load/broker.ts';
import { databaseOf, FILMS, fillMovies, filmId, withDatabase } from '../load/database.ts';
import { httpRequest, load } from '../load/load.ts';
import type { Product } from '../product.ts';
import type { Bench, Question, Result, Target } from '../question.ts';
import { amountTarget } from '../report/targets.ts';
import { CONNECTIONS } from '../rounds.ts';

/** Milliseconds after the start in which a service becomes idle. */
const REST = 3000;

/** Bytes */
interface Held {
  name: string;
  idle: number;
  loaded: number;
}

/** What each service holds, run by PM2 as `npm start` has it. */
export const memory: Question = {
  name: 'memory',
  async ask(bench: Bench): Promise<Result> {
    const seconds = bench.quick ? 5 : bench.minutes * 60;
    const held = await measureMemory(bench.ours, seconds);
    const duration = seconds < 60 ? `${seconds} seconds` : `${seconds / 60} minute${seconds === 60 ? '' : 's'}`;
    return {
      title: 'Memory',
      method: `The whole stack, run by PM2 as \`npm start\` has it, ${FILMS.toLocaleString('en')} films. The resident set of each service ${REST / 1000} seconds after its start, and after ${duration} of load: ${CONNECTIONS} connections to the gateway, every second request an order, the others a film by id. \`--minutes 10\` makes it ten.`,
      tables: [
        {
          columns: ['', 'idle', `after ${duration} of load`],
          rows: held.map(({ name, idle, loaded }) => [name, megabytes(idle), megabytes(loaded)]),
        },
      ],
      panels: [panel('Idle', held, 'idle'), panel(`After ${duration} of load`, held, 'loaded')],
      targets: [
        ...held.map(({ name, idle }) => amountTarget(`memory of ${name}, idle`, idle / MB, 85, 'MB')),
        ...held.map((one) => afterLoad(one, seconds, duration)),
      ],
    };
  },
};

async function measureMemory({ home, environment }: Product, seconds: number): Promise<Held[]> {
  await startStack(home, environment, createReport());
  await withDatabase(databaseOf(environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));
  await sleep(REST);
  const held = services.map(({ name }) => ({ name, pids: appPids(home, name) }));
  const now = () => held.map(({ pids }) => pids.reduce((sum, pid) => sum + memoryOf(pid).now, 0));
  const idle = now();
  const order = httpRequest('POST', '/api/billing', ORDER);
  await load({
    port: Number(environment.API_GATEWAY_PORT),
    request: (n) => (n % 2 ? order : httpRequest('GET', `/api/movies/${filmId(n)}`)),
    connections: CONNECTIONS,
    seconds,
  });
  const loaded = now();
  return held.map(({ name }, i) => ({ name, idle: idle[i]!, loaded: loaded[i]! }));
}

const panel = (title: string, held: Held[], when: 'idle' | 'loaded') => ({
  title,
  unit: 'MB',
  bars: held.map((one) => ({ label: one.name, role: 'ours' as const, value: one[when] / MB })),
});

/** Less load decides nothing. */
function afterLoad({ name, loaded }: Held, seconds: number, duration: string): Target {
  const target = amountTarget(`memory of ${name}, after ten minutes of load`, loaded / MB, 130, 'MB');
  return seconds < 600 ? { ...target, met: undefined, measured: `${target.measured} (after ${duration} only)` } : target;
}
