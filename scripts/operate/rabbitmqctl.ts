// npm run rabbitmqctl -- COMMAND [ARGUMENT...]: RabbitMQ's own tool, against the local broker and the project's virtual host
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { controlProgram } from '../run/servers/rabbitmq/rabbitmq.ts';
import { savedEnvironment } from '../run/stack/environment.ts';
import { localHome, requireOwner } from '../run/stack/home.ts';
import { runCommand } from '../run/terminal/command.ts';
import { Failure } from '../run/terminal/failure.mjs';

/** Commands about what is in a virtual host. The others refuse the option. */
const OF_A_VHOST =
  /^(list_(queues|exchanges|bindings|consumers|permissions|policies|operator_policies|parameters|unresponsive_queues)|(purge|delete)_queue|(set|clear)_(policy|operator_policy|parameter|permissions))$/;

await runCommand(async () => {
  const home = localHome();
  requireOwner(home);
  const control = await controlProgram(home);
  if (!control) throw new Failure('The local RabbitMQ does not run: npm start starts it.');
  const [command = 'help', ...rest] = process.argv.slice(2);
  const isNamed = rest.some((word) => /^(-p|--vhost)(=|$)/.test(word));
  const vhost = OF_A_VHOST.test(command) && !isNamed ? ['--vhost', savedEnvironment(home)!.RABBITMQ_VHOST!] : [];
  const child = spawn(control.program, [command, ...vhost, ...rest], { ...control, stdio: 'inherit' });
  const [status] = await once(child, 'close');
  return status ?? 1;
});
