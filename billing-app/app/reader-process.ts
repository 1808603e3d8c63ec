// The child process of isolated-reader.ts, with the reader's module as its argument.
import type { ReadOrder } from './order.ts';

const { readOrder } = (await import(process.argv[2]!)) as { readOrder: ReadOrder };

process.on('message', (content: Uint8Array) => process.send!(readOrder(content)));
process.on('disconnect', () => process.exit());
// PM2 signals the whole tree of processes; this one ends with its parent.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
