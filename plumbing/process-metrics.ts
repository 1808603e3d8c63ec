import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

/** Milliseconds between two looks at how late the event loop is. */
const PRECISION = 50;

/** Seconds. */
const PAUSES = [0.001, 0.01, 0.1, 1, 5];

const KINDS: Record<number, string> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

/** What the process takes, under the names that dashboards for Node.js know. */
export function addProcessMetrics(metrics: Metrics): void {
  metrics.counter('process_cpu_seconds_total', 'Processor time, user and system', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge('process_start_time_seconds', 'When the process started, since 1970', (set) =>
    set(performance.timeOrigin / 1000),
  );
  const memory = (name: string, help: string, part: keyof NodeJS.MemoryUsage) =>
    metrics.gauge(name, help, (set) => set(process.memoryUsage()[part]));
  memory('process_resident_memory_bytes', 'Memory that the process has', 'rss');
  memory('nodejs_heap_size_total_bytes', "JavaScript's heap", 'heapTotal');
  memory('nodejs_heap_size_used_bytes', "What is in JavaScript's heap", 'heapUsed');
  memory('nodejs_external_memory_bytes', 'Buffers and the like, outside of the heap', 'external');
  metrics.gauge('nodejs_active_resources', 'Connections, timers and requests that keep the process alive', (set) =>
    set(process.getActiveResourcesInfo().length),
  );
  addEventLoop(metrics);
  addCollector(metrics);
}

/** Since the last time that somebody asked. */
function addEventLoop(metrics: Metrics): void {
  const delay = monitorEventLoopDelay({ resolution: PRECISION });
  delay.enable();
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - PRECISION / 1000) || 0; // NaN before the first look
  for (const percentile of [50, 99])
    metrics.gauge(`nodejs_eventloop_lag_p${percentile}_seconds`, 'How late the event loop was, since the last scrape', (set) =>
      set(late(delay.percentile(percentile))),
    );
  metrics.gauge('nodejs_eventloop_lag_max_seconds', 'The same at most', (set) => {
    set(late(delay.max));
    setImmediate(() => delay.reset()); // when the others have been read too
  });
}

function addCollector(metrics: Metrics): void {
  const pauses = metrics.histogram('nodejs_gc_duration_seconds', 'What the garbage collector took, by kind', PAUSES);
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as typeof entry & { detail: { kind: number } }).detail;
      pauses.observe(entry.duration / 1000, { kind: KINDS[kind] ?? 'other' });
    }
  });
  observer.observe({ entryTypes: ['gc'] });
}
