import { once } from 'node:events';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg, { type Connection } from 'pg';

/*
 * COPY in PostgreSQL's text format, which gives every value back exactly. pg hands what belongs to a COPY to these methods of its
 * query (pg/lib/query.js), where pg-copy-streams, of the same authors, takes it too; its types do not name them.
 */

/** What `@types/pg` leaves out. */
interface CopyConnection extends Connection {
  sendCopyFromChunk(rows: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
}

interface CopyQuery extends pg.Query {
  handleCopyData(message: { chunk: Buffer }, connection: CopyConnection): void;
  handleCopyInResponse(connection: CopyConnection): void;
}

/** Bytes that wait for the disk at most. */
const WAITING = 256 * 1024;

/** Writes what `COPY … TO STDOUT` gives, no faster than the file takes it. Gives the number of rows. The connection is of no use after an error. */
export async function copyOut(client: pg.Client, statement: string, file: Writable): Promise<number> {
  let source: CopyConnection | undefined;
  let count = 0;
  const rows = new Readable({
    highWaterMark: WAITING,
    read: () => source?.stream.resume(),
    destroy(error, done) {
      if (error) source?.stream.destroy(); // else it waits for a reader for ever
      done(error);
    },
  });
  const query = new pg.Query(statement, (error: Error | undefined, result) => {
    if (error) return void rows.destroy(error);
    source?.stream.resume(); // nobody reads on behind the last row
    count = (result as unknown as pg.QueryResult).rowCount!;
    rows.push(null);
  }) as CopyQuery;
  query.handleCopyData = ({ chunk }, connection) => {
    source = connection;
    // A copy: pg uses the memory of its messages again.
    if (!rows.push(Buffer.from(chunk))) connection.stream.pause();
  };
  client.query(query);
  await pipeline(rows, file, { end: false });
  return count;
}

/** Feeds a `COPY … FROM STDIN` with rows, no faster than the server takes them. */
export function copyIn(client: pg.Client, statement: string, rows: AsyncIterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    const query = new pg.Query(statement, (error?: Error) => (error ? reject(error) : resolve())) as CopyQuery;
    query.handleCopyInResponse = (connection) => {
      send(connection, rows).then(
        () => connection.endCopyFrom(),
        (error: Error) => {
          connection.sendCopyFail(error.message);
          reject(error);
        },
      );
    };
    client.query(query);
  });
}

async function send(connection: CopyConnection, rows: AsyncIterable<Buffer>): Promise<void> {
  for await (const portion of rows) {
    connection.sendCopyFromChunk(portion);
    if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
  }
}
