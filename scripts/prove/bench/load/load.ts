import { percentile } from '../../statistics.ts';
import { keepBusy } from './busy-connection.ts';

interface Load {
  port: number;
  /** The bytes of the n-th request. */
  request: (n: number) => Buffer;
  connections: number;
  seconds: number;
  /** Requests a second at most. Undefined: as many as are answered. */
  rate?: number | undefined;
}

export interface LoadResult {
  requests: number;
  /** Answers other than 2xx, and connections that broke. */
  failed: number;
  perSecond: number;
  /** Milliseconds */
  p50: number;
  p99: number;
}

/**
 * Keeps one request under way on each of the connections, for so many seconds.
 * It works on bytes: it shares the computer with what it measures, and so should itself take as little of it as possible.
 */
export async function load({ port, request, connections, seconds, rate = Number.POSITIVE_INFINITY }: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  let [sent, failed] = [0, 0];
  const began = performance.now();
  const work = {
    port,
    until: began + seconds * 1000,
    wait: () => began + (sent / rate) * 1000 - performance.now(),
    nextRequest: () => request(sent++),
    answered(status: number, milliseconds: number) {
      latencies.push(milliseconds);
      if (status < 200 || status > 299) failed++;
    },
    broke: () => failed++,
  };
  await Promise.all(Array.from({ length: connections }, () => keepBusy(work)));
  return { failed, ...summary(latencies, (performance.now() - began) / 1000) };
}

/** What so many answers, with these latencies in milliseconds, within so many seconds come to. */
export function summary(latencies: number[], seconds: number): Omit<LoadResult, 'failed'> {
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    perSecond: latencies.length / seconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

export function httpRequest(method: string, path: string, body?: unknown): Buffer {
  const content = body === undefined ? '' : JSON.stringify(body);
  const bodyHeader = content ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(content)}\r\n` : '';
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n${bodyHeader}\r\n${content}`);
}
