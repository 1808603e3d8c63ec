import { REASONS } from '../broker.ts';
import type { BrokerLinks } from '../broker-links.ts';
import type { ClusterNode } from '../config.ts';
import { getAlone } from '../own-connection.ts';
import { lagsOf, readPatroni, type Told, withoutLog } from './patroni.ts';

/** What is seen of a node. Reasons are in words for everybody. */
export interface NodeView {
  name: string;
  /** Why its broker takes no order of this gateway, or nothing. */
  brokerReason: string | undefined;
  /** Whether this gateway's orders go through it. */
  inUse: boolean;
  /** Undefined where nobody is asked. */
  database: DatabaseView | undefined;
}

export interface DatabaseView {
  role?: Told['role'];
  /** Bytes behind the primary. */
  lag?: number | undefined;
  /** Why it is neither primary nor a standby that follows. */
  reason?: string;
}

/** Milliseconds that Patroni may take to tell. One that is frozen tells nothing. */
const PATIENCE = 700;

/** The nodes of a cluster, as this gateway sees them: none where it knows of no others. */
export class ClusterNodes {
  readonly #nodes: ClusterNode[];
  readonly #links: Pick<BrokerLinks, 'nodes'>;

  constructor(nodes: ClusterNode[], links: Pick<BrokerLinks, 'nodes'>) {
    this.#nodes = nodes;
    this.#links = links;
  }

  async look(): Promise<NodeView[]> {
    const told = await Promise.all(this.#nodes.map(({ patroni, name }) => patroni && ask(patroni, name)));
    const answers = told.map((one) => (typeof one === 'object' ? one : undefined));
    const [lags, apart] = [lagsOf(answers), withoutLog(answers)];
    const links = this.#links.nodes;
    return this.#nodes.map(({ name, broker }, i) => {
      const { obstacle, inUse } = links[broker]!;
      return { name, brokerReason: obstacle && REASONS[obstacle], inUse, database: databaseView(told[i], lags[i], apart[i]!) };
    });
  }
}

function databaseView(told: Told | string | undefined, lag: number | undefined, isApart: boolean): DatabaseView | undefined {
  if (told === undefined) return undefined;
  if (typeof told === 'string') return { reason: told };
  if (isApart) return { reason: 'gets no log from the primary', lag };
  return told.role ? { role: told.role, lag } : { reason: `is ${told.state}` };
}

/** What Patroni tells there, or why it does not. */
async function ask({ host, port }: { host: string; port: number }, name: string): Promise<Told | string> {
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    const { body } = await getAlone({ host, port, path: '/patroni', signal });
    return readPatroni(body, name);
  } catch {
    return signal.aborted ? 'does not answer' : 'cannot be reached';
  }
}
