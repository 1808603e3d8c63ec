import { basename } from 'node:path';

/** What a user calls this process. */
export function commandName() {
  const { npm_lifecycle_event: script } = process.env;
  if (script) return ['start', 'stop', 'test'].includes(script) ? `npm ${script}` : `npm run ${script}`;
  return basename(process.argv[1] ?? 'node');
}
