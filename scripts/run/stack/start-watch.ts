import { setTimeout as sleep } from 'node:timers/promises';
import { type Log, linesAdded, openLog } from '../logs/log-files.ts';
import { parseLine } from '../logs/log-lines.ts';
import { appLogs } from '../servers/pm2/apps.ts';

/** Milliseconds after its first complaint that a process has to become ready all the same. */
const PATIENCE = 3000;

/** What is heard of an app from now on. */
interface StartWatch {
  /** What to say when a process of it has ended while it started, and a moment ago; undefined where all goes well. */
  complaint(): string | undefined;
  end(): void;
}

/** PM2 would start a process that ends again and again, and say nothing for a minute. */
export async function watchStart(home: string, name: string): Promise<StartWatch> {
  const control = new AbortController();
  const said: string[] = [];
  let since = Number.POSITIVE_INFINITY;
  const [out, error] = await Promise.all(appLogs(home, name).map(openLog));
  const watch = async (log: Log, isComplaint: (text: string) => boolean) => {
    for await (const text of linesAdded(log, control.signal)) {
      if (!isComplaint(text)) continue;
      since = Math.min(since, Date.now());
      said.push(text);
    }
  };
  void watch(out!, (text) => parseLine(text).fields?.msg === 'could not start'); // plumbing/lifecycle.ts
  void watch(error!, (text) => !/^\(node:\d+\)|^\(Use `/.test(text)); // no warning of Node's
  return {
    complaint: () => (Date.now() - since < PATIENCE || said.length === 0 ? undefined : complaintText(name, said)),
    end: () => control.abort(),
  };
}

const complaintText = (name: string, said: readonly string[]): string =>
  `${name} does not start: ${reasonIn(said)}. npm run logs -- --service ${name} shows the rest. Mend it, then npm start.`;

/** Resolves with the complaint when there is one, or with nothing after `signal`. */
export async function failsToStart(home: string, name: string, signal: AbortSignal): Promise<string> {
  const watch = await watchStart(home, name);
  while (!signal.aborted && !watch.complaint()) await sleep(200, undefined, { signal }).catch(() => {});
  watch.end();
  return watch.complaint() ?? '';
}

/** The sentence in what Node or the service says of its end. */
export function reasonIn(lines: readonly string[]): string {
  const { fields } = parseLine(lines[0] ?? '');
  const err = fields?.err as { message?: string } | undefined;
  const text = err?.message ?? fields?.msg ?? lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0];
  return String(text).trim().replace(/\.$/, '').slice(0, 300);
}
