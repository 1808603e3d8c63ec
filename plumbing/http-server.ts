import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Connection, type Rules } from './connection.ts';
import { type Connections, giveNotice, untilClosed } from './graceful-stop.ts';
import { listenOn } from './listening.ts';
import type { Logger } from './log.ts';
import { refuse, unreadable } from './refusal.ts';

export interface HttpServerOptions {
  log: Logger;
  /** Bytes of a request's header. */
  headerBytes: number;
  /** Milliseconds a client has for the header of a request. */
  headersTimeout: number;
  /** Milliseconds a client has for a whole request. */
  requestTimeout: number;
  /** Milliseconds that a client may leave an answer unread before it is cut off. */
  idleReaderTimeout: number;
  /** Milliseconds that a connection may be kept without a request. */
  keepAliveTimeout: number;
  /** Connections at a time. */
  connections: number;
  /** Bytes that the body of that request may have: more is refused before a client that asks first (`Expect`) sends it. */
  bodyLimit(req: IncomingMessage): number;
}

export interface HttpServer {
  /** Listens on every host of the list that this computer has, and gives those addresses. Port 0: one that is free. */
  listen(port: number, hosts: string[]): Promise<AddressInfo[]>;
  /** Connections that are open. */
  connections(): number;
  /** Tells the clients that it ends, answers what is under way, stops listening, and resolves when every connection is closed. */
  close(): Promise<void>;
  /** Cuts every connection and stops listening. */
  destroy(): Promise<void>;
}

/** Milliseconds between two looks for answers that nobody reads. */
const SWEEP = 500;

/** Requests that may wait behind others, on all connections together: some 40 MB. A connection that adds one more is cut. */
const MAX_WAITING = 10_000;

/** A server that answers with problem details also what never becomes a request. See docs/gateway.md, "Connections". */
export function createHttpServer(listener: RequestListener, options: HttpServerOptions): HttpServer {
  const open: Connections = new Map();
  const rules = createRules(listener, options);
  let servers: Server[] = [];

  const accept = (socket: Socket) => {
    const connection = new Connection(socket, rules);
    open.set(socket, connection);
    socket.once('close', () => open.delete(socket));
    // Counted here, not by `maxConnections`, which closes without a word.
    if (open.size > options.connections)
      connection.fail({ status: 503, kind: 'overloaded', detail: 'Too many connections are open. Try again in a second.' });
  };
  const sweep = sweepReaders(open, options);
  const stop = () => {
    clearInterval(sweep);
    return Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  };

  return {
    async listen(port, hosts) {
      servers = await listenOn(port, hosts, () => createNodeServer(open, accept, options), options.log);
      return servers.map((server) => server.address() as AddressInfo);
    },
    connections: () => open.size,
    async close() {
      await giveNotice(open, rules);
      const stopped = stop();
      await untilClosed(open, rules);
      await stopped;
    },
    async destroy() {
      const stopped = stop();
      for (const socket of open.keys()) socket.destroy();
      await stopped;
    },
  };
}

/** Cuts off the clients that leave an answer unread, until it is cleared. */
function sweepReaders(open: Connections, { idleReaderTimeout, log }: HttpServerOptions): NodeJS.Timeout {
  return setInterval(() => {
    for (const [socket, connection] of open) {
      if (!connection.reader.isStalled(idleReaderTimeout)) continue;
      log.info({ client: socket.remoteAddress }, 'client stopped reading, cut off');
      socket.destroy();
    }
  }, SWEEP).unref();
}

function createRules(listener: RequestListener, options: HttpServerOptions): Rules {
  return {
    waiting: 0,
    maxWaiting: MAX_WAITING,
    held: false,
    ending: false,
    refuse: (socket, refusal) => refuse(socket, refusal, options.log),
    refusal({ req, expects }) {
      if (req.httpVersion === '1.1' && req.headers.host === undefined)
        return { status: 400, kind: 'bad-request', detail: 'The request has no Host header field.', req };
      const limit = options.bodyLimit(req);
      if (expects && Number(req.headers['content-length']) > limit)
        return { status: 413, kind: 'body-too-large', detail: `The body is larger than ${limit} bytes.`, req };
      return undefined;
    },
    serve({ req, res, expects }) {
      if (expects) res.writeContinue();
      listener(req, res as ServerResponse<IncomingMessage> & { req: IncomingMessage });
    },
  };
}

function createNodeServer(open: Connections, accept: (socket: Socket) => void, options: HttpServerOptions): Server {
  const server = createServer({
    requireHostHeader: false, // Node's own refusal has no body
    maxHeaderSize: options.headerBytes,
    headersTimeout: options.headersTimeout,
    requestTimeout: options.requestTimeout,
    connectionsCheckingInterval: 500,
    keepAliveTimeout: options.keepAliveTimeout,
    noDelay: true,
  });
  const add = (expects: boolean) => (req: IncomingMessage, res: ServerResponse) =>
    open.get(req.socket)?.add({ req, res, expects });
  server.on('connection', accept);
  server.on('request', add(false));
  server.on('checkContinue', add(true));
  // Node would answer 417 without a body. An expectation that is not understood may be ignored (RFC 9110, section 10.1.1).
  server.on('checkExpectation', add(false));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    open.get(socket)?.fail(unreadable(error.code, options));
  });
  server.on('connect', (req, socket: Socket) => {
    const detail = 'This is not a forward proxy: CONNECT is not possible here.';
    open.get(socket)?.fail({ status: 400, kind: 'bad-request', detail, req });
  });
  return server;
}
