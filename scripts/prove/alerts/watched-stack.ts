import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { inject } from 'vitest';
import { freePort } from '../../run/servers/ports.ts';
import { endProcess, waitFor } from '../../run/servers/process.ts';
import { Relay } from '../../run/servers/relay.ts';
import { METRICS_PORTS } from '../../run/stack/services.ts';
import { connectGateway, type Gateway } from '../faults/gateway.ts';
import { kill } from '../faults/processes.ts';
import { createTestStack } from '../tests/services.ts';
import { startService } from '../tests/stack.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import { inSeconds, rulesText } from './rules.ts';

export const APPS = ['inventory-app', 'billing-app', 'api-gateway'] as const;
export type App = (typeof APPS)[number];

const PORTS = ['API_GATEWAY_PORT', 'INVENTORY_PORT', ...METRICS_PORTS];

/** The gateway has two, inventory one, billing three; with several nodes the gateway has another. */
const partsOf = ({ CLUSTER_NODES }: Record<string, string>) => (CLUSTER_NODES ? 7 : 6);

/** A stack of a test's own with a relay on each connection that breaks here, and a Prometheus that watches it. */
export interface WatchedStack {
  env: Record<string, string>;
  links: Record<'gateway-broker' | 'gateway-inventory' | 'billing-orders_db', Relay>;
  gateway: Gateway;
  prometheus: Prometheus;
  start(app: App): void;
  kill(app: App): void;
  end(): Promise<void>;
}

/** Its services have the first five free ports from `firstPort` on. `ofGateway`: settings of the gateway alone. */
export async function startWatchedStack(
  name: string,
  firstPort: number,
  settings: Record<string, string> = {},
  ofGateway: Record<string, string> = {},
): Promise<WatchedStack> {
  const first = await freePort(firstPort, PORTS.length);
  const ports = Object.fromEntries(PORTS.map((key, n) => [key, String(first + n)]));
  const env: Record<string, string> = { ...(await createTestStack()), ...ports, ...settings };
  const links = {
    'gateway-broker': await Relay.listen(() => Number(env.RABBITMQ_PORT)),
    'gateway-inventory': await Relay.listen(() => Number(env.INVENTORY_PORT)),
    'billing-orders_db': await Relay.listen(() => Number(env.ORDERS_DB_PORT)),
  };
  const port = (link: keyof typeof links) => String(links[link].port);
  const through: Record<App, Record<string, string>> = {
    'inventory-app': {},
    'billing-app': { ORDERS_DB_PORT: port('billing-orders_db') },
    'api-gateway': { RABBITMQ_PORT: port('gateway-broker'), INVENTORY_PORT: port('gateway-inventory'), ...ofGateway },
  };
  const children = {} as Record<App, ChildProcess>;
  const start = (app: App) => {
    children[app] = startService(app, { ...env, ...through[app] });
  };
  APPS.forEach(start);
  const prometheus = await startPrometheus({
    folder: join(inject('services').home, `prometheus-${name}`),
    jobs: {
      api_gateway: env.API_GATEWAY_METRICS_PORT!,
      inventory_app: env.INVENTORY_METRICS_PORT!,
      billing_app: env.BILLING_METRICS_PORT!,
    },
    rules: inSeconds(rulesText()),
  });
  const gateway = connectGateway(Number(env.API_GATEWAY_PORT));
  const stack: WatchedStack = {
    env,
    links,
    gateway,
    prometheus,
    start,
    kill: (app) => kill(children[app].pid!),
    async end() {
      await gateway.close();
      await Promise.all([prometheus.stop(), ...Object.values(children).map(({ pid }) => endProcess(pid!, 'SIGTERM', 20_000))]);
      await Promise.all(Object.values(links).map((link) => link.close()));
    },
  };
  if (await waitFor(40_000, () => isHealthy(prometheus, partsOf(ofGateway)))) return stack;
  await stack.end();
  throw new Error(`The stack ${name} is not healthy after 40 seconds, as its Prometheus sees it.`);
}

/** All parts work, and no alert fires. */
const isHealthy = async (prometheus: Prometheus, parts: number) =>
  (await prometheus.count('service_part_up == 1')) === parts && (await prometheus.firing()).length === 0;
