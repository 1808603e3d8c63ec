import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('../../', import.meta.url);

/** Nothing listens here (tcpmux), so a connection is refused at once. */
const CLOSED_PORT = '1';

/** Milliseconds; short, so that the tests need not wait long. */
const SHORT = '300';

export interface FaultyGateways {
  /** Origins of gateways whose inventory is not there, breaks connections, or never answers. None has a broker. */
  inventoryAway: string;
  inventoryBreaks: string;
  inventorySilent: string;
  /** A gateway that is in a hurry with its clients. */
  impatient: string;
  /** A gateway with as much under way as it takes. */
  crowded: string;
  /** A gateway that allows each client one request. */
  rationed: string;
  close(): Promise<void>;
}

/** Gateways of our own, with something broken behind them. They touch neither the stack under test nor its data. */
export async function startFaultyGateways(): Promise<FaultyGateways> {
  const breaking = await listen((socket) => socket.on('data', () => socket.destroy()));
  const silent = await listen(() => {});
  const away = { INVENTORY_PORT: CLOSED_PORT };
  const gateways = await Promise.all(
    [
      away,
      { INVENTORY_PORT: breaking.port },
      { INVENTORY_PORT: silent.port, INVENTORY_TIMEOUT: SHORT },
      { ...away, GATEWAY_HEADERS_TIMEOUT: SHORT, GATEWAY_REQUEST_TIMEOUT: SHORT },
      { INVENTORY_PORT: silent.port, GATEWAY_MAX_REQUESTS_IN_FLIGHT: '1', INVENTORY_TIMEOUT: '600000' },
      { ...away, RATE_LIMIT: '1', RATE_LIMIT_WINDOW: '600000' },
    ].map(startGateway),
  );
  const [inventoryAway, inventoryBreaks, inventorySilent, impatient, crowded, rationed] = gateways.map(({ origin }) => origin);
  const inventoryReached = once(silent.server, 'connection');
  const crowd = connectAndSend(crowded!, 'GET /api/movies HTTP/1.1\r\nHost: crowd\r\n\r\n');
  await inventoryReached;
  await fetch(`${rationed}/nowhere`);
  return {
    inventoryAway: inventoryAway!,
    inventoryBreaks: inventoryBreaks!,
    inventorySilent: inventorySilent!,
    impatient: impatient!,
    crowded: crowded!,
    rationed: rationed!,
    async close() {
      crowd.destroy();
      await Promise.all(gateways.map(({ stop }) => stop()));
      breaking.close();
      silent.close();
    },
  };
}

async function startGateway(overrides: NodeJS.ProcessEnv) {
  const port = await freePort();
  const child = fork(fileURLToPath(new URL('server.ts', FOLDER)), {
    cwd: fileURLToPath(FOLDER),
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      INVENTORY_HOST: '127.0.0.1',
      RABBITMQ_HOST: '127.0.0.1',
      RABBITMQ_PORT: CLOSED_PORT,
      API_GATEWAY_PORT: port,
      API_GATEWAY_LISTEN_HOST: '127.0.0.1',
      LOG_LEVEL: 'silent',
      ...overrides,
    },
  });
  await ready(child);
  return {
    origin: `http://127.0.0.1:${port}`,
    async stop() {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}

function connectAndSend(origin: string, request: string): Socket {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {}); // cut off when the gateway stops
  socket.write(request);
  return socket;
}

async function ready(child: ChildProcess): Promise<void> {
  const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (message !== 'ready') throw new Error(`The gateway ended with status ${message} instead of starting.`);
}

async function listen(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // the gateway gave up: that is the test
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: String((server.address() as AddressInfo).port),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function freePort(): Promise<string> {
  const { port, close } = await listen(() => {});
  close();
  return port;
}
