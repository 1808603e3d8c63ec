// npm start: brings everything up on this computer, and starts anew what runs with old code or old settings

import { parseArgs } from 'node:util';
import { pm2Home } from '../servers/pm2/daemon.ts';
import { localHome } from '../stack/home.ts';
import { startStack } from '../stack/stack.ts';
import { endWith, runCommand } from '../terminal/command.ts';
import { createReport } from '../terminal/report.ts';

await runCommand(async () => {
  parseArgs(); // it has no options
  endWith('Interrupted. What has started goes on running: npm start brings the rest, npm stop ends it.');
  const started = Date.now();
  const home = localHome();
  const { environment, wasComplete } = await startStack(home, process.env, createReport());
  const url = `http://localhost:${environment.API_GATEWAY_PORT}`;
  const folder = pm2Home(home);
  console.log(`
${wasComplete ? 'Everything was running already.' : `Up in ${((Date.now() - started) / 1000).toFixed(0)} s.`} The gateway: ${url}

  curl ${url}/api/movies
  curl -X POST ${url}/api/movies -H 'Content-Type: application/json' -d '{"title":"Metropolis","description":"1927"}'
  curl -X POST ${url}/api/billing -H 'Content-Type: application/json' -d '{"user_id":"3","number_of_items":"5","total_amount":"180"}'

  npm run seed      fills the catalogue with 3,200 films
  npm run status    what runs, where, since when
  npm run logs      the services' logs
  npm stop          stops everything; the data stays

PM2 has a folder of its own here: PM2_HOME=${/^[\w./-]+$/.test(folder) ? folder : `'${folder}'`} npx pm2 list`);
  return 0;
});
