import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkoutMark, MARK_FIELD } from './checkout-mark.ts';
import { type Health, statusOf } from './health.ts';
import { isLocalName } from './local-name.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { PROBLEM_TYPE, problemBody } from './problem.ts';

/** Where a service tells of itself: to monitoring, to the live page, to the operator. */
export interface StatusAddress {
  host: string;
  port: number;
}

export interface StatusParts {
  health: Health;
  metrics: Metrics;
  /** What this service alone has to say below a path, as JSON; undefined where there is nothing. */
  more?(path: string): Promise<object | undefined> | object | undefined;
  log: Logger;
}

/** Milliseconds between two attempts to have the port: the process that is being replaced may still have it. */
const RETRY = 500;
/** Attempts after which the log says that the port is taken: a minute, longer than any replacement takes. */
const PATIENCE = 120;
/** Connections at a time: a few who watch. */
const CONNECTIONS = 50;

interface Answer {
  status: number;
  type: string;
  body: string;
}

/**
 * Answers `GET /metrics`, `/livez`, `/readyz`, `/health`, and what the service adds, on a port of its own, so that clients never
 * reach it. A taken port does not keep a service from its work: it tries until the port is free.
 */
export function startStatusServer(address: StatusAddress | undefined, parts: StatusParts): { close(): void } {
  if (!address) return { close() {} };
  const closing = new AbortController();
  const server = createServer(
    { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 5000, connectionsCheckingInterval: 1000 },
    (req, res) => void respond(req, res, parts),
  );
  server.maxConnections = CONNECTIONS;
  server.unref();
  listen(server, address, parts.log, closing.signal);
  return {
    close() {
      closing.abort();
      server.close();
      server.closeAllConnections();
    },
  };
}

async function listen(server: Server, { host, port }: StatusAddress, log: Logger, closing: AbortSignal): Promise<void> {
  for (let attempt = 1; !closing.aborted; attempt++) {
    server.listen({ port, host, exclusive: true }); // in PM2's cluster mode each process has a port of its own
    try {
      await once(server, 'listening');
      log.info({ host, port }, 'metrics');
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (attempt === PATIENCE || (attempt === 1 && code !== 'EADDRINUSE'))
        log.warn({ host, port, reason: (error as Error).message }, 'no metrics: their port cannot be used, still trying');
    }
    await sleep(RETRY, undefined, { signal: closing, ref: false }).catch(() => {});
  }
}

async function respond(req: IncomingMessage, res: ServerResponse, parts: StatusParts): Promise<void> {
  const answer = await answerOf(req, parts).catch((error: Error): Answer => {
    parts.log.error({ err: error }, 'status request failed');
    return problemAnswer(500, 'This could not be found out. The log says why.');
  });
  res.writeHead(answer.status, {
    'Content-Type': answer.type,
    'Content-Length': Buffer.byteLength(answer.body),
    'Cache-Control': 'no-store',
    [MARK_FIELD]: checkoutMark,
    ...(answer.status === 405 && { Allow: 'GET, HEAD' }),
  });
  res.end(req.method === 'HEAD' ? undefined : answer.body);
}

async function answerOf({ method, url, headers }: IncomingMessage, { health, metrics, more }: StatusParts): Promise<Answer> {
  const path = url!.replace(/\/?(\?.*)?$/s, ''); // with a slash at its end or without, as the services' own paths
  if (!isLocalName(headers.host ?? '')) return problemAnswer(403, 'Ask by an address, or by a name of the local network.');
  if (method !== 'GET' && method !== 'HEAD') return problemAnswer(405, `${method} is not possible here. Possible: GET, HEAD.`);
  if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.text() };
  if (path === '/livez') return json(health.alive());
  if (path === '/readyz' || path === '/health') {
    const report = await health.ready();
    return json(report, statusOf(report));
  }
  const found = await more?.(path);
  return found ? json(found) : problemAnswer(404, `There is nothing at ${path || '/'}.`);
}

const json = (body: object, status = 200): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(body),
});

const problemAnswer = (status: number, detail: string): Answer => ({
  status,
  type: PROBLEM_TYPE,
  body: problemBody(status, { detail }),
});
