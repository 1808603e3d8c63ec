/**
 * Runs the Postman collection against a running gateway: `npm run postman [-- --target local|vagrant | --url URL]`.
 * The catalogue is left as it was found, ids included. So "Delete all films" runs only where there are none. Orders stay.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { gatewayUrl, type Target } from '../gateway-url.ts';

interface Newman {
  run(options: object, done: (error: Error | null, summary?: { run: { failures: unknown[] } }) => void): void;
}

const COLLECTION = fileURLToPath(new URL('../../../docs/postman/crud-master.postman_collection.json', import.meta.url));
const EMPTIES_CATALOGUE = 'Delete all films';

await runCommand(async () => {
  const { values } = parseArgs({ options: { target: { type: 'string', default: 'local' }, url: { type: 'string' } } });
  const { target } = values;
  if (target !== 'local' && target !== 'vagrant') throw new Failure(`There is no target "${target}": choose local or vagrant.`);
  return runCollection(target, values.url ?? gatewayUrl(target));
});

async function runCollection(target: Target, url: string): Promise<number> {
  let empty: boolean;
  try {
    empty = await catalogueIsEmpty(url);
  } catch (error) {
    const start = target === 'local' ? 'npm start' : 'vagrant up';
    throw new Failure(`The films cannot be read at ${url} (${(error as Error).message}). Start the system with "${start}".`);
  }

  const require = createRequire(import.meta.url);
  const folders = (require(COLLECTION).item as { name: string }[]).map(({ name }) => name);
  process.noDeprecation = true; // newman's dependencies use what Node has deprecated; users can do nothing about it
  const newman: Newman = require('newman');
  const { error, summary } = await new Promise<{ error: Error | null; summary?: { run: { failures: unknown[] } } }>((resolve) =>
    newman.run(
      {
        collection: COLLECTION,
        envVar: [{ key: 'base_url', value: url }],
        folder: empty ? folders : folders.filter((name) => name !== EMPTIES_CATALOGUE),
        reporters: 'cli',
        timeoutRequest: 30_000, // milliseconds
      },
      (error, summary) => resolve({ error, summary }),
    ),
  );
  if (!empty) console.log(`"${EMPTIES_CATALOGUE}" was left out, because there are films in the catalogue: it would delete them.`);
  if (error) console.error(error.message);
  return error || !summary || summary.run.failures.length > 0 ? 1 : 0;
}

/** Reads no more than the beginning of the list. */
async function catalogueIsEmpty(url: string): Promise<boolean> {
  const response = await fetch(`${url}/api/movies`, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('{')) return false;
  }
  return true;
}
