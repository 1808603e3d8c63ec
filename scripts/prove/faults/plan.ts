import { LINK_ACTIONS, type LinkAction } from '../../run/servers/relay.ts';
import { createRandom, type Random } from '../random.ts';

export const SERVICES = ['api_gateway', 'inventory_app', 'billing_app'] as const;
const SERVERS = ['broker', 'postgres'] as const;
const LINKS = [
  'client-gateway',
  'gateway-broker',
  'gateway-inventory',
  'billing-broker',
  'billing-orders_db',
  'inventory-movies_db',
] as const;
const SERVICE_ACTIONS = ['SIGKILL', 'SIGSTOP', 'SIGTERM', 'pm2 restart'] as const;
const SERVER_ACTIONS = ['SIGKILL', 'SIGSTOP', 'restart'] as const;

export type Service = (typeof SERVICES)[number];
type Server = (typeof SERVERS)[number];
export type Link = (typeof LINKS)[number];

/** What breaks, and how. */
type Kind =
  | { target: Service; action: (typeof SERVICE_ACTIONS)[number] }
  | { target: Server; action: (typeof SERVER_ACTIONS)[number] }
  | { target: Link; action: LinkAction };

export type Fault = Kind & {
  /** Milliseconds after the first fault of the same strike. */
  delay: number;
  /** Milliseconds until it is mended; of no meaning where the victim is started again at once. */
  hold: number;
};

/** One fault, or some that overlap; mended before the next strike. */
export interface Strike {
  /** Milliseconds of peace before it. */
  pause: number;
  faults: Fault[];
}

export const KINDS: readonly Kind[] = [
  ...SERVICES.flatMap((target) => SERVICE_ACTIONS.map((action) => ({ target, action }))),
  ...SERVERS.flatMap((target) => SERVER_ACTIONS.map((action) => ({ target, action }))),
  ...LINKS.flatMap((target) => LINK_ACTIONS.map((action) => ({ target, action }))),
];

/** A fault that lasts. */
const lasting = (kind: Kind): Fault => ({ ...kind, delay: 0, hold: 1500 });

/**
 * The strikes that find a broken promise most surely; the times are stretched at random. Every plan has them, however short, as
 * far as its number goes.
 */
const TELLING: readonly Fault[][] = [
  // A backlog reaches billing, which is killed while nothing that it sends reaches the database: what was acknowledged before
  // it was stored is lost.
  [
    { target: 'billing-broker', action: 'black-hole', delay: 0, hold: 800 },
    { target: 'billing-orders_db', action: 'requests lost', delay: 400, hold: 1500 },
    { target: 'billing_app', action: 'SIGKILL', delay: 1200, hold: 0 },
  ],
  // What the gateway answered before the confirm is lost.
  [lasting({ target: 'gateway-broker', action: 'requests lost' })],
  // Whatever is sent again without being recognised is stored twice: because the confirm, billing's acknowledgement,
  // or the answer to its insert was lost.
  [lasting({ target: 'gateway-broker', action: 'replies lost' })],
  [lasting({ target: 'billing-broker', action: 'requests lost' })],
  [lasting({ target: 'billing-orders_db', action: 'replies lost' })],
];
/** For each so many faults those strikes come once. */
const TELLING_EVERY = 50;

/** Of the other faults, the share that comes together with another. */
const PAIRED = 0.3;

/** `count` faults in strikes: which, when and how long follows from the seed. Each kind comes about equally often. */
export function planStrikes(seed: string, count: number): Strike[] {
  const random = createRandom(`strikes ${seed}`);
  const strikes: Strike[] = [];
  let left = count;
  for (let round = 0; round < count; round += TELLING_EVERY) {
    for (const faults of TELLING) {
      if (faults.length > left) continue;
      strikes.push(stretch(random, faults));
      left -= faults.length;
    }
  }
  const kinds = draw(random, left);
  while (kinds.length > 0) {
    const first = kinds.pop()!;
    const paired = random.fraction() < PAIRED && kinds.length > 0 && kinds.at(-1)!.target !== first.target;
    strikes.push(createStrike(random, paired ? [first, kinds.pop()!] : [first]));
  }
  return random.shuffle(strikes);
}

function draw(random: Random, count: number): Kind[] {
  const drawn: Kind[] = [];
  while (drawn.length < count) drawn.push(...random.shuffle(KINDS));
  return drawn.slice(0, count);
}

function createStrike(random: Random, [first, second]: Kind[]): Strike {
  const faults: Fault[] = [{ ...first!, delay: 0, hold: anyHold(random) }];
  if (second) faults.push({ ...second, delay: random.between(50, faults[0]!.hold), hold: anyHold(random) });
  return { pause: anyPause(random), faults };
}

function stretch(random: Random, faults: Fault[]): Strike {
  const factor = 0.8 + random.fraction() / 2;
  return {
    pause: anyPause(random),
    faults: faults.map(({ delay, hold, ...kind }) => ({
      ...kind,
      delay: Math.round(delay * factor),
      hold: Math.round(hold * factor),
    })),
  };
}

const anyPause = (random: Random) => random.between(100, 600);

/** Mostly short, so that much happens; one in eight outlives the services' own timeouts. */
function anyHold(random: Random): number {
  return random.fraction() < 1 / 8 ? random.between(2000, 5000) : random.between(200, 1200);
}

export const nameOf = ({ target, action }: Kind) => `${target} ${action}`;
