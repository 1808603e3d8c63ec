import { parseArgs } from 'node:util';
import { Failure } from '../../run/terminal/failure.mjs';
import type { Letter } from './letter.ts';

const USAGE = `Usage: npm run dead-letters -- list [--limit N] [--after N] [FILTER] | show ID | replay ID|--all|FILTER | drop ID|--all|FILTER [--yes]
FILTER: --kind KIND, --older-than 90s|30m|2h|7d, or both. With --cluster: those of the three nodes`;

export interface Request {
  command: 'list' | 'show' | 'replay' | 'drop';
  id: string | undefined;
  /** Neither an id nor a filter narrows it: all letters. */
  all: boolean;
  /** Letters on a page, and letters before it. */
  limit: number;
  after: number;
  yes: boolean;
  selects(letter: Letter): boolean;
}

const COMMANDS = ['list', 'show', 'replay', 'drop'] as const;
/** Letters on a page. */
const PAGE = '1000';
const MILLISECONDS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What the operator asks for. Throws a `Failure` with the usage, or with what is wrong. */
export function readRequest(args: string[], now = Date.now()): Request {
  const { values, positionals } = parse(args);
  const command = COMMANDS.find((name) => name === positionals[0]);
  const id = positionals[1];
  const filtered = values.kind !== undefined || values['older-than'] !== undefined;
  const many = values.all || filtered;
  const wellFormed =
    command === 'list'
      ? id === undefined && !values.all && !values.yes
      : values.limit === undefined && values.after === undefined && (id !== undefined) !== many && !(command === 'show' && many);
  if (!command || positionals.length > 2 || !wellFormed) throw new Failure(USAGE);
  const before = values['older-than'] === undefined ? undefined : now - duration(values['older-than']);
  return {
    command,
    id,
    all: id === undefined && !filtered,
    limit: whole('limit', values.limit ?? PAGE, 1),
    after: whole('after', values.after ?? '0', 0),
    yes: values.yes ?? false,
    selects: (letter) =>
      (id === undefined || id === letter.id || id === `${letter.id}~${letter.digest}`) &&
      (values.kind === undefined || values.kind === letter.kind) &&
      // A letter that does not say when it became one is of no known age.
      (before === undefined || (letter.failedAt !== undefined && letter.failedAt.getTime() < before)),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...{ limit: { type: 'string' }, after: { type: 'string' }, kind: { type: 'string' }, 'older-than': { type: 'string' } },
        ...{ all: { type: 'boolean', default: false }, yes: { type: 'boolean' }, cluster: { type: 'boolean' } },
      },
    });
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${USAGE}`);
  }
}

function whole(name: string, value: string, least: number): number {
  const number = Number(value);
  if (/^\d{1,9}$/.test(value) && number >= least) return number;
  throw new Failure(`--${name} takes a whole number from ${least} on, not "${value}".`);
}

/** In milliseconds. */
function duration(value: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  if (!count || !unit) throw new Failure(`--older-than takes a number and s, m, h or d, such as 2h, not "${value}".`);
  return Number(count) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
}
