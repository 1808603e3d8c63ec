/**
 * Prints RabbitMQ's definitions for the variables of the environment, ready for `rabbitmqctl import_definitions`. It runs in
 * billing's machine before any package is there.
 */
import { renderDefinitions } from './definitions.ts';

process.stdout.write(`${renderDefinitions(process.env)}\n`);
