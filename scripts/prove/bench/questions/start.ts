import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { stopBroker } from '../../../run/servers/rabbitmq/node-files.ts';
import { startBroker } from '../../../run/servers/rabbitmq/rabbitmq.ts';
import { stopStack } from '../../../run/stack/stack.ts';
import { Failure } from '../../../run/terminal/failure.mjs';
import { createReport } from '../../../run/terminal/report.ts';
import type { Product } from '../product.ts';
import type { Bench, Question, Result } from '../question.ts';
import { spread } from '../report/figures.ts';
import { spreadText } from '../report/tables.ts';
import { amountTarget } from '../report/targets.ts';

const silent = createReport(Object.assign(Object.create(process.stdout), { write: () => true, isTTY: false }));

/** Leaves the whole stack running. */
export const start: Question = {
  name: 'start',
  async ask(bench: Bench): Promise<Result> {
    const whole: number[] = [];
    const broker: number[] = [];
    const rounds = bench.quick ? 1 : 5;
    for (let round = 0; round < rounds; round++) {
      await stopStack(bench.ours.home, silent);
      broker.push(await timeOfBroker(bench.ours));
      whole.push(await timeOfStart(bench.ours));
      bench.say(`start ${round + 1} of ${rounds}`);
    }
    const beyond = spread(whole.map((seconds, i) => seconds - broker[i]!));
    const rows: [string, number[]][] = [
      ['start until the first film', whole],
      ['RabbitMQ alone', broker],
    ];
    return {
      title: 'Start',
      method: `The program behind \`npm start\`, with everything installed and the data there, from its call until the gateway has served the first film; beside it RabbitMQ alone, on the same data, until it lets a client in. ${rounds === 1 ? 'One start of each.' : `Median of ${rounds} starts of each, by turns.`}`,
      tables: [{ columns: ['', 'time'], rows: rows.map(([name, times]) => [name, spreadText(spread(times), 's', 1)]) }],
      panels: [
        {
          title: 'Start until the first film',
          unit: 's',
          bars: rows.map(([label, times], i) => ({ label, role: i === 0 ? 'ours' : 'limit', value: spread(times).median })),
        },
      ],
      targets: [amountTarget('`npm start` to the first film, beyond RabbitMQ alone', beyond.median, 1, 's', 1)],
    };
  },
};

/** Seconds until RabbitMQ lets a client in. It is stopped again. */
async function timeOfBroker({ home, environment }: Product): Promise<number> {
  const began = performance.now();
  await startBroker({ home, port: Number(environment.RABBITMQ_PORT), environment });
  const seconds = (performance.now() - began) / 1000;
  await stopBroker(home);
  return seconds;
}

/** Seconds until the first film. */
async function timeOfStart({ checkout, environment }: Product): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, [join(checkout, 'scripts/run/launch/launch.mjs'), 'scripts/prove/bench/start-stack.ts'], {
    cwd: checkout,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Failure('The stack did not start.');
  const films = await fetch(`http://127.0.0.1:${environment.API_GATEWAY_PORT}/api/movies?title=zanzibar`);
  if (!films.ok) throw new Failure(`The gateway answered ${films.status} after the start.`);
  await films.arrayBuffer();
  return (performance.now() - began) / 1000;
}
