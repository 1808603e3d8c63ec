/** What a PostgreSQL is of several: the one that takes writes, the one that it waits for, or one that follows. */
export type Role = 'primary' | 'synchronous standby' | 'standby';

/** What Patroni says of its PostgreSQL. */
export interface Told {
  name: string;
  /** Undefined while PostgreSQL does not run. */
  role: Role | undefined;
  /** Patroni's word for what PostgreSQL does: `running`, `starting`, … */
  state: string;
  /** Bytes of its log that it has written, as the primary, or applied. */
  position: number | undefined;
  /** The names of those to which it streams its log. */
  streamsTo: string[];
}

interface Status {
  state: string;
  role: string;
  sync_standby?: boolean;
  xlog?: { location?: number; replayed_location?: number };
  /** Of `pg_stat_replication`; absent where nobody follows. */
  replication?: { application_name: string; state: string }[];
}

/** Reads the answer to `GET /patroni` of the one that Patroni calls so, or throws where it is none: https://patroni.readthedocs.io/en/latest/rest_api.html#monitoring-endpoint */
export function readPatroni(body: string, name: string): Told {
  const { state, role, sync_standby, xlog, replication = [] } = JSON.parse(body) as Status;
  if (typeof state !== 'string') throw new Error('no answer of Patroni');
  const position = xlog?.location ?? xlog?.replayed_location;
  const streamsTo = replication.filter(({ state }) => state === 'streaming').map(({ application_name }) => application_name);
  if (state !== 'running') return { name, role: undefined, state, position: undefined, streamsTo: [] };
  if (role === 'primary' || role === 'master') return { name, role: 'primary', state, position, streamsTo }; // `master` before Patroni 4
  return { name, role: sync_standby ? 'synchronous standby' : 'standby', state, position, streamsTo };
}

/** Of each, the bytes by which it is behind the primary; undefined for that one, and where it is not known. */
export function lagsOf(told: (Pick<Told, 'role' | 'position'> | undefined)[]): (number | undefined)[] {
  const head = told.find((one) => one?.role === 'primary')?.position;
  return told.map((one) => {
    if (head === undefined || one?.position === undefined || one.role === 'primary') return undefined;
    return Math.max(0, head - one.position); // they are asked at the same time, and one of them answers first
  });
}

/**
 * Whether each is a standby to which the primary streams nothing: it runs, and would take over with an old copy, or not at all. Nobody
 * is, while there is no primary.
 */
export function withoutLog(told: (Pick<Told, 'name' | 'role' | 'streamsTo'> | undefined)[]): boolean[] {
  const primary = told.find((one) => one?.role === 'primary');
  return told.map((one) => Boolean(primary && one?.role && one.role !== 'primary' && !primary.streamsTo.includes(one.name)));
}
