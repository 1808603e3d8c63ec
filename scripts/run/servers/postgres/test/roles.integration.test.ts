import pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';

const clients: pg.Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
});

type Prefix = 'MOVIES_DB' | 'ORDERS_DB';

async function connect(prefix: Prefix, database: string): Promise<pg.Client> {
  const { env, postgres } = inject('services');
  const client = new pg.Client({
    host: postgres.host,
    port: postgres.port,
    user: env[`${prefix}_USER`],
    password: env[`${prefix}_PASSWORD`],
    database,
  });
  await client.connect();
  clients.push(client);
  return client;
}

const databaseOf = (prefix: Prefix) => inject('services').env[`${prefix}_NAME`]!;
const DENIED = { code: '42501' }; // insufficient_privilege

describe.each<[Prefix, Prefix]>([
  ['MOVIES_DB', 'ORDERS_DB'],
  ['ORDERS_DB', 'MOVIES_DB'],
])('the role of %s', (own, other) => {
  test('uses its own database', async () => {
    const client = await connect(own, databaseOf(own));
    await expect(client.query('CREATE TABLE mine (); DROP TABLE mine')).resolves.toBeDefined();
  });

  test.each([() => databaseOf(other), () => 'postgres', () => 'template1'])(
    'cannot connect to another one: %#',
    async (database) => {
      await expect(connect(own, database())).rejects.toMatchObject(DENIED);
    },
  );

  test.each([
    'CREATE ROLE intruder',
    'CREATE DATABASE intruder',
    'ALTER ROLE current_user SUPERUSER',
    `SELECT pg_read_file('postgresql.conf')`,
    `COPY (SELECT 1) TO PROGRAM 'true'`,
    'SELECT rolpassword FROM pg_authid',
  ])('cannot: %s', async (sql) => {
    const client = await connect(own, databaseOf(own));
    await expect(client.query(sql)).rejects.toMatchObject(DENIED);
  });

  test('cannot become the other role', async () => {
    const client = await connect(own, databaseOf(own));
    const role = pg.escapeIdentifier(inject('services').env[`${other}_USER`]!);
    await expect(client.query(`SET ROLE ${role}`)).rejects.toMatchObject(DENIED);
  });
});
