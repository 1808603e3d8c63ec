import type { Random } from '../random.ts';

const TOKENS = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  'HTTP/1.0',
  'HTTP/2.0',
  'Content-Length: 5\r\n',
  'Content-Length: -1\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'Host: other\r\n',
  'Expect: 100-continue\r\n',
  'Expect: 200-ok\r\n',
  'Connection: close\r\n',
  'Connection: upgrade\r\nUpgrade: websocket\r\n',
  'http://fuzz/api/movies',
  '*',
  '%00',
  'é',
  '\xff\xfe',
  'ffffffff\r\n',
  '0\r\n\r\n',
  'GET /api/movies HTTP/1.1\r\nHost: x\r\n\r\n',
];

/** One to four changes of bytes, most of them in the header, where they hurt. */
export function mutate(original: Buffer, random: Random): Buffer {
  let bytes = original;
  for (let changes = random.between(1, 4); changes > 0; changes--) bytes = change(bytes, random);
  return bytes;
}

function change(bytes: Buffer, random: Random): Buffer {
  const headEnd = bytes.indexOf('\r\n\r\n');
  const reach = random.fraction() < 0.7 && headEnd > 0 ? headEnd : bytes.length;
  const at = random.between(0, Math.max(0, reach - 1));
  const length = random.between(1, 12);
  const replaced = (cut: number, insert: Buffer) => Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + cut)]);
  return random.pick([
    () => replaced(1, Buffer.from([random.between(0, 255)])),
    () => replaced(length, Buffer.alloc(0)),
    () => replaced(0, bytes.subarray(at, at + length)),
    () => replaced(0, Buffer.from(random.pick(TOKENS), 'latin1')),
    () => replaced(0, Buffer.from(`\r\n${random.pick(TOKENS)}`, 'latin1')),
    () => replaced(length, Buffer.from(random.pick(TOKENS), 'latin1')),
    () => bytes.subarray(0, at),
    () => replaced(0, Buffer.alloc(random.pick([1, 100, 20_000]), random.pick(['a', ' ', '\0', ',']))),
  ])();
}
