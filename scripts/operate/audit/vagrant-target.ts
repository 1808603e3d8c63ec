import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import { typed, vagrant } from '../../prove/vm/vagrant.ts';
import { clientsAddress } from '../gateway-url.ts';
import type { Answer, Done, Target } from './target.ts';

const MACHINES = { api_gateway: ['gateway-vm'], inventory_app: ['inventory-vm'], billing_app: ['billing-vm'] };
const NODES = ['node-1-vm', 'node-2-vm', 'node-3-vm'];
const CLUSTER = { api_gateway: NODES, inventory_app: NODES, billing_app: NODES };
const DATABASE = { inventory_app: 'MOVIES_DB_NAME', billing_app: 'ORDERS_DB_NAME' } as const;
const SECONDS_TO_ANSWER = 120;

export function vagrantTarget(env: Record<string, string | undefined>): Target {
  const gateway = process.env.GATEWAY_URL ?? `http://${clientsAddress(env)}:${env.API_GATEWAY_PORT}`;
  const direct = process.env.GATEWAY_URL !== undefined || isOnThisNetwork(clientsAddress(env));
  const machines = env.TOPOLOGY === 'cluster' ? CLUSTER : MACHINES;

  return {
    async running() {
      const { output } = await vagrant(['status']);
      const lines = output.split('\n').filter((line) => Object.values(machines).flat().includes(line.split(/\s/)[0]!));
      const all = lines.length === 3 && lines.every((line) => /\srunning\b/.test(line));
      return { command: 'vagrant status', output: lines.join('\n') || output, all };
    },

    async request(method, path, body): Promise<Answer> {
      const json = body && JSON.stringify(body);
      const curl = ['curl', '-sS', '-X', method, `${gateway}${path}`];
      if (json) curl.push('-H', 'Content-Type: application/json', '-d', json);
      if (direct) {
        const headers = { 'Content-Type': 'application/json' };
        const signal = AbortSignal.timeout(SECONDS_TO_ANSWER * 1000);
        const response = await fetch(gateway + path, { method, body: json, headers: json ? headers : {}, signal });
        return { command: typed(curl), status: response.status, output: await response.text() };
      }
      curl.push('--max-time', String(SECONDS_TO_ANSWER), '-w', '\\n%{http_code}');
      const { command, output } = await ssh(machines.api_gateway[0]!, typed(curl));
      const [, text = output, status = '0'] = /^([\s\S]*?)\n?(\d{3})$/.exec(output) ?? [];
      return { command, status: Number(status), output: text };
    },

    sql(app, statement) {
      const name = env[DATABASE[app]] ?? '';
      return ssh(machines[app][0]!, typed(['sudo', '-i', '-u', 'postgres', 'psql', '-d', name, '-c', statement]));
    },

    async pm2(app, ...words) {
      const done: Done[] = [];
      for (const machine of machines[app]) done.push(await ssh(machine, typed(['sudo', 'pm2', ...words])));
      return { command: done.map(({ command }) => command).join('\n'), output: done.map(({ output }) => output).join('\n') };
    },
  };
}

async function ssh(machine: string, command: string): Promise<Done & { status: number }> {
  const { status, output } = await vagrant(['ssh', machine, '--no-tty', '-c', command]);
  const shown = `vagrant ${typed(['ssh', machine, '-c', command])}`;
  return { command: shown, output: stripVTControlCharacters(output).trim(), status };
}

/**
 * Whether this computer has an interface in the network of that address. Without one, a request would leave for some other
 * private network: then the audit runs curl in the gateway's machine.
 */
function isOnThisNetwork(address: string): boolean {
  if (isIP(address) !== 4) return false;
  const networks = new BlockList();
  for (const { cidr, family } of Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])) {
    const [network, prefix] = cidr?.split('/') ?? [];
    if (family === 'IPv4' && network) networks.addSubnet(network, Number(prefix), 'ipv4');
  }
  return networks.check(address, 'ipv4');
}
