// npm run rabbitmqctl -- [--cluster] COMMAND [ARGUMENT...]: RabbitMQ's own tool, against the local broker and the project's virtual host
//
// --cluster: against one of the three nodes that runs (docs/cluster.md).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { runCommand } from '../run/terminal/command.ts';
import { Failure } from '../run/terminal/failure.mjs';
import { chosenStack } from './operated-stack.ts';

/** Commands about what is in a virtual host. The others refuse the option. */
const OF_A_VHOST =
  /^(list_(queues|exchanges|bindings|consumers|permissions|policies|operator_policies|parameters|unresponsive_queues)|(purge|delete)_queue|(set|clear)_(policy|operator_policy|parameter|permissions))$/;

await runCommand(async () => {
  const { stack, rest } = chosenStack(process.argv.slice(2));
  const control = await stack.controlProgram();
  if (!control) throw new Failure(`RabbitMQ does not run: ${stack.starts} starts it.`);
  const [command = 'help', ...words] = rest;
  const isNamed = words.some((word) => /^(-p|--vhost)(=|$)/.test(word));
  const vhost = OF_A_VHOST.test(command) && !isNamed ? ['--vhost', (await stack.environment()).RABBITMQ_VHOST!] : [];
  const child = spawn(control.program, [...control.args, command, ...vhost, ...words], { ...control, stdio: 'inherit' });
  const [status] = await once(child, 'close');
  return status ?? 1;
});
