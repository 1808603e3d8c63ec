import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkout } from '../../run/checkout.mjs';
import { Failure } from '../../run/terminal/failure.mjs';

/** Microseconds for a unit of work, by the part of the program. */
export type Profile = Map<string, number>;

/** As V8 writes it: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile, times in microseconds. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  samples: number[];
  timeDeltas: number[];
}

/** Variables with which a Node process writes its profile into that folder when SIGTERM ends it. */
export function profiled(): { variables: Record<string, string>; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'profile-'));
  const onTerm = `data:text/javascript,${encodeURIComponent('process.once("SIGTERM",()=>setTimeout(()=>process.exit(),500))')}`;
  return { folder, variables: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder} --import=${onTerm}` } };
}

/** What the last seconds of work went to; `units` were done in them. Removes the folder. */
export function readProfile(folder: string, seconds: number, units: number): Profile {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  if (files.length === 0) throw new Failure('No profile was written: --cpu-prof had no effect.');
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, files[0]!), 'utf8')) as CpuProfile;
  rmSync(folder, { recursive: true });
  const part = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  const times: Profile = new Map();
  let left = seconds * 1e6;
  // From the end on, where the process waits for its end.
  for (let i = samples.length - 1, busy = false; i >= 0 && left > 0; i--) {
    const name = part.get(samples[i]!)!;
    busy ||= name !== 'idle';
    if (!busy) continue;
    left -= timeDeltas[i]!;
    if (name !== 'idle') times.set(name, (times.get(name) ?? 0) + timeDeltas[i]! / units);
  }
  return times;
}

function partOf({ functionName, url }: { functionName: string; url: string }): string {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url.startsWith('node:')) return `Node: ${nodePart(url)}`;
  if (url.startsWith('wasm:')) return 'WebAssembly';
  if (!url.startsWith('file:') && !url.startsWith('/')) return "V8 and Node's native code";
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  const [, ...packages] = path.split('/node_modules/');
  if (packages.length > 0)
    return packages
      .at(-1)!
      .split('/')
      .slice(0, packages.at(-1)!.startsWith('@') ? 2 : 1)
      .join('/');
  return path.startsWith(checkout) ? 'its own code' : 'other';
}

function nodePart(url: string): string {
  if (/http/.test(url)) return 'HTTP';
  if (/stream|\bnet\b|buffer|tls|tty/.test(url)) return 'sockets, streams, buffers';
  if (/timers|task_queues|async|promise|events|diagnostics_channel/.test(url)) return 'events, timers, promises';
  return 'the rest';
}
