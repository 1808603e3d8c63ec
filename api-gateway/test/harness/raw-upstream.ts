import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Wire, type WireMessage } from './wire.ts';

/** An inventory that does on the socket exactly what a test says. */
export interface RawUpstream {
  port: number;
  /** Every whole request that arrived, in order. */
  requests: WireMessage[];
  /** All bytes that arrived. */
  received(): Buffer;
  sockets: Set<Socket>;
  close(): Promise<void>;
}

type Answer = (request: WireMessage, socket: Socket) => Buffer | string | undefined | Promise<Buffer | string | undefined>;

export interface UpstreamBehaviour {
  /** Called when the request is whole; what it returns is written. */
  answer?: Answer;
  /** Called when the head of a request has arrived. Returns false to leave the body unread. */
  onHead?(head: WireMessage, socket: Socket): boolean | undefined;
  /** Keep what arrived; true unless said otherwise. */
  record?: boolean;
}

export async function rawUpstream({ answer, onHead, record = true }: UpstreamBehaviour): Promise<RawUpstream> {
  const requests: WireMessage[] = [];
  const sockets = new Set<Socket>();
  const bytes: Buffer[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    if (record) socket.on('data', (chunk) => bytes.push(chunk));
    serve(new Wire(socket)).catch(() => socket.destroy());
  });
  async function serve(wire: Wire): Promise<void> {
    for (;;) {
      let unread = false;
      const request = await wire.readRequest((head) => {
        unread = onHead?.(head, wire.socket) === false;
        return !unread;
      });
      if (!request || unread || wire.socket.destroyed) return;
      if (record) requests.push(request);
      const bytes = await answer?.(request, wire.socket);
      if (bytes === undefined) continue;
      wire.socket.write(bytes);
    }
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    received: () => Buffer.concat(bytes),
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An answer of a fixed length. */
export const ok = (body = 'ok', header = '') => `HTTP/1.1 200 OK\r\n${header}Content-Length: ${body.length}\r\n\r\n${body}`;
