import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const WARM_UP = 2000;
const TIMES = 10_000;

/** Microseconds of processor time of one small write and its read, over loopback, in Node: in the program and in the kernel. */
export interface LoopbackCost {
  user: number;
  system: number;
}

/** How dear a system call is on this computer: some hosts take three times as long for one as others. */
export async function loopbackCost(): Promise<LoopbackCost> {
  const server = createServer({ noDelay: true }, (socket) => socket.on('data', (byte) => socket.write(byte)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  await exchange(socket, WARM_UP);
  const before = process.cpuUsage();
  await exchange(socket, TIMES);
  const { user, system } = process.cpuUsage(before);
  socket.destroy();
  server.close();
  // There and back are two writes and two reads.
  return { user: user / (2 * TIMES), system: system / (2 * TIMES) };
}

function exchange(socket: Socket, times: number): Promise<void> {
  return new Promise((resolve) => {
    let left = times;
    const again = () => {
      if (left-- > 0) return socket.write('x');
      socket.off('data', again);
      resolve();
    };
    socket.on('data', again);
    again();
  });
}
