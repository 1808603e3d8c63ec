import { join } from 'node:path';
import { clusterOf, NEVER_STARTED, wasBegun } from '../run/cluster/layout.ts';
import { clusterControlProgram, operatorEnvironment } from '../run/cluster/operator.ts';
import { type ControlProgram, controlProgram } from '../run/servers/rabbitmq/rabbitmq.ts';
import { type Environment, localEnvironment, savedEnvironment } from '../run/stack/environment.ts';
import { localHome, requireOwner } from '../run/stack/home.ts';
import { Failure } from '../run/terminal/failure.mjs';

/** A stack of this computer as its operators reach it: one of each, or three nodes. */
export interface OperatedStack {
  /** Whether it is three nodes. */
  isCluster: boolean;
  home: string;
  /** What it is called in sentences. */
  title: string;
  /** The command that starts what is down of it, for sentences. */
  starts: string;
  /** What it was started with, with the addresses of what runs now. Rejects with a Failure when it was never started. */
  environment(): Promise<Environment>;
  /** How `rabbitmqctl` is called; undefined when no broker runs. */
  controlProgram(): Promise<ControlProgram | undefined>;
  /** Where its gateway listens. */
  gatewayUrl(): string;
}

/**
 * The stack that a command is meant for, `--cluster` or that of `npm start`, and the other words of its command line. `begins`: whether
 * the command makes three nodes where there are none.
 */
export function chosenStack(words: string[], { begins = false } = {}): { stack: OperatedStack; rest: string[] } {
  const rest = words.filter((word) => word !== '--cluster');
  requireOwner(localHome());
  if (rest.length === words.length) return { stack: singleStack(localHome()), rest };
  const home = join(localHome(), 'cluster');
  if (!begins && !wasBegun(home)) throw new Failure(NEVER_STARTED);
  return { stack: clusterStack(home), rest };
}

export const singleStack = (home: string): OperatedStack => ({
  isCluster: false,
  home,
  title: 'the local stack',
  starts: 'npm start',
  async environment() {
    const environment = savedEnvironment(home);
    if (!environment) throw new Failure('The local stack was never started: npm start starts it.');
    return environment;
  },
  controlProgram: () => controlProgram(home),
  gatewayUrl: () => urlIn(savedEnvironment(home) ?? localEnvironment(process.env)),
});

export const clusterStack = (home: string): OperatedStack => {
  const saved = () => {
    const environment = savedEnvironment(home);
    if (!environment) throw new Failure(NEVER_STARTED);
    return environment;
  };
  return {
    isCluster: true,
    home,
    title: 'all three nodes',
    starts: 'npm run cluster -- start',
    environment: async () => operatorEnvironment(clusterOf(home), saved()),
    controlProgram: () => clusterControlProgram(clusterOf(home)),
    gatewayUrl: () => urlIn(saved()),
  };
};

const urlIn = ({ API_GATEWAY_LISTEN_HOST, API_GATEWAY_PORT }: Environment) =>
  `http://${API_GATEWAY_LISTEN_HOST!.split(',')[0]}:${API_GATEWAY_PORT}`;
