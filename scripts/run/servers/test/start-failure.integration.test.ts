import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, inject, test } from 'vitest';
import { checkout } from '../../checkout.mjs';
import { anyFreePort } from '../ports.ts';
import { findPostgres, startPostgres } from '../postgres/postgres.ts';
import { stopBroker } from '../rabbitmq/node-files.ts';
import { connectOperator } from '../rabbitmq/operator.ts';
import { startBroker } from '../rabbitmq/rabbitmq.ts';

let home: string;
const makeHome = () => {
  const folder = join(checkout, '.local', 'test');
  mkdirSync(folder, { recursive: true });
  home = mkdtempSync(join(folder, 'damage-'));
};
afterEach(async () => {
  await Promise.all([findPostgres(home)?.kill(), stopBroker(home)]);
  rmSync(home, { recursive: true, force: true });
});

const HEADING = `docs/reliability.md tells under "The broker's or the database's disk is damaged"`;

function damage(file: string, at: number): void {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0xa5, at, at + 64));
}

test('a PostgreSQL whose control file is damaged is given up with its own reason and the page that helps', async () => {
  makeHome();
  const server = await startPostgres({ home, port: await anyFreePort() });
  await server.stop();
  damage(join(home, 'postgres', 'data', 'global', 'pg_control'), 32);
  const failing = startPostgres({ home, port: server.port });
  await expect(failing).rejects.toThrow(/^PostgreSQL could not start .*its log says "(PANIC|FATAL|incorrect)/);
  await expect(failing).rejects.toThrow(HEADING);
});

test('a RabbitMQ whose write-ahead log is damaged is given up with its own reason and the page that helps', async () => {
  makeHome();
  const { env } = inject('services');
  const broker = await startBroker({ home, port: await anyFreePort(), environment: env });
  const { connection } = await connectOperator({ ...env, RABBITMQ_HOST: broker.host, RABBITMQ_PORT: String(broker.port) });
  const channel = await connection.createConfirmChannel();
  for (let n = 0; n < 50; n++) channel.publish('billing', env.BILLING_QUEUE!, Buffer.alloc(500), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
  await broker.kill();
  const [log] = globSync('rabbitmq/data/**/*.wal', { cwd: home });
  damage(join(home, log!), 4000);
  const failing = startBroker({ home, port: broker.port, environment: env });
  await expect(failing).rejects.toThrow(/^RabbitMQ could not start .*its log says "wal_checksum_validation_failure"/);
  await expect(failing).rejects.toThrow(HEADING);
});

test('a RabbitMQ that crashes while it starts leaves no dump in the checkout', async () => {
  makeHome();
  const dumps = () => globSync('{erl_crash.dump,MnesiaCore.*}', { cwd: checkout });
  const before = dumps();
  const { env } = inject('services');
  const broker = await startBroker({ home, port: await anyFreePort(), environment: env });
  await broker.stop();
  for (const file of globSync('rabbitmq/data/**/schema.DAT', { cwd: home })) damage(join(home, file), 0);
  await expect(startBroker({ home, port: broker.port, environment: env })).rejects.toThrow('RabbitMQ could not start');
  expect(dumps()).toEqual(before);
});
