import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../checkout.mjs';
import { privateHome } from '../servers/private-home.mjs';
import { Failure } from '../terminal/failure.mjs';
import { runChild } from './child.mjs';
import { environmentFor, findNode } from './node-binary.mjs';

/** Workspaces whose client `prisma generate` writes. */
const WORKSPACES = ['inventory-app', 'billing-app'];

export const isGenerated = () => WORKSPACES.every(isCurrent);

/** Writes the clients whose schema, or whose Prisma, is another than when they were written. */
export async function generateClients(include) {
  const node = findNode();
  for (const workspace of WORKSPACES) {
    if (isCurrent(workspace)) continue;
    const started = Date.now();
    const { status, output } = await runChild(node, [join(checkout, 'node_modules/prisma/build/index.js'), 'generate'], {
      cwd: join(checkout, workspace),
      env: { ...environmentFor(node), ...privateHome(), CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' },
      onStart: include,
    });
    if (status !== 0) throw new Failure(`The Prisma client of ${workspace} could not be generated:\n${output.trim()}`);
    mkdirSync(join(checkout, workspace, 'app', 'generated'), { recursive: true });
    writeFileSync(stampOf(workspace), digestOf(workspace));
    console.error(`Prisma client of ${workspace} generated in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }
}

function isCurrent(workspace) {
  try {
    return readFileSync(stampOf(workspace), 'utf8') === digestOf(workspace);
  } catch {
    return false;
  }
}

const stampOf = (workspace) => join(checkout, workspace, 'app', 'generated', '.schema');

function digestOf(workspace) {
  const hash = createHash('sha256');
  for (const file of [join(workspace, 'prisma', 'schema.prisma'), 'package-lock.json'])
    hash.update(readFileSync(join(checkout, file)));
  return hash.digest('hex');
}
