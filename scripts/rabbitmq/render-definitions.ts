/**
 * Prints RabbitMQ's definitions for the environment and the .env file, ready for `rabbitmqctl import_definitions`:
 *
 *     node scripts/rabbitmq/render-definitions.ts > definitions.json
 */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { renderDefinitions } from './definitions.ts';

const ENV_FILE = new URL('../../.env', import.meta.url);

let file: Record<string, string | undefined> = {};
try {
  file = parseEnv(readFileSync(ENV_FILE, 'utf8'));
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
process.stdout.write(`${renderDefinitions({ ...file, ...process.env })}\n`);
