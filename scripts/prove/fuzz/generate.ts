import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { createRandom, type Random } from '../random.ts';
import { mutate } from './mutate.ts';
import { CONTENT_TYPES, HEADERS, ODD_METHODS, ODD_SEGMENTS } from './odd-parts.ts';
import type { Operation } from './operations.ts';
import { junk, nearMiss, valid, write } from './values.ts';

export interface Case {
  bytes: Buffer;
  /** Valid HTTP, which has to be answered; undefined for bytes that may be anything. */
  request?: { method: string; path: string };
}

/** The case with this number of this seed. `knownId` is the id of a film that exists, or did a moment ago. */
export function generate(operations: Operation[], seed: string, number: number, knownId: number): Case {
  const random = createRandom(`${seed} ${number}`);
  const request = generateRequest(random.pick(operations), random, knownId);
  if (random.fraction() < 0.35) return { bytes: mutate(request.bytes, random) };
  return request;
}

function generateRequest(operation: Operation, random: Random, knownId: number): Required<Case> {
  const method = random.fraction() < 0.03 ? random.pick(ODD_METHODS) : operation.method;
  const path = generatePath(operation, random, knownId);
  const headers: [string, string][] = [['Host', 'fuzz']];
  for (const [name, values] of HEADERS) if (random.fraction() < 0.06) headers.push([name, random.pick(values)]);

  let body: Buffer = Buffer.alloc(0);
  if (operation.body || random.fraction() < 0.05) {
    body = generateBody(operation, random);
    if (random.fraction() < 0.95) {
      headers.push(['Content-Type', random.fraction() < 0.85 ? 'application/json' : random.pick(CONTENT_TYPES)]);
    }
    if (random.fraction() < 0.12) {
      const [coding, compress] = random.pick([
        ['gzip', gzipSync],
        ['deflate', deflateSync],
        ['br', brotliCompressSync],
        ['gzip', (bytes: Buffer) => bytes],
        ['br', (bytes: Buffer) => gzipSync(bytes).subarray(0, 12)],
        ['compress', (bytes: Buffer) => bytes],
      ] as [string, (bytes: Buffer) => Buffer][]);
      headers.push(['Content-Encoding', coding]);
      body = compress(body);
    }
  }
  let content = body;
  if (body.length > 0 || operation.body) {
    if (random.fraction() < 0.2) {
      headers.push(['Transfer-Encoding', 'chunked']);
      content = chunked(body, random);
    } else headers.push(['Content-Length', String(body.length)]);
  }
  const head = [`${method} ${path} HTTP/1.1`, ...random.shuffle(headers).map(([name, value]) => `${name}: ${value}`)];
  return { bytes: Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'utf8'), content]), request: { method, path } };
}

function generatePath({ template, parameters }: Operation, random: Random, knownId: number): string {
  const query: string[] = [];
  let path = template;
  for (const { name, in: where, schema } of parameters) {
    if (where === 'path') {
      const kind = random.fraction();
      const segment = kind < 0.5 ? String(knownId) : kind < 0.7 ? encode(valid(schema, random)) : random.pick(ODD_SEGMENTS);
      path = path.replace(`{${name}}`, () => segment.replace(/[^\x21-\x7e]/g, encodeURIComponent));
    } else if (where === 'query' && random.fraction() < 0.5) query.push(`${name}=${encode(valid(schema, random))}`);
  }
  if (random.fraction() < 0.04)
    query.push(random.pick(['title=%', 'title=%ff', 'title', '=', '&&', 'title=a&title=b', 'x[]=1', '?']));
  if (random.fraction() < 0.1) path += '/';
  if (random.fraction() < 0.02) path += random.pick(['//', '/x', '/.', ';v=1', '%20']);
  return query.length > 0 ? `${path}?${query.join('&')}` : path;
}

/** As a query or a path can carry it; a lone surrogate, which no encoder takes, as its three bytes. */
function encode(value: unknown): string {
  const text = String(value).slice(0, 2000);
  return text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80';
}

function generateBody({ body }: Operation, random: Random): Buffer {
  const kind = random.fraction();
  if (body && kind < 0.5) return Buffer.from(write(valid(body, random)));
  if (body && kind < 0.85) return Buffer.from(write(nearMiss(body, random)));
  if (kind < 0.95) return Buffer.from(write(junk(random)));
  if (kind < 0.96) return Buffer.alloc(random.between(90_000, 1_200_000), '"x');
  return Buffer.from(Array.from({ length: random.between(0, 60) }, () => random.between(0, 255)));
}

function chunked(body: Buffer, random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const chunk = body.subarray(at, at + random.between(1, Math.max(1, body.length)));
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
    at += chunk.length;
  }
  parts.push(Buffer.from(random.fraction() < 0.2 ? '0\r\nX-Trailer: 1\r\n\r\n' : '0\r\n\r\n'));
  return Buffer.concat(parts);
}
