import { readFileSync } from 'node:fs';
import { parse } from 'dotenv';
import { z } from 'zod';

export type Environment = Record<string, string | undefined>;

/** What the operator got wrong. Its message is the whole report: one line for each variable. */
export class ConfigurationError extends Error {}

/** The `.env` file overlaid with the process's own variables, which win. A missing file is an empty one. */
export function loadEnvironment(file: URL, own: Environment): Environment {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new ConfigurationError(`${file.pathname} cannot be read: ${(error as Error).message}`);
    }
  }
  return { ...parse(text), ...own };
}

/** The typed configuration, or a ConfigurationError that names every missing and every bad variable together. */
export function parseEnvironment<T extends z.ZodObject>(variables: T, environment: Environment): z.infer<T> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const result = variables.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    if (given[name] === undefined) return `  ${name} is missing`;
    const shown = name.includes('PASSWORD') ? '' : ` (it is "${given[name]}")`;
    return `  ${name} ${message}${shown}`;
  });
  throw new ConfigurationError(
    ['The configuration is not usable. Correct these in .env or in the environment:', ...problems].join('\n'),
  );
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

/** Variables of the kinds that the services share. */
export const variable = {
  text: z.string(),
  host: z.string().regex(HOST, 'must be a host name or an address'),
  hosts,
  port: wholeNumber(1, 65535, 'a port'),
  milliseconds: (fallback: number) => wholeNumber(1, 3_600_000, 'milliseconds').prefault(String(fallback)),
  count: (fallback: number, low = 1) => wholeNumber(low, 1_000_000_000, 'a whole number').prefault(String(fallback)),
  bytes: (fallback: number) => wholeNumber(1, 1_073_741_824, 'bytes').prefault(String(fallback)),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'must be a pino level such as info or debug')
    .prefault('info'),
};
