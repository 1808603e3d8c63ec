// npm run test:tour: runs docs/tour.md, its commands and what they show, in a copy of the checkout with a stack of its own.
import { runCommand } from '../../run/terminal/command.ts';
import { runProject } from '../tests/project.ts';

await runCommand(async () => runProject('tour'));
