import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { checkout } from '../../../run/checkout.mjs';
import { stopStack } from '../../../run/stack/stack.ts';
import { Failure } from '../../../run/terminal/failure.mjs';
import { createReport } from '../../../run/terminal/report.ts';
import { median } from '../../statistics.ts';
import { benchHome } from '../contender.ts';
import type { Bench, Question, Result } from '../question.ts';

const silent = createReport(Object.assign(Object.create(process.stdout), { write: () => true, isTTY: false }));

export const start: Question = {
  name: 'start',
  async ask(bench: Bench): Promise<Result> {
    const times: number[] = [];
    const rounds = bench.quick ? 1 : 3;
    for (let round = 0; round < rounds; round++) {
      await stopStack(benchHome, silent);
      times.push(await timeOfStart(bench));
      bench.say(`round ${round + 1} of ${rounds}`);
    }
    const seconds = median(times);
    return {
      title: 'Start',
      method: `The program behind \`npm start\`, with everything installed and the data there, from its call until the gateway has served the first film. ${rounds === 1 ? 'One round' : `Median of ${rounds} rounds`}.`,
      tables: [{ columns: ['', 'time'], rows: [['start until the first film', `${seconds.toFixed(1)} s`]] }],
      panels: [{ title: 'Start until the first film', unit: 's', bars: [{ label: 'npm start', role: 'ours', value: seconds }] }],
      targets: [],
    };
  },
};

async function timeOfStart({ environment }: Bench): Promise<number> {
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
