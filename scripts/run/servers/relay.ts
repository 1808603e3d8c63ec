import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What a relay does to the connections through it. */
export const LINK_ACTIONS = ['cut', 'black-hole', 'slow', 'requests lost', 'replies lost'] as const;
export type LinkAction = (typeof LINK_ACTIONS)[number];

/** Milliseconds that each piece takes longer on a slow link, in each direction. */
const LATENCY = 200;

type Watch = () => (piece: Buffer) => void;

/** One connection through the relay, and the sockets of both ends. */
interface Passage {
  client: Socket;
  upstream: Socket;
}

/**
 * A TCP relay on 127.0.0.1 that does to what passes what bad networks do:
 * - `cut`: every connection is reset, and every new one.
 * - `black-hole`: nothing passes; what was sent meanwhile arrives afterwards, as after a network partition.
 * - `slow`: everything arrives late.
 * - `requests lost`, `replies lost`: what is sent in that direction disappears; in the end the connections are reset.
 */
export class Relay {
  readonly port: number;
  readonly #server: Server;
  readonly #watch: Watch;
  readonly #passages = new Set<Passage>();
  #fault: LinkAction | undefined;
  #attempts = 0;

  private constructor(server: Server, upstreamPort: () => number, watch: Watch) {
    this.#server = server;
    this.#watch = watch;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => this.#accept(client, upstreamPort()));
  }

  /**
   * `upstreamPort` is asked for each connection: a server that is started again may listen elsewhere. `watch` is called for each
   * connection, and what it gives for each piece that the upstream sends there.
   */
  static async listen(upstreamPort: () => number, watch: Watch = () => () => {}): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Relay(server, upstreamPort, watch);
  }

  begin(fault: LinkAction): void {
    this.#fault = fault;
    if (fault === 'cut') this.reset();
    if (fault === 'black-hole') for (const end of this.#ends()) end.pause();
  }

  heal(): void {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault === 'requests lost' || fault === 'replies lost') this.reset(); // no protocol survives a gap in its stream
    if (fault === 'black-hole') for (const end of this.#ends()) end.resume();
  }

  /** Resets every connection; the next ones pass. */
  reset(): void {
    for (const passage of this.#passages) this.#resetPassage(passage);
  }

  get connections(): number {
    return this.#passages.size;
  }

  /** Connections that were tried since the last call. */
  attempts(): number {
    const attempts = this.#attempts;
    this.#attempts = 0;
    return attempts;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.reset();
  }

  #accept(client: Socket, port: number): void {
    this.#attempts++;
    if (this.#fault === 'cut') {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    const passage = { client, upstream };
    this.#passages.add(passage);
    for (const end of [client, upstream]) {
      end.on('error', () => this.#resetPassage(passage));
      end.on('close', () => {
        if (client.destroyed && upstream.destroyed) this.#passages.delete(passage);
      });
      if (this.#fault === 'black-hole') end.pause();
    }
    upstream.on('data', this.#watch());
    this.#relay(client, upstream, 'requests lost');
    this.#relay(upstream, client, 'replies lost');
  }

  #relay(from: Socket, to: Socket, loss: LinkAction): void {
    // Kept in order: a piece that is not delayed must not overtake one that is.
    let last = Promise.resolve();
    const later = (act: () => void) => {
      const due = this.#fault === 'slow' ? new Promise<void>((resolve) => setTimeout(resolve, LATENCY)) : undefined;
      last = last.then(() => due).then(act);
    };
    from.on('data', (piece) => {
      if (this.#fault !== loss) later(() => to.write(piece));
    });
    from.on('end', () => later(() => to.end()));
  }

  #ends(): Socket[] {
    return [...this.#passages].flatMap(({ client, upstream }) => [client, upstream]);
  }

  #resetPassage(passage: Passage): void {
    this.#passages.delete(passage);
    passage.client.resetAndDestroy();
    passage.upstream.resetAndDestroy();
  }
}
