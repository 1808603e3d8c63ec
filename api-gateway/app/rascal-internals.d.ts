// Parts of Rascal that its own types leave out. The version is pinned exactly in package.json.
declare module 'rascal/lib/config/configure.js' {
  export default function configure(
    config: object,
    next: (error: Error | null, config: { vhosts: Record<string, object> }) => void,
  ): void;
}

declare module 'rascal/lib/amqp/Vhost.js' {
  import type { EventEmitter } from 'node:events';
  import type { ConfirmChannel } from 'amqplib/callback_api.js';

  export interface RascalVhost extends EventEmitter {
    borrowConfirmChannel(next: (error: Error | null, channel?: ConfirmChannel) => void): void;
    returnConfirmChannel(channel: ConfirmChannel): void;
    forewarn(next: () => void): void;
    shutdown(next: (error?: Error) => void): void;
  }
  const Vhost: {
    create(config: object, components: object, next: (error: Error | null, vhost: RascalVhost) => void): void;
  };
  export default Vhost;
}
