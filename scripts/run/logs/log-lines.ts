import { Failure } from '../terminal/failure.mjs';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

export interface Wanted {
  /** The least level. */
  level?: string;
  /** Milliseconds since 1970. */
  since?: number;
  /** Part of the line: a trace, a request or a message id. */
  trace?: string;
}

/**
 * A line of a service's log. One that the service did not write (what Node or PM2 say when it cannot start) has no fields, and until
 * its neighbours tell it no time.
 */
export interface Line {
  text: string;
  time: number;
  fields: Record<string, unknown> | undefined;
}

export function parseLine(text: string): Line {
  try {
    const fields = JSON.parse(text) as Record<string, unknown>;
    const time = Date.parse(String(fields?.time));
    if (!Number.isNaN(time)) return { text, time, fields };
  } catch {
    // plain text
  }
  return { text, time: 0, fields: undefined };
}

/** Of a line about many orders, only those that the trace names. */
export function narrowed(line: Line, trace: string | undefined): Line {
  const { orders } = line.fields ?? {};
  if (trace === undefined || !Array.isArray(orders)) return line;
  const fields = { ...line.fields, orders: orders.filter((order) => JSON.stringify(order).includes(trace)) };
  return { ...line, fields, text: JSON.stringify(fields) };
}

export function isWanted({ text, time, fields }: Line, { level, since, trace }: Wanted): boolean {
  if (trace !== undefined && !text.includes(trace)) return false;
  if (since !== undefined && time > 0 && time < since) return false;
  return level === undefined || !fields || LEVELS.indexOf(String(fields.level)) >= LEVELS.indexOf(level);
}

export function readLevel(level: string | undefined): string | undefined {
  if (level === undefined || LEVELS.includes(level)) return level;
  throw new Failure(`--level takes one of: ${LEVELS.join(', ')}.`);
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `10m` ago, or a time such as 2026-11-26T12:00. */
export function readSince(text: string | undefined, now = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const since = number ? now - Number(number) * UNITS[unit!]! : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(since))
    throw new Failure(`--since takes 30s, 10m, 2h, 1d, or a time such as 2026-11-26T12:00. It is "${text}".`);
  return since;
}

const COLORS: Record<string, string> = { warn: '\x1b[33m', error: '\x1b[31m', fatal: '\x1b[31;1m' };
const RESET = '\x1b[0m';

/** For programs: one JSON object, also of what is plain text. */
export function asJson({ text, time, fields }: Line, service: string): string {
  return fields ? text : JSON.stringify({ level: 'error', time: new Date(time).toISOString(), service, msg: text });
}

/** For people: time, service, level, what happened, and the rest as `name=value`. A stack is on lines of its own. */
export function readable(line: Line, name: string, hasColors: boolean): string {
  const {
    time,
    level = '',
    service = name,
    instance,
    msg,
    method,
    path,
    status,
    ms,
    err,
    ...rest
  } = line.fields ?? {
    time: line.time,
    msg: line.text,
  };
  const at = new Date(time as string | number).toLocaleTimeString('en-GB', { hour12: false });
  const request = method ? `${method} ${path} ${status} ${ms} ms` : '';
  const { stack, ...error } = (err ?? {}) as Record<string, unknown>;
  const others = Object.entries(stack ? rest : { ...rest, ...(err !== undefined && { err: error }) }).map(
    ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
  const who = instance === undefined ? String(service) : `${service} ${instance}`;
  const head = [at, who.padEnd(13), String(level).padEnd(5), msg ?? request, ...others].join(' ').trimEnd();
  const lines = [head, ...(stack ? String(stack).split('\n') : []).map((text) => `  ${text}`)].map(printable).join('\n');
  const color = hasColors ? COLORS[String(level)] : undefined;
  return color ? `${color}${lines}${RESET}` : lines;
}

/** A client names paths and ids: nothing of theirs may move the cursor. */
const printable = (text: string) =>
  text.replace(/[\x00-\x1f\x7f-\x9f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
