import pg from 'pg';

/** Where a PostgreSQL is, and how its superuser gets in. */
export interface PostgresAddress {
  host: string;
  port: number;
  superuser: string;
  password: string;
}

/** A running PostgreSQL of ours. */
export interface Postgres extends PostgresAddress {
  pid: number;
  /** Ends sessions, writes everything out, leaves nothing to recover. */
  stop(): Promise<void>;
  /** As a crash would. */
  kill(): Promise<void>;
}

/** A superuser's connection. */
export async function connect(server: PostgresAddress, database = 'postgres'): Promise<pg.Client> {
  const { host, port, superuser: user, password } = server;
  const client = new pg.Client({ host, port, user, password, database, connectionTimeoutMillis: 2000, query_timeout: 60_000 });
  client.on('error', () => {}); // the query in hand reports it
  await client.connect();
  return client;
}
