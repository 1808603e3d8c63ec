// Parts of requests, ordinary and odd, from which cases are made.

export const CONTENT_TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'APPLICATION/JSON;charset="UTF-8"',
  'application/json; charset=latin1',
  'application/problem+json',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json, text/html',
  '/',
  ';',
];

export const HEADERS: [name: string, values: string[]][] = [
  ['Idempotency-Key', ['a-key', '"quoted"', '', ' ', 'x'.repeat(255), 'x'.repeat(256), 'é', 'a, b', 'key-2', '"']],
  ['X-Request-Id', ['checkout-42', 'x'.repeat(64), 'x'.repeat(65), 'with space', '../../etc', '<x>']],
  [
    'traceparent',
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-0-0-0', 'x', `ff-${'0'.repeat(32)}-${'0'.repeat(16)}-00`],
  ],
  ['X-Forwarded-For', ['1.2.3.4', 'unknown, 1.1.1.1', '"[::1]:80"']],
  ['Forwarded', ['for=1.2.3.4;proto=https', 'for="']],
  ['Connection', ['close', 'keep-alive', 'Content-Type', 'X-Request-Id, close', ',', 'upgrade']],
  ['Upgrade', ['websocket', 'h2c', 'TLS/1.0']],
  ['TE', ['trailers', 'gzip;q=1', 'x']],
  ['Accept', ['text/html', '*/*', 'application/json;q=0', '!']],
  ['Accept-Encoding', ['gzip, br', 'identity;q=0', '*;q=0']],
  ['Range', ['bytes=0-1', 'bytes=9-1,x']],
  ['If-None-Match', ['*', '"x"']],
  ['Cookie', ['a=b', '='.repeat(500)]],
  ['X-Long', ['y'.repeat(4000)]],
  ['Max-Forwards', ['0', '-1']],
  ['Cache-Control', ['only-if-cached']],
  ['X-HTTP-Method-Override', ['DELETE', 'TRACE']],
];

export const ODD_METHODS = ['PATCH', 'TRACE', 'PROPFIND', 'PURGE', 'LINK', 'SEARCH', 'QUERY'];
export const ODD_SEGMENTS = [
  '..',
  '.',
  '%2e%2e',
  '%2F',
  '%00',
  '%',
  '%zz',
  'é',
  "'",
  '0',
  '-1',
  '01',
  '1.0',
  '1e3',
  '2147483648',
  'NaN',
  'x'.repeat(3000),
];
