import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseEnvFile } from './env-file.ts';

const FAULTS = Symbol('what is wrong with lines of .env, by name');

/** Variables by name. What is wrong with a line travels along, so that whoever needs that variable can say it. */
export type Environment = Record<string, string | undefined> & { [FAULTS]?: Record<string, string> };

/** What the operator got wrong. Its message is the whole report: one line for each variable. */
export class ConfigurationError extends Error {}

/** The variables of the `.env` file, each with the process's own value where it has one. A missing file is an empty one. */
export function readEnvironment(file: URL, own: Environment): Record<string, string> {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new ConfigurationError(`${file.pathname} cannot be read: ${(error as Error).message}`);
    }
  }
  const { values, faults } = parseEnvFile(text);
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined) continue;
    delete faults[name];
    if (name in values) values[name] = value;
  }
  return Object.assign(values, { [FAULTS]: faults });
}

/** The `.env` file overlaid with the process's own variables, which win. */
export function loadEnvironment(file: URL, own: Environment): Environment {
  return { ...readEnvironment(file, own), ...own };
}

/**
 * The typed configuration, or a ConfigurationError that names every missing and every bad variable together.
 * `renamed`: names that are no longer read, with those that took their place. One whose value would change something is an error.
 */
export function parseEnvironment<T extends z.ZodObject>(
  variables: T,
  environment: Environment,
  renamed: Record<string, string> = {},
): z.infer<T> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const faults = environment[FAULTS] ?? {};
  const faulty = Object.keys(variables.shape).filter((name) => faults[name]);
  const result = variables.safeParse(given);
  const problems = [
    ...faulty.map((name) => `  ${name} ${faults[name]}`),
    ...Object.entries(renamed)
      .filter(([old, name]) => given[old] !== undefined && given[old] !== given[name])
      .map(([old, name]) => `  ${old} is called ${name} now`),
    ...(result.error?.issues ?? [])
      .filter(({ path }) => !faulty.includes(String(path[0])))
      .map(({ path, message }) => `  ${problemOf(String(path[0]), given[String(path[0])], message)}`),
  ];
  if (result.success && problems.length === 0) return result.data;
  throw new ConfigurationError(
    ['The configuration is not usable. Correct these in .env or in the environment:', ...problems].join('\n'),
  );
}

function problemOf(name: string, value: string | undefined, message: string): string {
  if (value === undefined) return `${name} is missing`;
  return `${name} ${message}${/PASSWORD|HEADERS/.test(name) ? '' : ` (it is "${value}")`}`;
}

const wholeNumber = (low: number, high: number, unit: string) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `must be ${unit} from ${low} to ${high}`)
    .transform(Number)
    .refine((number) => number >= low && number <= high, `must be ${unit} from ${low} to ${high}`);

const HOST = /^[A-Za-z0-9.:_-]+$/;

const hosts = z.string().transform((text, context) => {
  const entries = text.split(',').map((entry) => {
    // A name or an IPv4 address, or an IPv6 address in brackets, and perhaps a port; else an IPv6 address.
    const [, address, name, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(entry.trim()) ?? [];
    return { host: address ?? name ?? entry.trim(), port: port === undefined ? undefined : Number(port) };
  });
  if (entries.every(({ host, port = 1 }) => HOST.test(host) && port >= 1 && port <= 65535)) return entries;
  context.addIssue('must be a host name or an address, with or without a port, or several with commas between them');
  return z.NEVER;
});

const isOrigin = (text: string) => /^https?:[^*]+$/.test(text) && URL.parse(text)?.origin === text;

/** Variables of the kinds that the services share. */
export const variable = {
  text: z.string(),
  host: z.string().regex(HOST, 'must be a host name or an address'),
  hosts,
  port: wholeNumber(1, 65535, 'a port'),
  milliseconds: (fallback: number) => wholeNumber(1, 3_600_000, 'milliseconds').prefault(String(fallback)),
  /** Far below the time that a service has to stop (lifecycle.ts). */
  waitingTime: wholeNumber(0, 10_000, 'milliseconds').prefault('0'),
  count: (fallback: number, low = 1) => wholeNumber(low, 1_000_000_000, 'a whole number').prefault(String(fallback)),
  bytes: (fallback: number, high = 1_073_741_824) => wholeNumber(1, high, 'bytes').prefault(String(fallback)),
  /** Of web pages, as browsers send them (RFC 6454, section 6.2); `*` is any. Separated by commas, none by default. */
  origins: z
    .string()
    .prefault('')
    .transform((list) =>
      list
        .split(',')
        .map((origin) => origin.trim())
        .filter(Boolean),
    )
    .refine(
      (origins) => origins.every(isOrigin) || origins.join() === '*',
      'must be * or origins such as https://films.example, separated by commas',
    ),
  /** Where a service tells of itself: the first of its processes there, each other on the next port. None: nowhere. */
  statusPort: wholeNumber(1, 65535 - 63, 'a port').optional(),
  /** How many processes of a service share its work. */
  instances: wholeNumber(1, 64, 'a whole number').prefault('1'),
  logLevel: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent',
    )
    .prefault('info'),
};

/** What one of so many processes may have of what all of them may have together. */
export const share = (total: number, instances: number): number => Math.max(1, Math.floor(total / instances));

/** Where this process of a service tells of itself. */
export function statusAddress(host: string, first: number | undefined): { host: string; port: number } | undefined {
  return first === undefined ? undefined : { host, port: first + Number(process.env.NODE_APP_INSTANCE ?? 0) };
}

/** As `parseEnvironment`, for variables that only have to be there, and for ports. */
export function requireVariables(names: string[], ports: string[], environment: Environment): void {
  const kinds = [...names.map((name) => [name, variable.text]), ...ports.map((name) => [name, variable.port])];
  parseEnvironment(z.object(Object.fromEntries(kinds)), environment);
}
