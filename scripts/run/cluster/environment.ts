import { type Environment, homeEnvironment } from '../stack/environment.ts';
import { type Cluster, type Node, PORTS } from './layout.ts';

/** What the services of every node have: `.env`, or what is set in the caller's environment, with this cluster's own passwords. */
export const clusterEnvironment = (home: string): Environment => homeEnvironment(home, process.env);

/** For the services of that node. They know the others' addresses alone. */
export function nodeEnvironment({ nodes }: Cluster, node: Node, environment: Environment): Environment {
  const { address, folder } = node;
  const brokers = [node, ...nodes.filter((other) => other !== node)];
  const primary = String(PORTS.primary);
  return {
    ...environment,
    API_GATEWAY_LISTEN_HOST: address,
    API_GATEWAY_PORT: String(PORTS.gateway),
    INVENTORY_HOST: address,
    INVENTORY_LISTEN_HOST: address,
    INVENTORY_PORT: String(PORTS.inventory),
    BILLING_HOST: address,
    BILLING_METRICS_PORT: String(PORTS.billing),
    METRICS_LISTEN_HOST: address,
    LIVE_PAGE_HISTORY: folder,
    MOVIES_DB_HOST: address,
    MOVIES_DB_PORT: primary,
    MOVIES_DB_READ_HOST: address,
    MOVIES_DB_READ_PORT: String(PORTS.readers),
    // A third of the readers and writers of a single stack: there are three of each.
    MOVIES_DB_CONNECTIONS: '4',
    // While another primary is chosen, whoever writes a film learns of it within two seconds. A statement that has waited for the
    // primary may have less than its time left: then the gateway's limit comes first, with a 504.
    MOVIES_DB_CONNECT_TIMEOUT: '300',
    MOVIES_DB_QUERY_TIMEOUT: '1400',
    MOVIES_DB_HANDOVER_TIMEOUT: '1500',
    INVENTORY_TIMEOUT: '1800',
    GATEWAY_DRAIN_TIME: '1200', // HAProxy looks twice a second
    ORDERS_DB_HOST: address,
    ORDERS_DB_PORT: primary,
    RABBITMQ_HOST: brokers.map((one) => one.address).join(','),
    RABBITMQ_PORT: String(PORTS.rabbitmq),
    CLUSTER_NODES: nodes.map(({ address }) => `${address}:${PORTS.patroni}`).join(','),
  };
}
