import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
// By its path: the billing machine renders this before it has any package.
import { DEAD_LETTER_EXCHANGE, ORDERS_EXCHANGE } from '../../../../messaging/exchanges.ts';

const TEMPLATE = new URL('./definitions.json', import.meta.url);

/**
 * The broker's users, permissions, queues and policies: `definitions.json` with the environment's names and passwords, and the exchanges', put in.
 * Throws when the environment lacks a name that the template uses.
 */
export function renderDefinitions(environment: Record<string, string | undefined>): string {
  const template: unknown = JSON.parse(readFileSync(TEMPLATE, 'utf8'));
  // Filled in after parsing: no value can then break out of its JSON string.
  return JSON.stringify(fill(template, { ...environment, ORDERS_EXCHANGE, DEAD_LETTER_EXCHANGE }), null, 2);
}

function fill(node: unknown, environment: Record<string, string | undefined>): unknown {
  if (typeof node === 'string') return fillText(node, environment);
  if (Array.isArray(node)) return node.map((item) => fill(item, environment));
  if (node && typeof node === 'object') {
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, fill(value, environment)]));
  }
  return node;
}

function fillText(text: string, environment: Record<string, string | undefined>): string {
  return text.replace(/\{\{(?:(hash|regex) )?(\w+)\}\}/g, (_, filter: string | undefined, name: string) => {
    const value = environment[name];
    if (!value) throw new Error(`${name} is missing: RabbitMQ's definitions need it.`);
    if (filter === 'hash') return passwordHash(value);
    if (filter === 'regex') return value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    return value;
  });
}

/** Salted SHA-256 as in https://www.rabbitmq.com/docs/passwords#computing-password-hash */
function passwordHash(password: string): string {
  const salt = randomBytes(4);
  const hash = createHash('sha256').update(salt).update(password, 'utf8').digest();
  return Buffer.concat([salt, hash]).toString('base64');
}
