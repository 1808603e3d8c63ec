import { parse } from 'dotenv';

/** An assignment whose value stands in quotes, perhaps over several lines, to the end of its last line. As dotenv sees it. */
const QUOTED =
  /^([^\S\n]*)(?:export\s+)?([\w.-]+)(?:\s*=|:\s)\s*(?:'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`)[^\S\n]*(?:#.*)?$/gm;

/**
 * The assignments of a `.env` file, by dotenv's rules, and what is wrong with lines of it, by the name that they begin with.
 * Of a name given twice the last counts. env_file.rb does the same for the Vagrantfile; test/env-lines.json holds for both.
 */
export function parseEnvFile(text: string): { values: Record<string, string>; faults: Record<string, string> } {
  const lines = text
    .replace(/\r\n?/g, '\n')
    .replace(QUOTED, (match, _indent, name) => `${name}=${match.replace(/[^\n]/g, '')}`)
    .split('\n');
  const faults: Record<string, string> = {};
  for (const [index, line] of lines.entries()) {
    const [, name, rest = ''] = /^\s*(?:export\s+)?(\w[\w.-]*)(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const fault = faultOf(rest);
    if (fault) faults[name] = `(line ${index + 1} of .env) ${fault}`;
    else delete faults[name];
  }
  return { values: parse(text), faults };
}

/** What is wrong with what follows a name. */
function faultOf(rest: string): string | undefined {
  const [, value] = /^(?:\s*=|:\s)(.*)$/.exec(rest) ?? [];
  if (value === undefined) return 'has no = after its name';
  if (value.startsWith('#')) return 'is empty: a value with # needs quotes';
  if (/^[^#]*[^\s#]#/.test(value)) return 'ends before its #: a value with # needs quotes';
  return undefined;
}
