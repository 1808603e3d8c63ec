import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context } from 'koa';

const compress = promisify(gzip);

export interface Asset {
  path: string | URL;
  type: string;
}

interface Loaded {
  plain: Buffer;
  compressed: Buffer;
  etag: string;
}

/** Files of pages, by name; nothing else is served. Each is read and compressed when somebody first asks for it. */
export class Assets {
  readonly #files: Record<string, Asset>;
  readonly #loaded = new Map<string, Promise<Loaded>>();

  constructor(files: Record<string, Asset>) {
    this.#files = files;
  }

  /** Answers with that file, or not at all where there is none of that name. */
  async answer(ctx: Context, name: string): Promise<boolean> {
    if (!Object.hasOwn(this.#files, name)) return false;
    const { type } = this.#files[name]!;
    const { plain, compressed, etag } = await this.#load(name);
    ctx.set({ ETag: etag, Vary: 'Accept-Encoding', 'Cache-Control': 'no-cache', 'X-Content-Type-Options': 'nosniff' });
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return true;
    }
    const encoding = ctx.acceptsEncodings('gzip', 'identity');
    if (encoding === 'gzip') ctx.set('Content-Encoding', 'gzip');
    ctx.set('Content-Type', type);
    ctx.body = encoding === 'gzip' ? compressed : plain;
    return true;
  }

  #load(name: string): Promise<Loaded> {
    let loaded = this.#loaded.get(name);
    if (!loaded) {
      loaded = load(this.#files[name]!.path);
      this.#loaded.set(name, loaded);
      loaded.catch(() => this.#loaded.delete(name));
    }
    return loaded;
  }
}

async function load(path: string | URL): Promise<Loaded> {
  const plain = await readFile(path);
  const compressed = await compress(plain);
  return { plain, compressed, etag: `W/"${createHash('sha256').update(plain).digest('base64url').slice(0, 16)}"` };
}
