import type { Random } from '../random.ts';
import type { Schema } from './operations.ts';

const DIGITS = [
  '1',
  '3',
  '42',
  '0',
  '007',
  '180.5',
  '180.50',
  '2147483647',
  '2147483648',
  '9999999999.99',
  '99999999999999999999',
];

/** Text that has broken programs before. */
const TEXTS = [
  '',
  ' ',
  '\t\n',
  'Metropolis',
  '  Playtime  ',
  'Amélie 🎬',
  '日本語の映画',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff!',
  '\ufeffBOM',
  '\u202eright to left',
  "'; DROP TABLE movies; --",
  '%_\\',
  '%00',
  '{{7*7}}',
  '__proto__',
  '<script>alert(1)</script>',
  'ﬁﬀ İıŞ ß',
  '🇫🇷'.repeat(30),
  'x'.repeat(255),
  'x'.repeat(256),
  '🎬'.repeat(255),
  'x'.repeat(20_000),
];

const NUMBERS = [0, -0, 1, -1, 0.1, 0.005, 1.999, 180.5, 2 ** 31 - 1, 2 ** 31, 2 ** 53, 9999999999.99, 1e10, 1e21, 1e308, -1e-7];

/** JSON that `JSON.stringify` does not write; as a whole value. */
class Verbatim {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const ODDITIES = [
  '1e999',
  '-0',
  '1E2',
  '00',
  '.5',
  '1.',
  'NaN',
  '1'.repeat(400),
  '"\\ud800"',
  '"\\u0000"',
  '"\\x"',
  'tru',
  '{"a":1,"a":2}',
];

/** A value that the schema allows, most of the time one of its borders. */
export function valid(schema: Schema, random: Random): unknown {
  const alternative = schema.oneOf ?? schema.anyOf;
  if (alternative && !schema.properties) return valid(random.pick(alternative), random);
  if (schema.const !== undefined) return schema.const;
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {})
          .filter(([name]) => schema.required?.includes(name) || random.fraction() < 0.8)
          .map(([name, property]) => [name, valid(property, random)]),
      );
    case 'integer':
    case 'number': {
      const { minimum = -1000, maximum = 1000 } = schema;
      const near = random.between(Math.ceil(minimum), Math.min(maximum, minimum + 1000));
      const cents = schema.type === 'number' ? random.between(0, 99) / 100 : 0;
      return random.pick([minimum, maximum, near, Math.min(near + cents, maximum)]);
    }
    case 'string': {
      const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema;
      const fitting = [...TEXTS, ...DIGITS].filter(
        (text) => text.length >= minLength && text.length <= maxLength && (!pattern || new RegExp(pattern).test(text)),
      );
      return random.pick(fitting);
    }
    default:
      return junk(random);
  }
}

/** A value that may be anything. */
export function junk(random: Random, depth = 0): unknown {
  const kinds = [
    () => random.pick(TEXTS),
    () => random.pick(NUMBERS),
    () => random.pick(DIGITS),
    () => random.pick([true, false, null]),
    () => new Verbatim(random.pick(ODDITIES)),
    () => new Verbatim('['.repeat(random.between(1, 5000)) + ']'.repeat(random.between(0, 5000))),
    () => Array.from({ length: random.between(0, 3) }, () => (depth < 3 ? junk(random, depth + 1) : 0)),
    () => ({ [random.pick(TEXTS)]: depth < 3 ? junk(random, depth + 1) : 0, title: 'x' }),
  ];
  return random.pick(kinds)();
}

/** A valid value with something in it gone, replaced or added. */
export function nearMiss(schema: Schema, random: Random): unknown {
  const value = valid(schema, random);
  if (typeof value !== 'object' || value === null) return junk(random);
  const fields = { ...(value as Record<string, unknown>) };
  const name = random.pick([...Object.keys(schema.properties ?? {}), random.pick(TEXTS)]);
  if (random.fraction() < 0.3) delete fields[name];
  else Object.defineProperty(fields, name, { value: junk(random), enumerable: true, configurable: true });
  return fields;
}

/** JSON text of a value, verbatim parts as they are. */
export function write(value: unknown): string {
  if (value instanceof Verbatim) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, field]) => `${JSON.stringify(name)}:${write(field)}`)
    .join(',')}}`;
}
