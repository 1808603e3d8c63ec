import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Environment, parseEnvironment, variable } from '@crud-master/plumbing/environment';
import { z } from 'zod';
import { nodePackage } from './node-package.mjs';

/**
 * What the Prisma CLI needs to know of a database: for the `datasource` of a `prisma.config.mts`. SHADOW_DATABASE_NAME names a
 * database of the same role in which the CLI may try migrations: `npm run migrate` sets it.
 */
export function prismaDatasource(prefix: string, environment: Environment): { url: string; shadowDatabaseUrl?: string } {
  const variables = parseEnvironment(
    z.object({
      [`${prefix}_HOST`]: variable.host,
      [`${prefix}_PORT`]: variable.port,
      [`${prefix}_NAME`]: variable.text,
      [`${prefix}_USER`]: variable.text,
      [`${prefix}_PASSWORD`]: variable.text,
    }),
    environment,
  );
  const part = (name: string) => encodeURIComponent(String(variables[`${prefix}_${name}`]));
  const host = String(variables[`${prefix}_HOST`]);
  const authority = `${part('USER')}:${part('PASSWORD')}@${host.includes(':') ? `[${host}]` : host}:${part('PORT')}`;
  const shadow = environment.SHADOW_DATABASE_NAME;
  return {
    url: `postgresql://${authority}/${part('NAME')}`,
    ...(shadow && { shadowDatabaseUrl: `postgresql://${authority}/${encodeURIComponent(shadow)}` }),
  };
}

/**
 * Makes the Prisma CLI work where its engine cannot be downloaded: points it to the engine of this folder,
 * unless a native one is installed or the environment names another. Call it in `prisma.config.mts`,
 * which the CLI loads before it looks for its engine.
 */
export function provideSchemaEngine(environment: Environment): void {
  if (environment.PRISMA_SCHEMA_ENGINE_BINARY || nativeEngineInstalled()) return;
  const here = dirname(realpathSync(fileURLToPath(import.meta.url)));
  const workspaceNode = join(here, `../node_modules/${nodePackage(process.platform, process.arch)}/bin/node`);
  environment.PRISMA_SCHEMA_ENGINE_BINARY = join(here, 'schema-engine');
  // A Node below 22.18 can run the Prisma CLI, but not the engine, which is TypeScript.
  environment.SCHEMA_ENGINE_NODE = process.features.typescript || !existsSync(workspaceNode) ? process.execPath : workspaceNode;
}

function nativeEngineInstalled(): boolean {
  const engines = dirname(createRequire(import.meta.url).resolve('@prisma/engines/package.json'));
  return readdirSync(engines).some((file) => file.startsWith('schema-engine-'));
}
