import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { nodePackage } from '../../../schema-engine/node-package.mjs';
import { checkout } from '../checkout.mjs';
import { Failure } from '../terminal/failure.mjs';
import { withoutForeignVariables } from './foreign-variables.mjs';

const modules = join(checkout, 'node_modules');

export const installedNode = join(modules, nodePackage(process.platform, process.arch), 'bin', 'node');

/** The Node of the installation, else the one that runs this when it is new enough. */
export function findNode() {
  if (existsSync(installedNode)) return installedNode;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  throw new Failure(
    `Node ${process.versions.node} cannot run TypeScript, and this project knows no Node on npm for ${process.platform} on ${process.arch}. Install Node 22.18 or newer, and try again.`,
  );
}

/** False for a file that a full disk has cut off, or that was made for another system. */
export const answersVersion = (node) => spawnSync(node, ['--version'], { stdio: 'ignore' }).status === 0;

export function environmentFor(node) {
  const path = [dirname(node), join(modules, '.bin'), process.env.PATH].join(delimiter);
  return { ...withoutForeignVariables(process.env), PATH: path, NODE_BINARY: node };
}
