import { loadEnvironment } from '@crud-master/plumbing/environment';
import { prismaDatasource, provideSchemaEngine } from '@crud-master/schema-engine/prisma-config';
import { defineConfig } from 'prisma/config';

provideSchemaEngine(process.env);

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // `generate` needs no database, and must not fail because of one.
  ...(process.argv[2] !== 'generate' && {
    datasource: prismaDatasource('MOVIES_DB', loadEnvironment(new URL('../.env', import.meta.url), process.env)),
  }),
});
