import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { listApps } from '../../run/servers/pm2/apps.ts';
import { MB, megabytes, memory } from '../usage.ts';

/** What the memory of a service may gain after its first quarter of the requests. */
const GROWTH = 64 * MB;
/** File descriptors that pools may have opened meanwhile. */
const DESCRIPTORS = 60;
/** Seconds after which idle connections must be gone. */
const REST = 15;

interface Condition {
  pid: number;
  restarts: number;
  memory: number;
  descriptors: number;
}

/** Watches the services of a stack: whether one crashes, grows, or keeps connections. */
export async function watch(home: string) {
  const before = await conditions(home);
  let quarter: Map<string, Condition> | undefined;

  async function crashes(): Promise<string[]> {
    const now = await conditions(home);
    return [...before].flatMap(([name, { pid, restarts }]) =>
      now.get(name)?.pid === pid && now.get(name)?.restarts === restarts ? [] : [`${name} has crashed`],
    );
  }
  return {
    crashes,
    async markQuarter() {
      quarter = await conditions(home);
    },
    /** What is wrong at the end, and a line for each service. */
    async conclude(): Promise<{ wrong: string[]; lines: string[] }> {
      const wrong = await crashes();
      if (wrong.length > 0) return { wrong, lines: [] };
      await sleep(REST * 1000);
      const lines: string[] = [];
      for (const [name, after] of await conditions(home)) {
        const then = quarter?.get(name) ?? before.get(name)!;
        const [grown, opened] = [after.memory - then.memory, after.descriptors - before.get(name)!.descriptors];
        lines.push(
          `${name}: ${megabytes(then.memory)} after a quarter, ${megabytes(after.memory)} at the end; ${opened} descriptors more than before`,
        );
        if (grown > GROWTH) wrong.push(`${name} has grown by ${megabytes(grown)}`);
        if (opened > DESCRIPTORS) wrong.push(`${name} keeps ${opened} descriptors`);
      }
      return { wrong, lines };
    },
  };
}

async function conditions(home: string): Promise<Map<string, Condition>> {
  const apps = await listApps(home);
  return new Map(
    apps.map(({ name, pid, restarts }) => [
      name,
      { pid, restarts, memory: pid ? memory(pid).now : 0, descriptors: pid ? descriptors(pid) : 0 },
    ]),
  );
}

function descriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0; // no /proc here
  }
}
