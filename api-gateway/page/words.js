// The state of the system in words: for the page as the gateway sends it, and as it is kept up to date in the browser.

const NAMES = {
  gateway: 'Gateway',
  inventory: 'Inventory',
  movies_db: 'movies_db',
  broker: 'RabbitMQ',
  billing: 'Billing',
  orders_db: 'orders_db',
};

/** @param {string} iso */
const since = (iso) => `${iso.slice(5, 10)} ${iso.slice(11, 19)} UTC`;
/** @param {number | null} ms */
const milliseconds = (ms) => (ms === null ? '–' : `${ms} ms`);

/** @param {import('../app/live/state.ts').LiveState} live */
export function summaryOf(live) {
  const down = Object.entries(live.parts).filter(([, { state }]) => state === 'down');
  if (down.length === 0) return 'All parts work.';
  const words = down.map(([name, { reason }]) =>
    name === 'billing' && reason?.startsWith('nobody') ? reason : `${NAMES[/** @type {'broker'} */ (name)]} ${reason}`,
  );
  return `${words.join('. ')}.`;
}

/** @param {import('../app/live/state.ts').LiveState} live */
export const partRows = (live) =>
  Object.entries(live.parts).map(([name, { state, since: from, reason }]) => [
    NAMES[/** @type {'broker'} */ (name)],
    { text: reason ? `${state}: ${reason}` : state, kind: state },
    since(from),
  ]);

/** @param {import('../app/live/state.ts').LiveState} live */
export const flowRows = (live) =>
  /** @type {const} */ (['films', 'orders']).map((name) => {
    const { perSecond, p50, p99 } = live[name];
    return [name, String(perSecond), milliseconds(p50), milliseconds(p99)];
  });

/** @param {import('../app/live/state.ts').LiveState} live */
export const queueItems = ({ queue, inHand, oldestWait, deadLetters }) => [
  ['Waiting', queue ? String(queue.messages) : 'unknown'],
  ["In billing's hands", inHand === null ? 'unknown' : String(inHand)],
  ['Consumers', queue ? String(queue.consumers) : 'unknown'],
  ['Oldest waits', oldestWait === null ? '–' : `${oldestWait} s at least`],
  ['Dead letters', deadLetters === null ? 'unknown' : String(deadLetters)],
];

/** @param {import('../app/live/state.ts').LiveState} live */
export const refusalItems = ({ refusals }) =>
  Object.keys(refusals).length === 0 ? [['Nothing', '']] : Object.entries(refusals).map(([kind, count]) => [kind, String(count)]);

/** What was parked since billing started. @param {import('../app/live/state.ts').LiveState} live */
export const parkedItems = ({ parked }) => {
  if (!parked) return [['Unknown', 'billing does not say']];
  const kinds = Object.entries(parked.kinds);
  return kinds.length === 0 ? [['Nothing', '']] : kinds.map(([kind, count]) => [kind, String(count)]);
};

/** @param {import('../app/live/state.ts').LiveState} live */
export const letterRows = ({ parked }) => (parked?.newest ?? []).map(({ at, kind, reason }) => [since(at), kind, reason]);

/** @param {import('../app/live/state.ts').LiveState} live */
export const instanceText = ({ instance: { of, seen } }) => {
  if (of === 1) return '';
  return seen === of ? `Of all ${of} gateway processes.` : `Of ${seen} of ${of} gateway processes: the others do not tell.`;
};
