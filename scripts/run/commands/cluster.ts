/**
 * Three equal nodes on this computer (docs/cluster.md):
 *
 *     npm run cluster -- start | restart | stop | status | kill NODE | freeze NODE | cut NODE [NODE] [--one-way] | heal
 *
 *     start        brings up what is down
 *     restart      restarts everything, one node after the other
 *     stop         ends all of it; the data stays
 *     status       what runs, who leads, who lags, and what one more failure would mean. 0 when nothing is missing, else 1
 *     kill NODE    ends every process of that node at once, as a power cut would
 *     freeze NODE  stops every process of that node: it is there and does nothing
 *     cut NODE     cuts its cables: what it sends gets lost, and what is sent to it. To one other node only with a second NODE;
 *                  with --one-way only what the first sends gets lost. Needs root, see docs/cluster.md
 *     heal         the same as start: brings back what was killed, frozen or cut, with the settings of what runs
 *
 * NODE: node-1, node-2 or node-3.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lagsOf, withoutLog } from '../../../api-gateway/app/live/patroni.ts';
import { databaseText } from '../../../api-gateway/page/words.js';
import { alarmsAt, incompleteQueues } from '../cluster/brokers.ts';
import { portFor } from '../cluster/clients-port.ts';
import { clusterEnvironment } from '../cluster/environment.ts';
import { type Cluster, clusterOf, NAMES, NEVER_STARTED, nodeNamed, wasBegun } from '../cluster/layout.ts';
import { cut, cutsOf } from '../cluster/network.ts';
import { freezeNode, killNode, processesOf } from '../cluster/processes.ts';
import { alone } from '../cluster/refill.ts';
import { restartNodes } from '../cluster/rolling.ts';
import { SERVICES, startCluster } from '../cluster/start.ts';
import { clientsAnswered, type NodeState, redundancy, stateOf } from '../cluster/state.ts';
import { stopCluster } from '../cluster/stop.ts';
import { appPids } from '../servers/pm2/apps.ts';
import { findDaemon } from '../servers/pm2/daemon.ts';
import { findRabbitmq } from '../servers/rabbitmq/installation.ts';
import { type Environment, savedEnvironment } from '../stack/environment.ts';
import { localHome, requireOwner } from '../stack/home.ts';
import { endWith, runCommand } from '../terminal/command.ts';
import { Failure } from '../terminal/failure.mjs';
import { createReport } from '../terminal/report.ts';
import { textTable } from '../terminal/table.ts';

const report = createReport();

interface Options {
  other: string | undefined;
  'one-way': boolean;
}

const actions: Record<string, (cluster: Cluster, name: string | undefined, options: Options) => Promise<number | undefined>> = {
  start: (cluster) => bringUp(cluster),
  heal: (cluster) => bringUp(cluster),
  async restart(cluster) {
    endWith('Interrupted. A node may be down: npm run cluster -- start brings it up.');
    if (!findDaemon(cluster.home)) throw new Failure('Nothing is running: npm run cluster -- start starts it.');
    const environment = clusterEnvironment(cluster.home);
    await restartNodes(cluster, environment, await portFor(cluster, environment), report);
    return 0;
  },
  async stop(cluster) {
    endWith('Interrupted. Something may still run: npm run cluster -- stop ends the rest.');
    const ran = await stopCluster(cluster, report);
    console.log(ran ? 'Stopped. The data stays: npm run cluster -- start goes on with it.' : 'Nothing was running.');
    return 0;
  },
  status: showStatus,
  async kill(cluster, name) {
    const node = nodeNamed(cluster, name);
    const count = processesOf(node).length;
    await killNode(node);
    console.log(`${node.name}: ${count} processes ended. npm run cluster -- heal brings them back.`);
    return 0;
  },
  async freeze(cluster, name) {
    const node = nodeNamed(cluster, name);
    freezeNode(node);
    console.log(`${node.name}: ${processesOf(node).length} processes are frozen. npm run cluster -- heal lets them go on.`);
    return 0;
  },
  async cut(cluster, name, { other, 'one-way': oneWay }) {
    await cut(cluster, nodeNamed(cluster, name), other ? nodeNamed(cluster, other) : undefined, oneWay);
    console.log(`Lost is what is sent from ${(await cutsOf(cluster)).join(', ')}. npm run cluster -- heal mends it.`);
    return 0;
  },
};

await runCommand(async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'one-way': { type: 'boolean', default: false } },
  });
  const [action = 'status', name, other] = positionals;
  const options = { other, ...values };
  const act = Object.hasOwn(actions, action) && actions[action];
  if (!act) throw new Failure(`npm run cluster -- ${Object.keys(actions).join(' | ')}: there is no "${action}".`);
  const home = localHome();
  requireOwner(home);
  const folder = join(home, 'cluster');
  // Whose folder was deleted may run all the same, and can be stopped.
  const runs = [folder, ...NAMES.map((node) => join(folder, node))].some((one) => processesOf({ folder: one }).length > 0);
  if (!['start', 'heal'].includes(action) && !wasBegun(folder) && !(action === 'stop' && runs)) {
    console.log(NEVER_STARTED);
    return action === 'stop' ? 0 : 1;
  }
  const perform = () => act(clusterOf(folder), name, options);
  return ['start', 'restart', 'stop', 'heal'].includes(action) ? alone(folder, report, perform) : perform();
});

async function bringUp(cluster: Cluster): Promise<number> {
  endWith(
    'Interrupted. What has started goes on running: npm run cluster -- start brings the rest, npm run cluster -- stop ends it.',
  );
  const began = Date.now();
  const environment = environmentFor(cluster);
  const port = await portFor(cluster, environment);
  await startCluster(cluster, environment, port, report);
  const url = `http://localhost:${port}`;
  console.log(`
Three nodes, up in ${((Date.now() - began) / 1000).toFixed(0)} s. The clients' address: ${url}

  curl ${url}/api/movies
  curl -X POST ${url}/api/billing -H 'Content-Type: application/json' -d '{"user_id":"3","number_of_items":"5","total_amount":"180"}'

  npm run cluster -- status         what runs, and who leads
  npm run cluster -- kill node-1    as a power cut would; then the two lines above again
  npm run cluster -- heal           brings it back
  npm run cluster -- stop           ends everything; the data stays`);
  return 0;
}

/** What is brought back has the settings of the services that run beside it: one password, one name of a database. */
function environmentFor({ home, nodes }: Cluster): Environment {
  const present = clusterEnvironment(home);
  const running = nodes.some(({ folder }) => SERVICES.some((name) => appPids(folder, name).length > 0));
  const saved = running ? savedEnvironment(home) : undefined;
  if (!saved) return present;
  const names = new Set([...Object.keys(present), ...Object.keys(saved)]);
  names.delete('API_GATEWAY_PORT'); // the clients' address stays
  const changed = [...names].filter((name) => present[name] !== saved[name]).join(', ');
  if (changed)
    report.note(`Not taken over, while services run without it: ${changed}. npm run cluster -- restart does, or stop and start`);
  return saved;
}

async function showStatus(cluster: Cluster): Promise<number> {
  const states = await Promise.all(cluster.nodes.map(stateOf));
  const told = states.map(({ postgres }) => postgres);
  const [lags, apart] = [lagsOf(told), withoutLog(told)];
  const mark = (works: boolean) => (works ? 'up' : 'down');
  console.log(
    textTable([
      ['', 'address', 'etcd', 'PostgreSQL', 'RabbitMQ', 'HAProxy', 'api_gateway', 'inventory_app', 'billing_app'],
      ...cluster.nodes.map(({ name, address }, i) => {
        const { etcd, postgres, rabbitmq, haproxy, gateway, takesOrders, inventory, billing } = states[i]!;
        return [
          name,
          address,
          mark(etcd),
          databaseText({ role: apart[i] ? `${postgres!.role} that gets no log` : postgres?.role, lag: lags[i] }),
          mark(rabbitmq),
          mark(haproxy),
          gateway || !takesOrders ? mark(gateway) : 'orders only',
          mark(inventory),
          mark(billing),
        ];
      }),
    ]),
  );
  const [clients, cuts, brokers] = await Promise.all([clientsAnswered(cluster), cutsOf(cluster), brokersSay(cluster, states)]);
  const { sentences, isWhole } = redundancy(states, { clients, cuts, ...brokers });
  const { incomplete } = brokers;
  if (incomplete && states.every(({ rabbitmq }) => rabbitmq)) sentences.push(incomplete);
  if (cuts.length > 0) sentences.push(`Lost is what is sent from ${cuts.join(', ')}.`);
  console.log(`\n${sentences.join('\n')}`);
  return isWhole && !incomplete ? 0 : 1;
}

interface BrokersSaid {
  alarms: string[];
  copies?: number | null | undefined;
  /** A sentence, where not every queue has all copies. */
  incomplete?: string | undefined;
}

/** What cannot be seen from outside. */
async function brokersSay(cluster: Cluster, states: NodeState[]): Promise<BrokersSaid> {
  const node = cluster.nodes[states.findIndex(({ rabbitmq, etcd }) => rabbitmq && etcd)]; // a frozen one takes connections, too
  if (!node) return { alarms: [], copies: null };
  const rabbitmq = await findRabbitmq();
  const [alarms, queues] = await Promise.all([
    alarmsAt(cluster, node, rabbitmq).catch(() => []),
    incompleteQueues(cluster, node, rabbitmq).catch(() => undefined),
  ]);
  if (!queues) return { alarms, copies: null };
  const names = queues.map(({ name, copies }) => `${name} (${copies} of ${cluster.nodes.length})`);
  return {
    alarms,
    copies: queues.find(({ name }) => name === clusterEnvironment(cluster.home).BILLING_QUEUE)?.copies,
    incomplete: names.length > 0 ? `Not all copies work of ${names.join(', ')}.` : undefined,
  };
}
