import { loadEnvironment } from '@crud-master/plumbing/environment';
import { prismaDatasource, provideSchemaEngine } from '@crud-master/plumbing/prisma-engine';
import { defineConfig } from 'prisma/config';

provideSchemaEngine(process.env);

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: prismaDatasource('ORDERS_DB', loadEnvironment(new URL('../.env', import.meta.url), process.env)),
});
