import { randomFillSync } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import { type Field, valuesOf, type WireMessage } from './wire.ts';

/** A request, the answer that the upstream gives to it, and what of them matters for the comparison. */
export interface Pair {
  method: string;
  /** The bytes of the request, with `key` in the field that the upstream knows it by. */
  request(key: string): Buffer;
  answer: Buffer;
  /** The upstream answers, and closes, before it has read the body. */
  early: boolean;
  closes: boolean;
}

const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'DELETE', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'PROPFIND', 'QUERY'];
const SEGMENTS = [
  '',
  '',
  '/',
  '//',
  '/1',
  '/%2F',
  '/%2f..',
  '/.',
  '/..',
  '/%2e%2e/',
  '/a%20b',
  '/%C3%A9',
  '/;v=1',
  "/@:!$&'()*+,=~",
  '/%zz',
  '/%',
];
const QUERIES = [
  '',
  '',
  '?',
  '?title=a',
  '?title=a+b&title=%20',
  '?a=1&a=2&b',
  '??',
  '?q=/../x',
  '?%00',
  '?[]={}|^`"<>\\',
  '?a=%F0%9F%98%80',
  '?=&&',
];
const REQUEST_FIELDS: Field[] = [
  ['Accept', '*/*'],
  ['accept', 'application/json;q=0.5, text/*'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Cookie', 'a=1; b="2"'],
  ['cookie', 'c=3'],
  ['Authorization', 'Bearer abc.def=='],
  ['If-None-Match', 'W/"1", "2"'],
  ['Range', 'bytes=0-'],
  ["X-Odd_Name.1~!#$%&'*+-^`|", 'odd'],
  ['X-Empty', ''],
  ['X-Latin', 'caf\xe9 \xff\x80'],
  ['X-Tab', 'a\tb'],
  ['X-Repeated', 'one'],
  ['x-repeated', 'two'],
  ['X-Repeated', 'one'],
  ['User-Agent', 'pairs/1.0 (generated)'],
  ['Via', '1.0 before'],
  ['X-Forwarded-For', '203.0.113.7'],
  ['x-forwarded-proto', 'https'],
  ['X-Forwarded-Host', 'spoofed.example'],
  ['X-Forwarded-Port', '443'],
  ['Forwarded', 'for=203.0.113.7'],
  ['X-Real-IP', '203.0.113.7'],
  ['X-Request-Id', 'request-1'],
  ['X-Request-Id', 'not a valid one'],
  ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'],
  ['traceparent', 'no trace'],
  ['tracestate', 'vendor=1'],
  ['TE', 'trailers'],
  ['Keep-Alive', 'timeout=5'],
  ['Proxy-Connection', 'keep-alive'],
  ['Proxy-Authorization', 'Basic abc'],
  ['Connection', 'keep-alive, X-Listed'],
  ['Connection', 'x-listed , X-Repeated'],
  ['X-Listed', 'for one connection'],
  ['Origin', 'https://example.org'],
  ['Idempotency-Key', 'key'],
  ['Content-Language', 'de'],
  ['Priority', 'u=1, i'],
];
const RESPONSE_FIELDS: Field[] = [
  ['Content-Type', 'application/json; charset=utf-8'],
  ['content-type', 'text/odd'],
  ['Set-Cookie', 'a=1; Path=/; HttpOnly'],
  ['set-cookie', 'b=2'],
  ['Set-Cookie', 'c=, d'],
  ['ETag', 'W/"x"'],
  ['Last-Modified', 'Mon, 05 Jan 2026 10:00:00 GMT'],
  ['Date', 'Mon, 05 Jan 2026 10:00:00 GMT'],
  ['Server', 'odd/1'],
  ['Vary', '*'],
  ['vary', 'accept'],
  ['Cache-Control', 'no-store, max-age=0'],
  ['Location', '/api/movies/1?a#b'],
  ['WWW-Authenticate', 'Basic realm="x"'],
  ["X-Odd_Name.1~!#$%&'*+-^`|", 'odd'],
  ['X-Empty', ''],
  ['X-Latin', 'caf\xe9 \xff\x80'],
  ['X-Tab', 'a\tb'],
  ['X-Repeated', 'one'],
  ['x-repeated', 'two'],
  ['X-Request-Id', 'from inventory'],
  ['Via', '1.1 inventory'],
  ['Connection', 'X-Listed'],
  ['X-Listed', 'for one connection'],
  ['Keep-Alive', 'timeout=60'],
  ['Proxy-Authenticate', 'Basic'],
  ['Upgrade', 'h2c'],
  ['Retry-After', '1'],
  ['Allow', 'GET, HEAD'],
  ['Content-Disposition', 'attachment; filename="f"'],
  ['Accept-Ranges', 'bytes'],
];
const STATUSES = [
  '200 OK', '200 OK', '200 OK', '200 ', '201 Created', '202 Accepted', '204 No Content', '206 Partial Content', '207 Multi-Status',
  '301 Moved Permanently', '304 Not Modified', '400 Bad Request', '404 Not Found', '409 Conflict', '418 I\'m a teapot',
  '422 Unprocessable Content', '500 Oops', '503 Away', '599 Odd', '299 gr\xc3\xb6\xc3\x9fer',
]; // biome-ignore format: a table
const SIZES = [0, 0, 1, 2, 10, 100, 1000, 4095, 4096, 16_383, 16_385, 65_536, 100_000];

const noise = randomFillSync(Buffer.alloc(200_000));

export function generatePair(random: () => number): Pair {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const some = (list: readonly Field[]) => Array.from({ length: below(7) }, () => pick(list));
  const bytes = () => {
    const size = pick(SIZES) + below(3);
    const start = below(noise.length - size);
    return noise.subarray(start, start + size);
  };
  const chunked = (body: Buffer, trailers: Field[], withExtension: boolean) => {
    const parts: Buffer[] = [];
    for (let at = 0; at < body.length; ) {
      const chunk = body.subarray(at, at + 1 + below(random() < 0.3 ? 20 : 40_000));
      const size = random() < 0.5 ? chunk.length.toString(16) : chunk.length.toString(16).toUpperCase();
      parts.push(latin1(`${size}${withExtension ? ';ext="a"' : ''}\r\n`), chunk, latin1('\r\n'));
      at += chunk.length;
      if (parts.length > 600) {
        const rest = body.subarray(at);
        if (rest.length > 0) parts.push(latin1(`${rest.length.toString(16)}\r\n`), rest, latin1('\r\n'));
        break;
      }
    }
    parts.push(latin1(`0\r\n${lines(trailers)}\r\n`));
    return Buffer.concat(parts);
  };

  const method = pick(METHODS);
  const target = `/api/movies${segments()}${pick(QUERIES)}`;
  const requestFields = some(REQUEST_FIELDS);
  let requestBody: Buffer = Buffer.alloc(0);
  const kind = random();
  if (kind < 0.2) {
    requestBody = bytes();
    requestFields.push(['Content-Length', String(requestBody.length)]);
  } else if (kind < 0.4) {
    const trailers: Field[] = random() < 0.2 ? [['X-Trailer', 'sum']] : [];
    if (trailers.length > 0) requestFields.push(['Trailer', 'X-Trailer']);
    requestFields.push(['Transfer-Encoding', pick(['chunked', 'Chunked'])]);
    requestBody = chunked(bytes(), trailers, random() < 0.1);
  }
  const closes = random() < 0.02;
  if (closes) requestFields.push(['Connection', 'close']);
  const host = pick(['films.example', 'films.example:3000', '127.0.0.1', '[::1]:80']);

  const status = pick(STATUSES);
  const answerFields = some(RESPONSE_FIELDS);
  let answerBody: Buffer = Buffer.alloc(0);
  const early = requestBody.length > 0 && random() < 0.02;
  if (!/^(204|304)/.test(status)) {
    answerBody = bytes();
    const coding = random();
    if (coding < 0.1) {
      answerBody = gzipSync(answerBody, { level: 1 });
      answerFields.push(['Content-Encoding', 'gzip']);
    } else if (coding < 0.15) {
      answerBody = deflateSync(answerBody, { level: 1 });
      answerFields.push(['Content-Encoding', 'deflate']);
    }
    const framing = random();
    if (framing < 0.5) {
      answerFields.push(['Content-Length', String(answerBody.length)]);
    } else {
      const trailers: Field[] = random() < 0.2 ? [['X-Sum', '1'], ['x-sum', '2']] : []; // biome-ignore format: short
      if (random() < 0.1) answerFields.push(['Trailer', 'X-Sum']);
      answerFields.push(['Transfer-Encoding', 'chunked']);
      answerBody = chunked(answerBody, trailers, false);
    }
    if (method === 'HEAD') answerBody = Buffer.alloc(0);
  } else if (status.startsWith('304') && random() < 0.5) {
    answerFields.push(['Content-Length', '1234']);
  }
  if (early) answerFields.push(['Connection', 'close']);

  function segments(): string {
    return Array.from({ length: below(4) }, () => pick(SEGMENTS))
      .join('')
      .replace(/^(?!\/|$)/, '/');
  }

  return {
    method,
    request: (key) =>
      Buffer.concat([
        latin1(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nX-Pair: ${key}\r\n${lines(requestFields)}\r\n`),
        requestBody,
      ]),
    answer: Buffer.concat([latin1(`HTTP/1.1 ${status}\r\n${lines(answerFields)}\r\n`), answerBody]),
    early,
    closes: closes || early,
  };
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const lines = (fields: Field[]) => fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');

interface Seen {
  request: WireMessage;
  answer: WireMessage;
}

/** Fields of one connection: docs/gateway.md, "Left out". */
const CONNECTION_FIELDS = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
];
/** docs/gateway.md, "Replaced". */
const REPLACED = [
  'expect',
  'forwarded',
  'trailer',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
  'traceparent',
];

/** Where the two ways differ other than docs/gateway.md says. */
export function differences(pair: Pair, direct: Seen, through: Seen): string[] {
  const found: string[] = [];
  const compare = (what: string, expected: unknown, actual: unknown) => {
    const [one, other] = [JSON.stringify(expected), JSON.stringify(actual)];
    if (one !== other) found.push(`${what}: expected ${one}, got ${other}`);
  };

  compare('request line', direct.request.start, through.request.start);
  compare('request fields', expectedRequest(direct.request), keyless(through.request.fields.filter(notOwn)));
  found.push(...wrongIds(direct.request.fields, through.request.fields));
  compare('Host', valuesOf(direct.request.fields, 'host'), valuesOf(through.request.fields, 'host'));
  if (!pair.early) {
    if (!direct.request.body.equals(through.request.body)) found.push('request body');
    compare('request trailers', [], through.request.trailers);
    compare('request framing', expectedFraming(direct.request), through.request.framing);
  }

  compare('status line', direct.answer.start, through.answer.start);
  compare('answer fields', expectedAnswer(direct.answer, through.request), through.answer.fields.filter(notConnection));
  compare('answer trailers', direct.answer.trailers, through.answer.trailers);
  if (!direct.answer.body.equals(through.answer.body)) found.push('answer body');
  return found;
}

const notConnection = ([name]: Field) => !CONNECTION_FIELDS.includes(name.toLowerCase());
/** `Host` and `Content-Length` are looked at on their own: they stand elsewhere, in lower case. */
const notFraming = (field: Field) => notConnection(field) && !['host', 'content-length'].includes(field[0].toLowerCase());
const keyless = (fields: Field[]) => fields.map(([name, value]) => (name === 'X-Pair' ? [name, ''] : [name, value]));

function listed(fields: Field[]): string[] {
  return valuesOf(fields, 'connection').flatMap((value) =>
    value
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const notOwn = (field: Field) => notFraming(field) && !['x-request-id', 'traceparent'].includes(field[0].toLowerCase());

/** The client's value, if it sent one that is well-formed. */
function given(fields: Field[], name: string, pattern: RegExp): RegExpExecArray | null {
  const values = valuesOf(fields, name);
  return values.length === 1 ? pattern.exec(values[0]!) : null;
}

function expectedRequest({ fields }: WireMessage): unknown {
  const dropped = listed(fields);
  const continued = given(fields, 'traceparent', TRACEPARENT) !== null;
  const kept = fields.filter((field) => {
    const name = field[0].toLowerCase();
    return notFraming(field) && !REPLACED.includes(name) && !dropped.includes(name) && (name !== 'tracestate' || continued);
  });
  return keyless([
    ...kept,
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-host', valuesOf(fields, 'host')[0]!],
    ['via', '1.1 api-gateway'],
  ]);
}

function wrongIds(sent: Field[], arrived: Field[]): string[] {
  const parent = given(sent, 'traceparent', TRACEPARENT);
  const trace = given(arrived, 'traceparent', TRACEPARENT);
  const requestId = valuesOf(arrived, 'x-request-id').join();
  const expectedId = given(sent, 'x-request-id', /^[\w.-]{1,64}$/)?.[0] ?? trace?.[1];
  const wrong: string[] = [];
  if (!trace || (parent && (trace[1] !== parent[1] || trace[2] === parent[2] || trace[3] !== parent[3])))
    wrong.push('traceparent');
  if (requestId !== expectedId) wrong.push(`x-request-id: ${requestId}`);
  return wrong;
}

/** An empty body is `Content-Length: 0` where the method expects one, and none at all elsewhere. */
function expectedFraming({ start, framing, body }: WireMessage): string {
  if (body.length > 0) return framing;
  return /^(POST|PUT|PATCH|QUERY|PROPFIND) /.test(start) ? 'length' : 'none';
}

function expectedAnswer(answer: WireMessage, request: WireMessage): Field[] {
  const dropped = listed(answer.fields);
  const trailersPossible = answer.framing === 'chunked';
  return [
    ...answer.fields.filter((field) => {
      const name = field[0].toLowerCase();
      if (name === 'x-request-id' || dropped.includes(name)) return false;
      return notConnection(field) && (name !== 'trailer' || trailersPossible);
    }),
    ['X-Request-Id', valuesOf(request.fields, 'x-request-id')[0]!],
  ];
}
