// npm run test:alerts: causes the faults that the alerts are for, and waits until Prometheus says that each fires.
import { runCommand } from '../../run/terminal/command.ts';
import { runProject } from '../tests/project.ts';

await runCommand(async () => runProject('alerts'));
