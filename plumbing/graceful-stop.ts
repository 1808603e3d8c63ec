import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection, Rules } from './connection.ts';

export type Connections = Map<Socket, Connection>;

/** Milliseconds within which a busy client sends its next request, and learns from the answer that its connection ends. */
const NOTICE = 1000;

/**
 * Milliseconds in which no request is begun, before the server stops listening: busy clients then wait for an answer, and none
 * of them is just connecting. The kernel resets connections that it has accepted and the server has not.
 */
const HOLD = 50;

/** Milliseconds that a stop gives to what is under way. */
const FINISH = 10_000;

/** Milliseconds between two looks at what is still open. */
const LOOK = 20;

/** Tells the clients for a while that their connections end, then begins no more requests (`rules.held`). */
export async function giveNotice(open: Connections, rules: Rules): Promise<void> {
  rules.ending = true;
  if (open.size === 0) return;
  for (const connection of open.values()) connection.announceEnd();
  await sleep(NOTICE);
  rules.held = true;
  await sleep(HOLD);
}

/** Answers what was held back and what is under way. Resolves when every connection is closed, by us if need be. */
export async function untilClosed(open: Connections, rules: Rules): Promise<void> {
  if (open.size > 0) await sleep(HOLD); // in PM2's cluster mode the daemon has the port a little longer
  rules.held = false;
  for (const connection of open.values()) connection.resume();
  const end = performance.now() + FINISH;
  for (; open.size > 0; await sleep(LOOK)) {
    for (const [socket, connection] of open) {
      if (performance.now() > end) socket.destroy();
      else if (connection.isIdle(NOTICE)) socket.destroySoon();
    }
  }
}
