/**
 * npm run seed [-- --cluster | --url URL]
 *
 * Fills the catalogue with the films of vega-datasets, through the gateway's HTTP interface.
 * Films that are there already are left alone, so it may run again, also after it was interrupted.
 */
import { parseArgs } from 'node:util';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { createProgress } from '../../run/terminal/progress.ts';
import { chosenStack } from '../operated-stack.ts';
import { createCatalogue } from './catalogue.ts';
import { filmKey, filmsFromRows, readRows } from './films.ts';

async function seed(url: string): Promise<void> {
  const started = performance.now();
  const { films, untitled, repeated } = filmsFromRows(readRows());
  console.log(`${films.length} films from vega-datasets, into the catalogue behind ${url}`);

  const catalogue = createCatalogue(url);
  try {
    const missing = new Map(films.map((film) => [filmKey(film), film]));
    let before = 0;
    for await (const film of catalogue.films()) {
      before++;
      missing.delete(filmKey(film));
    }
    await catalogue.add([...missing.values()], createProgress('Adding', missing.size, process.stdout));

    const there = films.length - missing.size;
    console.log(
      [
        `${missing.size} added`,
        `${there} already there`,
        `${untitled} skipped for want of a title`,
        ...(repeated ? [`${repeated} skipped as repetitions`] : []),
        `${before + missing.size} in the catalogue now (${((performance.now() - started) / 1000).toFixed(1)} s)`,
      ].join(', '),
    );
  } finally {
    await catalogue.close();
  }
}

await runCommand(async () => {
  const { stack, rest } = chosenStack(process.argv.slice(2));
  const { values } = parseArgs({ args: rest, options: { url: { type: 'string' } } });
  const url = values.url ?? stack.gatewayUrl();
  try {
    await seed(url);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const unreachable = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(code ?? '');
    throw new Failure(
      unreachable
        ? `Nothing answers at ${url}. Start the stack with "${stack.starts}", or name another gateway with "npm run seed -- --url URL".`
        : `${message}\nSome films may be missing: run "npm run seed" again to add them.`,
    );
  }
  return 0;
});
