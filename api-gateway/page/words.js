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
  if (down.length === 0) return aboutNodes(redundancyOf(live)).join(' ');
  const words = down.map(([name, { reason }]) =>
    name === 'billing' && reason?.startsWith('nobody') ? reason : `${NAMES[/** @type {'broker'} */ (name)]} ${reason}`,
  );
  return `${words.join('. ')}.`;
}

/** With one of everything, and while any node may fail, there is no more to say. @param {ReturnType<typeof redundancyOf>} redundancy */
function aboutNodes(redundancy) {
  const lost = redundancy.filter(({ isWhole }) => !isWhole).map(({ text }) => text);
  return redundancy.every(({ works }) => works) ? ['All parts work.', ...lost] : lost;
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
export const instanceText = ({ nodes, instance: { of, seen } }) => {
  const texts = nodes ? ['Of this node alone, as are refusals, and what billing has in hand and has parked.'] : [];
  if (of > 1)
    texts.push(
      seen === of ? `Of all ${of} gateway processes.` : `Of ${seen} of ${of} gateway processes: the others do not tell.`,
    );
  return texts.join(' ');
};

/** @param {number} count */
const bytes = (count) => {
  const [unit, size] = count < 1e6 ? ['kB', 1e3] : count < 1e9 ? ['MB', 1e6] : ['GB', 1e9];
  return count < 1000 ? `${count} bytes` : `${(count / size).toFixed(1)} ${unit}`;
};

/** @param {{ role?: string | undefined, lag?: number | undefined }} database */
export const databaseText = ({ role = 'down', lag }) => (lag ? `${role}, ${bytes(lag)} behind` : role);

/** @param {import('../app/live/state.ts').LivePart} part @param {string} whenUp */
const nodeCell = ({ state, since: from, reason }, whenUp) => ({
  text: reason ? `${state} since ${since(from)}: ${reason}` : whenUp,
  kind: state,
});

/** @param {import('../app/live/state.ts').LiveState} live */
export const nodeRows = ({ nodes = [] }) =>
  nodes.map(({ name, broker, database }) => [
    name,
    nodeCell(broker, broker.inUse ? "up, this gateway's orders go through it" : 'up'),
    database ? nodeCell(database, databaseText(database)) : 'nobody is asked',
  ]);

/** @param {import('../app/live/state.ts').LiveState} live */
export const redundancyText = (live) =>
  redundancyOf(live)
    .map(({ text }) => text)
    .join(' ');

const NO_DATABASE_SEEN = { text: 'No node tells of its PostgreSQL.', works: true, isWhole: false };

/** What is left of several nodes. @param {import('../app/live/state.ts').LiveState} live */
function redundancyOf({ nodes }) {
  if (!nodes) return [];
  const brokers = nodes.filter(({ broker }) => broker.state === 'up').length;
  const sentences = [brokerRedundancy(brokers, nodes.length)];
  const roles = nodes.flatMap(({ database }) => (database ? [database.role] : []));
  if (roles.length === 0) return sentences;
  return [...sentences, roles.some(Boolean) ? databaseRedundancy(roles) : NO_DATABASE_SEEN];
}

/** @param {number} most */
const majorityOf = (most) => Math.floor(most / 2) + 1;

/** @param {string} text */
const stopped = (text) => ({ text, works: false, isWhole: false });

/** @param {string} works @param {string | undefined} next What one more failure stops, where it may stop something. */
const working = (works, next) => ({
  text: next ? `${works}. ${next}` : `${works}, and still are when any one node fails.`,
  works: true,
  isWhole: next === undefined,
});

/**
 * What works with so many brokers of how many, and what one more failure would mean. Who sees more says how many gateways take orders,
 * how many copies of the queue work (null: nobody says), and what else speaks against it that any node may fail.
 * @param {number} brokers @param {number} most
 * @param {{ gateways?: number, copies?: number | null | undefined, doubt?: string | undefined }} [seen]
 */
export function brokerRedundancy(brokers, most, { gateways = most, copies = brokers, doubt } = {}) {
  const majority = majorityOf(most);
  if (brokers < majority) return stopped(`Orders are refused: ${brokers} of ${most} brokers are up, and ${majority} are needed.`);
  if (copies !== null && copies < majority)
    return stopped(`Orders are refused: ${copies} of ${most} copies of their queue work, and ${majority} are needed.`);
  if (gateways === 0) return stopped('Orders are refused: no gateway is up.');
  const next = [
    brokers === majority && `One more broker down stops them: ${brokers} of ${most} are up.`,
    copies === majority && `One more broker down may stop them: ${copies} of ${most} copies of their queue work.`,
    copies === null && 'Nobody says whether all copies of their queue work.',
    gateways === 1 && `One more gateway down stops them: 1 of ${most} is up.`,
    doubt,
  ].find(Boolean);
  return working('Orders are taken', next || undefined);
}

/**
 * The same of each node's PostgreSQL: its role, or undefined where it is down. A commit waits for the synchronous standby. Who sees more
 * says how many etcd are up, how many nodes serve films, and how many billing_app work.
 * @param {(string | undefined)[]} roles
 * @param {{ etcd?: number, films?: number, billing?: number, doubt?: string | undefined }} [seen]
 */
export function databaseRedundancy(roles, { etcd = roles.length, films = roles.length, billing = roles.length, doubt } = {}) {
  const most = roles.length;
  const majority = majorityOf(most);
  const up = roles.filter((role) => role !== undefined).length;
  const reason = whyNothingIsWritten(roles, etcd);
  if (reason) return stopped(`Nothing is written to the databases: ${reason}. Orders wait in the queue.`);
  const lost = [
    films === 0 && 'Films are not served: no gateway has an inventory_app that works.',
    billing === 0 && 'Orders wait in the queue: no billing_app works.',
  ].filter(Boolean);
  if (lost.length === 2) return stopped(lost.join(' '));
  const next = [
    up === majority && `One more PostgreSQL down stops that: ${up} of ${most} are up.`,
    etcd === majority && `One more etcd down stops that: ${etcd} of ${most} are up.`,
    films === 1 && `One more gateway or inventory_app down stops films: 1 of ${most} nodes serves them.`,
    billing === 1 && `One more billing_app down lets orders wait in the queue: 1 of ${most} works.`,
    doubt,
  ].find(Boolean);
  const what = films === 0 ? 'Orders' : billing === 0 ? 'Films' : 'Films and orders';
  const { text, isWhole } = working(`${what} are stored`, next || undefined);
  return { text: [text, ...lost].join(' '), works: lost.length === 0, isWhole: isWhole && lost.length === 0 };
}

/** A primary gives up without a majority of etcd. @param {(string | undefined)[]} roles @param {number} etcd */
function whyNothingIsWritten(roles, etcd) {
  const majority = majorityOf(roles.length);
  const few = etcd < majority && `${etcd} of ${roles.length} etcd are up, where ${majority} are needed to`;
  if (!roles.includes('primary')) return `there is no primary${few ? `, and ${few} choose one` : ''}`;
  if (few) return `${few} keep a primary`;
  if (roles.includes('synchronous standby')) return undefined;
  return 'the primary has no synchronous standby, and would be the only one to have it';
}
