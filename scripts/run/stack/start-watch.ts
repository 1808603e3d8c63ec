import { setTimeout as sleep } from 'node:timers/promises';
import { linesAdded, openLog } from '../logs/log-files.ts';
import { parseLine } from '../logs/log-lines.ts';
import { appLogs } from '../servers/pm2/apps.ts';

/** Milliseconds after its first complaint that a process has to become ready all the same. */
const PATIENCE = 3000;

/**
 * Resolves with what to say when a process of that app ends while it starts: PM2 would start it again and again, and say nothing for a
 * minute. Call it before the start. Never resolves where all goes well; ends with `signal`.
 */
export async function failsToStart(home: string, name: string, signal: AbortSignal): Promise<string> {
  const said: string[] = [];
  const complaint = Promise.withResolvers<void>();
  const [out, error] = await Promise.all(appLogs(home, name).map(openLog));
  const watch = async (log: typeof out, isComplaint: (text: string) => boolean) => {
    for await (const text of linesAdded(log!, signal)) {
      if (!isComplaint(text)) continue;
      said.push(text);
      complaint.resolve();
    }
  };
  watch(out!, (text) => parseLine(text).fields?.msg === 'could not start'); // plumbing/lifecycle.ts
  watch(error!, (text) => !/^\(node:\d+\)|^\(Use `/.test(text)); // no warning of Node's
  await complaint.promise;
  await sleep(PATIENCE, undefined, { signal }).catch(() => {});
  return `${name} does not start: ${reasonIn(said)}. npm run logs -- --service ${name} shows the rest. Mend it, then npm start.`;
}

/** The sentence in what Node or the service says of its end. */
export function reasonIn(lines: readonly string[]): string {
  const { fields } = parseLine(lines[0] ?? '');
  const err = fields?.err as { message?: string } | undefined;
  const text = err?.message ?? fields?.msg ?? lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0];
  return String(text).trim().replace(/\.$/, '').slice(0, 300);
}
