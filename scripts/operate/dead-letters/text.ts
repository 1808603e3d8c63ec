import { textTable } from '../../run/terminal/table.ts';
import type { Letter } from './letter.ts';

/** What a list shows of a letter. */
export interface Entry {
  label: string;
  failedAt: string;
  attempts: string;
  kind: string;
  reason: string;
  bytes: number;
}

/** Bytes of a content that are shown. */
const SHOWN = 65_536;

export function entryOf({ id, kind, content, properties }: Letter): Entry {
  const header = (name: string) => plain(String(properties.headers?.[name] ?? ''));
  return {
    label: plain(id),
    failedAt: header('x-failed-at'),
    attempts: header('x-attempts'),
    kind: plain(kind),
    reason: header('x-reason') || deathOf(properties.headers),
    bytes: content.length,
  };
}

/** RabbitMQ's own account, of a message that it moved by itself. */
function deathOf(headers: Record<string, unknown> = {}): string {
  return headers['x-first-death-reason'] ? plain(`moved by RabbitMQ: ${headers['x-first-death-reason']}`) : '';
}

/** `1 dead letter`, `2 dead letters`. */
export function number(count: number, what = 'dead letter'): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

export function listText(entries: Entry[]): string {
  return textTable([
    ['ID', 'FAILED AT', 'ATTEMPTS', 'BYTES', 'KIND', 'REASON'],
    ...entries.map((entry) => [entry.label, entry.failedAt, entry.attempts, String(entry.bytes), entry.kind, entry.reason]),
  ]);
}

export function letterText(letter: Letter): string {
  const { headers, ...properties } = letter.properties;
  const lines = Object.entries({ ...properties, ...headers })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${plain(typeof value === 'object' ? JSON.stringify(value) : String(value))}`);
  return [...lines, `bytes: ${letter.content.length}`, '', contentText(letter.content)].join('\n');
}

function contentText(content: Buffer): string {
  const shown = content.subarray(0, SHOWN);
  const more = content.length > SHOWN ? `\n… and ${content.length - SHOWN} bytes more` : '';
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(shown, { stream: true });
    return plain(text, /[^\P{C}\n\t]/gu) + more;
  } catch {
    return `(not UTF-8, in base64)\n${shown.toString('base64')}${more}`;
  }
}

/** Without characters that a terminal would obey. */
function plain(text: string, forbidden = /\p{C}/gu): string {
  return text.replace(forbidden, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
