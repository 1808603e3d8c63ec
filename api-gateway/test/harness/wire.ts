import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export type Field = [name: string, value: string];

/** A message as it stood on the wire; text as latin1, so that one character is one byte. */
export interface WireMessage {
  start: string;
  fields: Field[];
  body: Buffer;
  trailers: Field[];
  /** How the end of the body was marked. */
  framing: 'none' | 'length' | 'chunked' | 'close';
}

/** Reads HTTP/1.1 messages from a socket strictly, byte by byte, sharing no code with what it tests. */
export class Wire {
  readonly socket: Socket;
  #chunks: Buffer[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    socket.on('close', () => this.#end());
    socket.on('end', () => this.#end());
  }

  /** The next request, or undefined when the connection ended before its first byte. */
  async readRequest(onHead?: (head: WireMessage) => boolean | undefined): Promise<WireMessage | undefined> {
    const message = await this.#head();
    if (!message) return undefined;
    message.framing = this.#framing(message) ?? 'none';
    if (onHead?.(message) === false) return message;
    await this.#body(message);
    return message;
  }

  /** The next answer; informational ones are put into `informational`. */
  async readResponse(method: string, informational?: WireMessage[]): Promise<WireMessage> {
    for (;;) {
      const message = await this.#head();
      if (!message) throw new Error('the connection ended before an answer');
      const status = Number(message.start.split(' ')[1]);
      if (status < 200) {
        informational?.push(message);
        continue;
      }
      if (method !== 'HEAD' && status !== 204 && status !== 304) {
        message.framing = this.#framing(message) ?? 'close';
        await this.#body(message);
      }
      return message;
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    return true;
  }

  #joined(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  async #until(delimiter: string): Promise<string | undefined> {
    for (;;) {
      const buffered = this.#joined();
      const end = buffered.indexOf(delimiter);
      if (end >= 0) {
        this.#chunks = [buffered.subarray(end + delimiter.length)];
        return buffered.toString('latin1', 0, end);
      }
      const before = this.#chunks.length;
      if (!(await this.#more()) && this.#chunks.length === before) {
        if (buffered.length > 0)
          throw new Error(`the connection ended within: ${JSON.stringify(buffered.toString('latin1', 0, 200))}`);
        return undefined;
      }
    }
  }

  async #bytes(count: number): Promise<Buffer> {
    let have = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    while (have < count) {
      const before = this.#chunks.length;
      if (!(await this.#more()) && this.#chunks.length === before)
        throw new Error(`the connection ended ${count - have} bytes early`);
      have = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    }
    const buffered = this.#joined();
    this.#chunks = [buffered.subarray(count)];
    return buffered.subarray(0, count);
  }

  async #head(): Promise<WireMessage | undefined> {
    const text = await this.#until('\r\n\r\n');
    if (text === undefined) return undefined;
    const [start = '', ...lines] = text.split('\r\n');
    return { start, fields: lines.map(parseField), body: Buffer.alloc(0), trailers: [], framing: 'none' };
  }

  #framing({ fields }: WireMessage): 'length' | 'chunked' | undefined {
    if (valuesOf(fields, 'transfer-encoding').length > 0) return 'chunked';
    if (valuesOf(fields, 'content-length').length > 0) return 'length';
    return undefined;
  }

  async #body(message: WireMessage): Promise<void> {
    if (message.framing === 'length') {
      message.body = await this.#bytes(Number(valuesOf(message.fields, 'content-length')[0]));
    } else if (message.framing === 'chunked') {
      const chunks: Buffer[] = [];
      for (;;) {
        const line = await this.#until('\r\n');
        if (!/^[0-9a-f]+(;.*)?$/i.test(line ?? '')) throw new Error(`no chunk size: ${JSON.stringify(line)}`);
        const size = Number.parseInt(line!, 16);
        if (size === 0) break;
        chunks.push(Buffer.from(await this.#bytes(size)));
        if ((await this.#until('\r\n')) !== '') throw new Error('a chunk is longer than its size');
      }
      for (let line = await this.#until('\r\n'); line; line = await this.#until('\r\n')) message.trailers.push(parseField(line));
      message.body = Buffer.concat(chunks);
    } else if (message.framing === 'close') {
      while (await this.#more());
      message.body = this.#joined();
      this.#chunks = [];
    }
  }
}

function parseField(line: string): Field {
  const colon = line.indexOf(':');
  if (colon < 1) throw new Error(`no header field: ${JSON.stringify(line)}`);
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
}

/** The values of a field in their order. */
export function valuesOf(fields: Field[], name: string): string[] {
  return fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
}

export async function open(port: number): Promise<Wire> {
  const socket = connect(port, '127.0.0.1');
  const wire = new Wire(socket);
  await once(socket, 'connect');
  return wire;
}

/** Sends `bytes` and collects all that comes back until the connection ends or nothing came for `quiet` milliseconds. */
export async function sendBytes(port: number, bytes: string | Buffer, quiet = 300): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, quiet);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      timer.refresh();
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  socket.destroy();
  return received;
}
