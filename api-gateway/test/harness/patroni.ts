import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** As Patroni 3.0.2 gave them, without what is not read; Patroni 4 says `primary`. */
export const PRIMARY = {
  state: 'running',
  role: 'master',
  xlog: { location: 92_935_536 },
  replication: [
    { application_name: 'node-2', state: 'streaming', sync_state: 'sync' },
    { application_name: 'node-3', state: 'streaming', sync_state: 'async' },
  ],
};
export const SYNCHRONOUS = {
  state: 'running',
  role: 'replica',
  sync_standby: true,
  xlog: { received_location: 92_935_536, replayed_location: 92_935_536 },
};
export const STANDBY = {
  state: 'running',
  role: 'replica',
  xlog: { received_location: 92_935_536, replayed_location: 92_900_000 },
};

/** Tells of a PostgreSQL as Patroni does, with what the test says: a real one takes half a minute to have a primary. */
export class PatroniStandIn {
  /** Undefined: it says nothing, as one that is frozen. */
  answer: object | undefined;
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, answer: object) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.answer = answer;
    server.on('request', ({ url }, res) => {
      if (!this.answer) return;
      res.statusCode = url === '/patroni' ? 200 : 404;
      res.end(JSON.stringify(this.answer));
    });
  }

  static async listen(answer: object): Promise<PatroniStandIn> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PatroniStandIn(server, answer);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
