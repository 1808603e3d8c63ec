import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'dotenv';
import { Failure } from '../../run/terminal/failure.mjs';
import { typed, vagrant } from './vagrant.ts';

/** Orders that were answered 200 before the power goes. */
const BEFORE = 50;
const MOST = 5000;
/** Milliseconds for the orders that waited in the queue: the machine may be emulated. */
const DRAIN_LIMIT = 300_000;
const DONE = '/tmp/power-cut-is-over';

/**
 * Sends orders in the gateway's machine while the power of billing's is cut and comes back. Gives a sentence for each order that
 * is not stored as its answer said: exactly once after 200, at most once after anything else.
 */
export async function powerCut(print: (text: string) => void): Promise<string[]> {
  const env = { ...parse(readFileSync(new URL('../../../.env', import.meta.url))), ...process.env };
  const first = randomInt(1_000_000_000, 2_000_000_000);
  const url = `http://127.0.0.1:${env.API_GATEWAY_PORT}/api/billing`;
  const answers = new Map<number, number>();
  let unread = '';
  const note = (text: string) => {
    const lines = (unread + text).split(/\r?\n/);
    unread = lines.pop()!;
    for (const line of lines) {
      const [, user, status] = /^(\d{10}) (\d{3})$/.exec(line) ?? [];
      if (user && status) answers.set(Number(user), Number(status));
    }
  };
  const taken = () => [...answers.values()].filter((status) => status === 200).length;

  await inMachine('gateway-vm', `rm -f ${DONE}`);
  const sending = inMachine('gateway-vm', orders(url, first), note);
  let ended = false;
  void sending.finally(() => {
    ended = true;
  });
  while (taken() < BEFORE && !ended) await sleep(100);
  if (ended) throw new Failure(`Only ${taken()} orders were answered 200 before the power cut.`);
  await inVagrant(['halt', '--force', 'billing-vm'], print);
  await inVagrant(['up', 'billing-vm'], print);
  await inMachine('gateway-vm', `touch ${DONE}`);
  await sending;

  let wrong: string[] = [];
  for (const limit = Date.now() + DRAIN_LIMIT; ; await sleep(1000)) {
    wrong = balance(answers, await storedRows(env.ORDERS_DB_NAME!, first));
    if (wrong.length === 0 || Date.now() > limit) break;
  }
  print(`${taken()} of ${answers.size} orders were answered 200.\n`);
  return wrong;
}

async function inVagrant(words: string[], print: (text: string) => void): Promise<void> {
  print(`vagrant ${typed(words)}\n`);
  const { status } = await vagrant(words, print);
  if (status !== 0) throw new Failure(`vagrant ${typed(words)} ended with status ${status}.`);
}

/** What is wrong with the rows of each order. */
export function balance(answers: Map<number, number>, rows: Map<number, number>): string[] {
  return [...answers].flatMap(([user, status]) => {
    const stored = rows.get(user) ?? 0;
    const right = status === 200 ? stored === 1 : stored <= 1;
    return right ? [] : [`order ${user}, answered ${status}, is stored ${stored} times`];
  });
}

/** A shell's loop: an order after the other, and a line for each answer. Those that are refused are not sent again. */
function orders(url: string, first: number): string {
  return `user=${first}; until [ -e ${DONE} ] || [ $user -ge ${first + MOST} ]; do
    status=$(curl --silent --output /dev/null --max-time 20 --write-out '%{http_code}' --header 'Content-Type: application/json' \
      --data "{\\"user_id\\":$user,\\"number_of_items\\":1,\\"total_amount\\":1}" ${url})
    echo "$user $status"; user=$((user + 1)); [ "$status" = 200 ] || sleep 1
  done`;
}

/** How often each order of the trial is in the table. */
async function storedRows(database: string, first: number): Promise<Map<number, number>> {
  const statement = `SELECT user_id, count(*) FROM orders WHERE user_id BETWEEN ${first} AND ${first + MOST} GROUP BY 1`;
  const psql = ['sudo', '-i', '-u', 'postgres', 'psql', '--tuples-only', '--no-align', '-d', database, '-c', statement];
  const output = await inMachine('billing-vm', typed(psql));
  return new Map([...output.matchAll(/^(\d+)\|(\d+)$/gm)].map(([, user, count]) => [Number(user), Number(count)]));
}

async function inMachine(machine: string, command: string, onOutput?: (text: string) => void): Promise<string> {
  const { status, output } = await vagrant(['ssh', machine, '--no-tty', '-c', command], onOutput);
  if (status !== 0) throw new Failure(`In ${machine}, this failed (status ${status}): ${command}\n${output}`);
  return output;
}
