import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Manifest, readBackup, writeManifest } from '../manifest.ts';

const scratch = mkdtempSync(join(tmpdir(), 'backup-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A backup of nothing, which is a whole one. */
async function createBackup(): Promise<string> {
  const folder = mkdtempSync(join(scratch, 'a-'));
  for (const name of ['movies_db.sql', 'orders_db.sql', 'definitions.json']) writeFileSync(join(folder, name), `${name}\n`);
  const dump = { name: 'a_database', migrations: [], rows: {} };
  await writeManifest(folder, { MOVIES_DB: dump, ORDERS_DB: dump }, new Date());
  return folder;
}

function change(folder: string, edit: (manifest: Manifest) => void): void {
  const file = join(folder, 'manifest.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  edit(manifest);
  writeFileSync(file, JSON.stringify(manifest));
}

test('a backup that is whole is read', async () => {
  expect(Object.keys((await readBackup(await createBackup())).files)).toEqual([
    'movies_db.sql',
    'orders_db.sql',
    'definitions.json',
  ]);
});

describe('is refused, before anything is touched:', () => {
  test('a folder that is not there, or is no backup', async () => {
    await expect(readBackup(join(scratch, 'nothing'))).rejects.toThrow(/^There is no folder .*nothing/);
    await expect(readBackup(scratch)).rejects.toThrow(/is no backup: it has no manifest\.json/);
  });

  test.each(['movies_db.sql', 'orders_db.sql', 'definitions.json'])('a damaged or missing %s, by its name', async (name) => {
    const folder = await createBackup();
    appendFileSync(join(folder, name), 'x');
    await expect(readBackup(folder)).rejects.toThrow(`${join(folder, name)} is damaged`);
    rmSync(join(folder, name));
    await expect(readBackup(folder)).rejects.toThrow(`${join(folder, name)} is missing`);
  });

  test.each(['', '{}', 'null', '{"format":1,"databases":{"MOVIES_DB":{}}}'])('a manifest that is %j', async (text) => {
    const folder = await createBackup();
    writeFileSync(join(folder, 'manifest.json'), text);
    await expect(readBackup(folder)).rejects.toThrow(/manifest\.json is damaged/);
  });

  test('one of another format, or of newer code', async () => {
    const folder = await createBackup();
    change(folder, ({ databases }) => databases.ORDERS_DB.migrations.push('20990101000000_of_tomorrow'));
    await expect(readBackup(folder)).rejects.toThrow(/no migration 20990101000000_of_tomorrow of billing-app\. git pull/);
    change(folder, (manifest) => {
      manifest.format = 2;
    });
    await expect(readBackup(folder)).rejects.toThrow(/has format 2, and this checkout reads format 1/);
  });
});
