import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { checkout } from '../../run/checkout.mjs';

/** A copy of what Prisma needs of a service, which a test may change. Inside the checkout, where it finds the packages. */
export function copyOfService(app: string): string {
  const folder = join(mkdtempSync(join(inject('services').home, 'copy-')), app);
  mkdirSync(folder);
  for (const part of ['prisma', 'prisma.config.mts', 'package.json']) {
    cpSync(join(checkout, app, part), join(folder, part), { recursive: true });
  }
  return folder;
}
