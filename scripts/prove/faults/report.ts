import { textTable } from '../../run/terminal/table.ts';
import { percentile } from '../statistics.ts';
import type { Answer } from './orders.ts';
import { KINDS, nameOf } from './plan.ts';
import type { Proof } from './proof.ts';

/** Milliseconds in which every order must be answered, and what the sender itself may add on a busy machine. */
const ANSWER_LIMIT = 2000;
const SLACK = 500;
/** Of a long list of wrong orders, as many are shown. */
const SHOWN = 50;

/** What a person wants to know of a proof. */
export function report(proof: Proof): string {
  return [orderTable(proof), faultTable(proof), answerTable(proof), verdict(proof)].join('\n\n');
}

function orderTable({ outcomes, sent, films }: Proof): string {
  const attempts = sent.reduce((sum, { answers }) => sum + answers.length, 0);
  return [
    table(
      ['Orders whose client was told', 'orders', 'rows', 'promise'],
      [
        ['200, stored', outcomes.stored.orders, outcomes.stored.rows, 'exactly one row each'],
        ['nothing for certain', outcomes.unknown.orders, outcomes.unknown.rows, 'at most one row each'],
        ['503, not taken', outcomes.refused.orders, outcomes.refused.rows, 'no row'],
        ['anything else', outcomes.wrong.orders, outcomes.wrong.rows, 'does not happen'],
      ],
    ),
    `${attempts} requests for ${sent.length} orders, ${sent.filter(({ key }) => key).length} of them with an Idempotency-Key. Searches in the catalogue: ${statuses(films)}.`,
  ].join('\n');
}

function faultTable({ strikes }: Proof): string {
  const rows = KINDS.map(nameOf).flatMap((name) => {
    const own = strikes.filter(({ disturbances }) => disturbances.some(({ fault }) => nameOf(fault) === name));
    if (own.length === 0) return [];
    const times = (part: 'taken' | 'stored' | 'films') => {
      const values = own.map(({ recovery }) => recovery[part]).sort((a, b) => a - b);
      return `${seconds(percentile(values, 0.5))} ${seconds(values.at(-1)!).padStart(6)}`;
    };
    return [[name, own.length, times('taken'), times('stored'), times('films')]];
  });
  return [
    table(['Fault', 'times', 'orders taken', 'orders stored', 'films found'], rows),
    'Seconds until service resumed after the fault was mended, the median and the longest. Faults that struck together share them.',
  ].join('\n');
}

function answerTable({ sent, strikes, stalls }: Proof): string {
  const unreachable = strikes
    .flatMap(({ disturbances }) => disturbances)
    .filter(({ fault }) => fault.target === 'client-gateway' || (fault.target === 'api_gateway' && fault.action === 'SIGSTOP'));
  const excused = [...unreachable, ...stalls];
  const answers = sent
    .flatMap(({ answers }) => answers)
    .filter((answer) => !excused.some(({ from, to }) => answer.sent <= to && answer.sent + answer.took >= from));
  const rows = [200, 503, 'none' as const].flatMap((status) => {
    const times = answers
      .filter((answer) => answer.status === status)
      .map(({ took }) => took)
      .sort((a, b) => a - b);
    if (times.length === 0) return [];
    const late = times.filter((took) => took > ANSWER_LIMIT + SLACK).length;
    return [
      [
        status === 'none' ? 'none, disconnected' : status,
        times.length,
        percentile(times, 0.5),
        percentile(times, 0.99),
        times.at(-1)!,
        late,
      ],
    ];
  });
  return [
    table(['Answers to orders', 'number', 'p50 ms', 'p99 ms', 'max ms', `over ${ANSWER_LIMIT}+${SLACK} ms`], rows),
    `Without the ${sent.reduce((sum, { answers }) => sum + answers.length, 0) - answers.length} in whose time the gateway was frozen or cut off from the client, or the sender itself was held up.`,
  ].join('\n');
}

function verdict({ wrong, sent, drained }: Proof): string {
  if (wrong.length === 0)
    return `Every one of the ${sent.length} orders is as promised. The queue was empty ${seconds(drained)} s after the last answer.`;
  const more = wrong.length > SHOWN ? [`… and ${wrong.length - SHOWN} more.`] : [];
  return [`WRONG: ${wrong.length}`, ...wrong.slice(0, SHOWN), ...more].join('\n');
}

function statuses(answers: Answer[]): string {
  const counts = [...Map.groupBy(answers, ({ status }) => String(status))].sort(([a], [b]) => a.localeCompare(b));
  return counts.map(([status, { length }]) => `${length} × ${status}`).join(', ');
}

/** A line beneath the head. */
function table(head: string[], rows: (string | number)[][]): string {
  const [first, ...others] = textTable([head, ...rows]).split('\n');
  return [first, '─'.repeat(Math.max(...[first!, ...others].map(({ length }) => length))), ...others].join('\n');
}

const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(1);
