import type { HealthReport } from '@crud-master/plumbing/health';
import { holderOfPort } from '../servers/listeners.ts';
import { databases } from '../servers/migrations.ts';
import { isFree } from '../servers/ports.ts';
import type { Environment } from './environment.ts';

/** What to say when another program has the port of a server of ours that is down. */
export async function movedServer(title: string, port: string): Promise<string | undefined> {
  if (await isFree(Number(port))) return undefined;
  return `${title} is down, and its port ${port} is used${holderOfPort(Number(port))}: it gets another port, and the services learn of it`;
}

/** What to say of databases that have another name now. */
export function emptyDatabases(saved: Environment, environment: Environment): string[] {
  return databases.flatMap(({ prefix }) => {
    const key = `${prefix}_NAME`;
    const [before, now] = [saved[key], environment[key]];
    if (!before || before === now) return [];
    return [`${key} is ${now} now. The data of ${before} stay beside it, unused: ${key}=${before} brings them back`];
  });
}

/** What the gateway there finds down, those parts included without which it still serves films. Rejects when it does not answer. */
export async function unreadyParts(origin: string, limit: number): Promise<string[]> {
  const answer = await fetch(`${origin}/readyz`, { signal: AbortSignal.timeout(limit) });
  const { parts } = (await answer.json()) as HealthReport;
  return Object.entries(parts).flatMap(([name, { reason }]) => (reason ? [`api_gateway finds: ${name} ${reason}.`] : []));
}
