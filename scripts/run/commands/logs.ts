// npm run logs [-- [--service NAME] [--level LEVEL] [--since 10m] [--trace ID] [--lines N] [--follow]]: the services' logs
//
//     --service  api_gateway, inventory_app or billing_app; several times for several. All without it
//     --level    warn: only warnings and worse
//     --since    30s, 10m, 2h, 1d, or a time such as 2026-11-26T12:00
//     --trace    only what names that trace, request or message: the way of one order, in the order of time
//     --lines    so many of the newest (50; with --since or --trace all)
//     --follow   goes on until Ctrl-C. For people on a terminal, one JSON object a line elsewhere
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { type Log, linesAdded, linesBackwards, openLog } from '../logs/log-files.ts';
import {
  asJson,
  isWanted,
  type Line,
  narrowed,
  parseLine,
  readable,
  readLevel,
  readSince,
  type Wanted,
} from '../logs/log-lines.ts';
import { appLogs } from '../servers/pm2/apps.ts';
import { localHome, requireOwner } from '../stack/home.ts';
import { services } from '../stack/services.ts';
import { runCommand } from '../terminal/command.ts';
import { Failure } from '../terminal/failure.mjs';

/** Lines that are kept at most while the log is searched. */
const MOST = 100_000;
const NEWEST = 50;

await runCommand(async () => {
  const home = localHome();
  requireOwner(home);
  const { names, wanted, lines, follow } = readArguments();
  const logs = await Promise.all(names.flatMap((service) => appLogs(home, service).map(openLog)));
  const found = (await Promise.all(logs.map((log) => newest(log, wanted, lines)))).flat();
  if (!follow) await Promise.all(logs.map(({ file }) => file?.close()));
  if (!follow && found.length === 0) throw new Failure(nothingFound(logs));
  if (found.length >= MOST) console.error(`Only the newest ${MOST} lines: a later --since shows less.`);
  found.sort((a, b) => a.time - b.time); // stable: lines of one moment stay as they were
  const { stdout } = process;
  const hasColors = stdout.isTTY && stdout.hasColors(); // not with NO_COLOR, nor where TERM is dumb
  const show = ({ service, ...line }: Found) =>
    stdout.write(`${stdout.isTTY ? readable(line, service, hasColors) : asJson(line, service)}\n`);
  for (const line of found.slice(-lines)) show(line);
  if (!follow) return 0;

  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
  process.stdout.once('error', () => end.abort()); // its reader has left
  await Promise.all(
    logs.map(async (log) => {
      for await (const text of linesAdded(log, end.signal)) {
        const line = parseLine(text);
        if (isWanted(line, wanted))
          show({ ...narrowed(line, wanted.trace), time: line.time || Date.now(), service: serviceOf(log) });
      }
    }),
  );
  return 0;
});

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      service: { type: 'string', multiple: true, default: [] },
      level: { type: 'string' },
      since: { type: 'string' },
      trace: { type: 'string' },
      lines: { type: 'string' },
      follow: { type: 'boolean', short: 'f', default: false },
    },
  });
  const known: string[] = services.map(({ name }) => name);
  const asked = [...new Set([...values.service, ...positionals])];
  const unknown = asked.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Failure(`There is no service ${unknown}: --service takes ${known.join(', ')}.`);
  const wanted: Wanted = { level: readLevel(values.level), since: readSince(values.since), trace: values.trace };
  const all = values.since !== undefined || values.trace !== undefined;
  const lines = values.lines === undefined ? (all ? MOST : NEWEST) : Number(values.lines);
  if (!(Number.isInteger(lines) && lines >= 1 && lines <= MOST)) throw new Failure(`--lines takes a number from 1 to ${MOST}.`);
  return { names: asked.length > 0 ? asked : known, wanted, lines, follow: values.follow };
}

interface Found extends Line {
  service: string;
}

function serviceOf({ path }: Log): string {
  return basename(path)
    .replace(/-\w+\.log$/, '')
    .replaceAll('-', '_');
}

function nothingFound(logs: Log[]): string {
  const hasLogs = logs.some(({ file }) => file);
  return hasLogs ? 'There is nothing of that in the logs.' : 'There are no logs yet: npm start starts what writes them.';
}

/** The newest lines of a log that are wanted, the oldest first. Of a log without an end no more is read than these need. */
async function newest(log: Log, wanted: Wanted, most: number): Promise<Found[]> {
  const found: Found[] = [];
  const service = serviceOf(log);
  let time = log.written; // of text that nothing with a time follows: what Node says when it ends
  for await (const text of linesBackwards(log)) {
    const parsed = parseLine(text);
    // Text without a time belongs to what was said after it.
    time = parsed.time || time;
    const line = { ...parsed, time, service };
    if (wanted.since !== undefined && time < wanted.since) break;
    if (isWanted(line, wanted)) found.push({ ...narrowed(line, wanted.trace), service });
    if (found.length >= most) break;
  }
  return found.reverse();
}
