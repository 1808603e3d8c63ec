import { createReadStream } from 'node:fs';
import type pg from 'pg';
import { copyIn } from './copy.ts';
import { openDatabase } from './dump.ts';

const LINE = 10;
const PORTION = 256 * 1024;
/** A line of its own, which no value can be: COPY doubles a backslash. */
const END = Buffer.from('\\.\n');

/** An index that is made after the rows, and the search index above all, costs a tenth of one that grows with them. Those of constraints stay. */
const INDEXES = `
  SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
  FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
  WHERE relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`;

/** Runs a file of `dumpDatabase` in empty tables: all of it or, when that fails, nothing. */
export async function loadDatabase(
  connection: pg.ClientConfig,
  file: string,
  progress: (bytes: number) => void = () => {},
): Promise<void> {
  const client = await openDatabase(connection);
  const dump = openDump(file, progress);
  try {
    await client.query("BEGIN; SET LOCAL maintenance_work_mem = '256MB'");
    const indexes = (await client.query<{ name: string; definition: string }>(INDEXES)).rows;
    for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
    for (let line = await dump.line(); line !== undefined; line = await dump.line()) {
      if (line.startsWith('COPY ')) await copyIn(client, line, dump.rows());
      else await client.query(line);
    }
    for (const { definition } of indexes) await client.query(definition);
    await client.query('COMMIT');
    await client.query('ANALYZE'); // the planner knows nothing of new tables
  } finally {
    dump.close();
    await client.end().catch(() => {});
  }
}

/** The statements of such a file, a line each, and the rows behind each COPY, in portions of whole lines. */
function openDump(file: string, progress: (bytes: number) => void) {
  const stream = createReadStream(file, { highWaterMark: PORTION });
  const portions: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0); // begins where a line begins
  const take = (bytes: number): Buffer => {
    const taken = rest.subarray(0, bytes);
    rest = rest.subarray(bytes);
    return taken;
  };
  /** False at the end of the file. */
  const more = async (): Promise<boolean> => {
    const { value, done } = await portions.next();
    if (done) return false;
    rest = Buffer.concat([rest, value]);
    progress(stream.bytesRead);
    return true;
  };
  return {
    async line(): Promise<string | undefined> {
      while (!rest.includes(LINE)) if (!(await more())) return undefined;
      return take(rest.indexOf(LINE) + 1).toString();
    },
    async *rows(): AsyncGenerator<Buffer> {
      for (;;) {
        const end = endOfRows(rest);
        yield take(end ?? rest.lastIndexOf(LINE) + 1);
        if (end !== undefined) return void take(END.length);
        if (!(await more())) throw new Error(`${file} ends within a table`);
      }
    },
    close: () => stream.destroy(),
  };
}

/** Where the line begins that ends a table, in text that begins where a line begins. */
function endOfRows(text: Buffer): number | undefined {
  if (text.subarray(0, END.length).equals(END)) return 0;
  const before = text.indexOf(`\n${END}`);
  return before < 0 ? undefined : before + 1;
}
