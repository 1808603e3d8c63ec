import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** RabbitMQ and its Erlang, which are not installed. */
export const rabbitmqPackages = {
  what: 'RabbitMQ',
  packages: ['rabbitmq-server'],
  keep: (name: string, isInstalled: boolean) =>
    /^(erlang-|rabbitmq-server$)/.test(name) || (/^(lib|zlib)/.test(name) && !/^lib(python|perl|pam)/.test(name) && !isInstalled),
  prepare(tree: string) {
    // Its own path is fixed in this script, whatever ERL_ROOTDIR says.
    const erl = join(tree, 'usr/lib/erlang/bin/erl');
    writeFileSync(erl, readFileSync(erl, 'utf8').replace(/ROOTDIR=\/usr\/lib\/erlang$/gm, 'ROOTDIR="$ERL_ROOTDIR"'));
    removeUnusedPlugins(tree);
  },
};

/**
 * Erlang looks for each module in every plugin's folder: without those that the broker does not need (management, MQTT, ...)
 * it starts with two thirds of the processor time.
 */
function removeUnusedPlugins(tree: string): void {
  const files = globSync('usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/*/ebin/*.app', { cwd: tree });
  const plugins = new Map(files.map((file) => [basename(file, '.app'), join(tree, file)]));
  const needed = new Set<string>();
  const pending = ['rabbit', 'rabbitmq_prelaunch'];
  for (let name = pending.pop(); name; name = pending.pop()) {
    const file = plugins.get(name);
    if (!file || needed.has(name)) continue; // Erlang's own, or seen
    needed.add(name);
    const [, applications = ''] = /\{\s*applications\s*,\s*\[([^\]]*)\]/.exec(readFileSync(file, 'utf8')) ?? [];
    pending.push(...(applications.match(/\w+/g) ?? []));
  }
  for (const [name, file] of plugins) {
    if (!needed.has(name)) rmSync(dirname(dirname(file)), { recursive: true });
  }
}
