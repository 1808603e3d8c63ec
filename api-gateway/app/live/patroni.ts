/** What a PostgreSQL is of several: the one that takes writes, the one that it waits for, or one that follows. */
export type Role = 'primary' | 'synchronous standby' | 'standby';

/** What Patroni says of its PostgreSQL. */
export interface Told {
  /** Undefined while PostgreSQL does not run. */
  role: Role | undefined;
  /** Patroni's word for what PostgreSQL does: `running`, `starting`, … */
  state: string;
  /** Bytes of its log that it has written, as the primary, or applied. */
  position: number | undefined;
}

interface Status {
  state: string;
  role: string;
  sync_standby?: boolean;
  xlog?: { location?: number; replayed_location?: number };
}

/** Reads the answer to `GET /patroni`, or throws where it is none: https://patroni.readthedocs.io/en/latest/rest_api.html#monitoring-endpoint */
export function readPatroni(body: string): Told {
  const { state, role, sync_standby, xlog } = JSON.parse(body) as Status;
  if (typeof state !== 'string') throw new Error('no answer of Patroni');
  const position = xlog?.location ?? xlog?.replayed_location;
  if (state !== 'running') return { role: undefined, state, position: undefined };
  if (role === 'primary' || role === 'master') return { role: 'primary', state, position }; // `master` before Patroni 4
  return { role: sync_standby ? 'synchronous standby' : 'standby', state, position };
}

/** Of each, the bytes by which it is behind the primary; undefined for that one, and where it is not known. */
export function lagsOf(told: (Pick<Told, 'role' | 'position'> | undefined)[]): (number | undefined)[] {
  const head = told.find((one) => one?.role === 'primary')?.position;
  return told.map((one) => {
    if (head === undefined || one?.position === undefined || one.role === 'primary') return undefined;
    return Math.max(0, head - one.position); // they are asked at the same time, and one of them answers first
  });
}
