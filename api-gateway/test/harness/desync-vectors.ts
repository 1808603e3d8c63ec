/**
 * Requests that two servers could read differently. `AIM` stands for a target of the vector's own, and `SMUGGLED` for a whole
 * second request that is hidden in it.
 */
interface Vector {
  what: string;
  bytes: string;
  /** The bodies of the requests that inventory may see, all for `AIM`; none: the request is refused or the connection closed. */
  seen: string[];
}

export const AIM = '/api/movies/0000';
const SMUGGLED = `GET ${AIM}/smuggled HTTP/1.1\r\nHost: x\r\nX: `;

const head = (fields: string, method = 'POST') => `${method} ${AIM} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
const chunks = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n0\r\n\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const hex = (text: string) => JSON.stringify(text);

const refused = (what: string, bytes: string): Vector => ({ what, bytes, seen: [] });
const legal = (what: string, bytes: string, ...seen: string[]): Vector => ({ what, bytes, seen });

/** What may stand in `Transfer-Encoding` to hide it from one of two servers. */
const oddCodings = [
  'xchunked', 'chunkedx', 'chunked, identity', 'identity, chunked', 'identity', 'chunked, chunked', 'chunked;q=1', 'chunked;',
  '"chunked"', "'chunked'", 'c\x00hunked', 'chunked\x00', '\x0bchunked', '\x0cchunked', '\x85chunked', '\xa0chunked', 'chunked\x85',
  'chunked\xa0', 'chunked\x0b', 'chunked\x7f', 'gzip, chunked', 'chunked, gzip', 'gzip', 'deflate', 'cow', '', ',', ', chunked', 'chunked,',
  'chu\r\n nked', 'x\r\n chunked', '\r\n chunked', 'chunked chunked', 'chunk', 'cHuNk', '0', 'ch\xc4\xb1nked', 'trailers', 'chunked, cow',
]; // biome-ignore format: a table

/** Spellings of the field name; with true, those that are simply another field. */
const oddNames: [name: string, another?: true][] = [
  ['Transfer-Encoding '], ['Transfer-Encoding\t'], ['Transfer-Encoding\x00'], ['Transfer-Encoding\x0b'], ['Transfer-Encoding\x85'],
  ['Transfer-Encoding\xa0'], ['Transfer Encoding'], ['Transfer\x85Encoding'], ['\x00Transfer-Encoding'], ['X: y\nTransfer-Encoding'],
  ['X: y\rTransfer-Encoding'], ['Transfer-Encoding:'], [':Transfer-Encoding'], ['"Transfer-Encoding"'], ['Transfer-\xd0\x95ncoding'],
  ['Transfer-Encoding\n'], ['Transfer-Encoding\r'], ['(Transfer-Encoding)'], ['Transfer-Encoding,'],
  ['Transfer_Encoding', true], ['Transfer-Encodin', true], ['X-Transfer-Encoding', true], ['Transfer--Encoding', true], ['TransferEncoding', true],
]; // biome-ignore format: a table

const badLengths = [
  '+4', '-4', '-0', '4 4', '4,4', '4, 4', '4, 5', '4;', '0x4', '4.0', '4e0', '', ' ', 'four', '4\x00', '\x004', '4\x0b', '\x0b4', '\x0c4', '4\xa0',
  '\x854', '1_0', '4a', '"4"', '99999999999999999999', '18446744073709551620', '18446744073709551616', '9223372036854775808', '\xd9\xa4', ',4', '4,', '4\r\n 0',
  '4\n0', '4\r0', '= 4', 'NaN', 'Infinity', '4-', '4/2',
]; // biome-ignore format: a table

const badChunkSizes = [
  '0x4', '+4', '-4', ' 4', '4 ', '4\t', '\t4', '', 'g', '4g', '4\x00', '4\x0b', '4\x85', '4 4', '4,', '4.', '"4"', '4:', '10000000000000004', 'FFFFFFFFFFFFFFFF',
  'FFFFFFFFFFFFFFFFF', '8000000000000004', '4\n', '4\r', '4;a\n', '4;a\rb', '4;a\x00b', '4;\x01', '\xef\xbc\x94',
]; // biome-ignore format: a table

const badRequestLines = [
  `GET ${AIM}`, `GET ${AIM} HTTP/0.9`, `GET ${AIM} HTTP/1.2`, `GET ${AIM} HTTP/1.10`, `GET ${AIM} HTTP/01.1`, `GET ${AIM} HTTP/2.0`, `GET ${AIM} HTTP/1,1`,
  `GET ${AIM} http/1.1`, `GET ${AIM} HTTP/1.1 `, `GET ${AIM} HTTP/1.1\t`, `GET ${AIM} HTTP/1.1 HTTP/1.1`, `GET ${AIM} x HTTP/1.1`, `GET ${AIM}\x00 HTTP/1.1`, `GET ${AIM}\x01 HTTP/1.1`,
  `GET ${AIM}\x7f HTTP/1.1`, `GET ${AIM}\tHTTP/1.1`, `GET\t${AIM} HTTP/1.1`, `get ${AIM} HTTP/1.1`, `GE\x00T ${AIM} HTTP/1.1`, `GET\x00 ${AIM} HTTP/1.1`, ` GET ${AIM} HTTP/1.1`,
  `\tGET ${AIM} HTTP/1.1`, `\x00GET ${AIM} HTTP/1.1`, `GET ${AIM} HTTP/1.1\r`, `GET ${AIM} HTTP/1.1\n`, `GET ${AIM}\r HTTP/1.1`, `GET ${AIM}\n HTTP/1.1`, `SMUGGLE ${AIM} HTTP/1.1`, `${AIM} HTTP/1.1`,
  `GET http://x${AIM} HTTP/1.1`, `GET https://x${AIM} HTTP/1.1`, `GET http:${AIM} HTTP/1.1`, `POST http://inventory:8080${AIM} HTTP/1.1`, `GET x${AIM} HTTP/1.1`, `GET * HTTP/1.1`, `OPTIONS * HTTP/1.1`, `CONNECT x:80 HTTP/1.1`,
  `CONNECT ${AIM} HTTP/1.1`, `GET @x${AIM} HTTP/1.1`, `GET ?x HTTP/1.1`, `GET x:80 HTTP/1.1`, `PRI * HTTP/2.0`, `GET file://${AIM} HTTP/1.1`, `HTTP/1.1 200 OK`,
]; // biome-ignore format: a table

const badFields = [
  'No colon', ': no name', ' : blank name', 'X : space', 'X\t: tab', 'X Y: space within', 'X\x00: a', 'X: a\x00b', 'X: a\x01b', 'X: a\x7fb', 'X: a\rb', 'X: a\nb', 'X: a\r\r\nY: b', 'X: a\n\nY: b', 'X\r: a', 'X\n: a', '\x85: a', 'X\x85: a', '[X]: a', 'X(: a',
  'Host: y', 'host: x', 'HOST: z', 'Host : y', 'Host\t: y', 'X: a\nHost: y', 'Content-Length: 0\nX: a', 'Content-Length: 0\r\nContent-Length: 5', 'Content-Length: 0\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: chunked\r\nContent-Length: 0', '@: a', '"X": a', 'X{}: a', 'X/Y: a',
]; // biome-ignore format: a table

const bodies = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH', 'LINK'];

export const vectors: Vector[] = [
  // A length and a coding: RFC 9112, section 6.1.
  refused('CL.TE', `${head(`Content-Length: ${5 + SMUGGLED.length}\r\n${CHUNKED}`)}0\r\n\r\n${SMUGGLED}`),
  refused('TE.CL', `${head(`${CHUNKED}Content-Length: 4\r\n`)}${chunks(SMUGGLED)}`),
  refused('CL.0 with a coding', `${head(`Content-Length: 0\r\n${CHUNKED}`)}${chunks(SMUGGLED)}`),
  refused('TE twice', `${head(`${CHUNKED}${CHUNKED}`)}0\r\n\r\n${SMUGGLED}`),
  refused('TE twice, one odd', `${head(`${CHUNKED}Transfer-Encoding: cow\r\n`)}${chunks(SMUGGLED)}`),
  refused('TE twice, the odd one first', `${head(`Transfer-Encoding: cow\r\n${CHUNKED}`)}${chunks(SMUGGLED)}`),
  refused('TE identity, then chunked', `${head(`Transfer-Encoding: identity\r\n${CHUNKED}`)}${chunks(SMUGGLED)}`),
  ...oddCodings.flatMap((coding) => [
    refused(`CL and TE ${hex(coding)}`, `${head(`Content-Length: 4\r\nTransfer-Encoding:${coding}\r\n`)}${chunks(SMUGGLED)}`),
    refused(`TE ${hex(coding)}`, `${head(`Transfer-Encoding: ${coding}\r\n`)}${chunks(SMUGGLED)}`),
  ]),
  ...oddNames.map(([name, another]) =>
    another
      ? legal(`CL and another field ${name}`, `${head(`Content-Length: 4\r\n${name}: chunked\r\n`)}0\r\n\r`, '0\r\n\r')
      : refused(`CL and ${hex(name)}`, `${head(`Content-Length: 4\r\n${name}: chunked\r\n`)}${chunks(SMUGGLED)}`),
  ),
  refused('TE folded onto another field', `${head(`X: a\r\n ${CHUNKED}Content-Length: 4\r\n`)}${chunks(SMUGGLED)}`),
  refused('TE after a tab', `${head(`X: a\r\n\t${CHUNKED}Content-Length: 4\r\n`)}${chunks(SMUGGLED)}`),
  refused(
    'TE as the first line, folded',
    `POST ${AIM} HTTP/1.1\r\n ${CHUNKED}Host: x\r\nContent-Length: 4\r\n\r\n${chunks(SMUGGLED)}`,
  ),
  refused('TE in HTTP/1.0', `POST ${AIM} HTTP/1.0\r\nHost: x\r\n${CHUNKED}\r\n${chunks(SMUGGLED)}`),
  refused(
    'TE and keep-alive in HTTP/1.0',
    `POST ${AIM} HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n${CHUNKED}\r\n${chunks(SMUGGLED)}`,
  ),
  refused('TE and CL in HTTP/1.0', `POST ${AIM} HTTP/1.0\r\nContent-Length: 4\r\n${CHUNKED}\r\n${chunks(SMUGGLED)}`),

  // Lengths.
  ...badLengths.map((length) => refused(`CL ${hex(length)}`, `${head(`Content-Length:${length}\r\n`)}abcd${SMUGGLED}`)),
  refused('CL twice, different', `${head('Content-Length: 4\r\nContent-Length: 0\r\n')}abcd${SMUGGLED}`),
  refused('CL twice, the same', `${head('Content-Length: 4\r\nContent-Length: 4\r\n')}abcd${SMUGGLED}`),
  refused('CL twice in two spellings', `${head('Content-Length: 4\r\ncontent-length: 0\r\n')}abcd${SMUGGLED}`),
  refused('CL with a space before the colon', `${head('Content-Length : 4\r\n')}abcd${SMUGGLED}`),
  refused('CL with a tab before the colon', `${head('Content-Length\t: 4\r\n')}abcd${SMUGGLED}`),
  refused('CL folded', `${head('X: a\r\n Content-Length: 4\r\n')}abcd${SMUGGLED}`),
  legal('CL with leading zeros', `${head('Content-Length: 0004\r\n')}abcd`, 'abcd'),
  legal('CL with blanks around', `${head('Content-Length: \t 4 \t\r\n')}abcd`, 'abcd'),
  legal('another field, Content_Length', head('Content_Length: 4\r\n'), ''),
  legal('CL named in Connection', `${head('Connection: content-length\r\nContent-Length: 4\r\n')}abcd`, 'abcd'),
  legal('TE named in Connection', `${head(`Connection: transfer-encoding\r\n${CHUNKED}`)}${chunks('abcd')}`, 'abcd'),
  legal('Host named in Connection', head('Connection: host\r\n'), ''),

  // Chunks.
  ...badChunkSizes.map((size) => refused(`chunk size ${hex(size)}`, `${head(CHUNKED)}${size}\r\nabcd\r\n0\r\n\r\n${SMUGGLED}`)),
  refused('a chunk longer than its size', `${head(CHUNKED)}4\r\nabcde\r\n0\r\n\r\n`),
  refused('a chunk shorter than its size', `${head(CHUNKED)}4\r\nabc\r\n0\r\n\r\n${SMUGGLED}`),
  refused('no line end after a chunk', `${head(CHUNKED)}4\r\nabcd0\r\n\r\n`),
  refused('a bare LF after a chunk', `${head(CHUNKED)}4\r\nabcd\n0\r\n\r\n`),
  refused('a bare CR after a chunk', `${head(CHUNKED)}4\r\nabcd\r0\r\n\r\n`),
  refused('two other bytes after a chunk', `${head(CHUNKED)}4\r\nabcdXX0\r\n\r\n`),
  refused('bare LFs at the end', `${head(CHUNKED)}4\r\nabcd\r\n0\n\n`),
  refused('a bare LF at the end', `${head(CHUNKED)}4\r\nabcd\r\n0\r\n\n`),
  refused('a bare LF after the last size', `${head(CHUNKED)}4\r\nabcd\r\n0\n\r\n`),
  refused('a chunk extension of 20 kB', `${head(CHUNKED)}4;${'a'.repeat(20_000)}\r\nabcd\r\n0\r\n\r\n`),
  refused('a trailer without a colon', `${head(CHUNKED)}4\r\nabcd\r\n0\r\nno colon\r\n\r\n`),
  refused('a trailer with a space in its name', `${head(CHUNKED)}4\r\nabcd\r\n0\r\nX Y: z\r\n\r\n`),
  refused('a trailer with NUL', `${head(CHUNKED)}4\r\nabcd\r\n0\r\nX: a\x00\r\n\r\n`),
  refused('trailers of 20 kB', `${head(CHUNKED)}4\r\nabcd\r\n0\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`),
  refused('a negative last chunk', `${head(CHUNKED)}4\r\nabcd\r\n-0\r\n\r\n`),
  refused('a body that never ends', `${head(CHUNKED)}ffffffff\r\n${SMUGGLED}`),
  legal('a chunk extension', `${head(CHUNKED)}4;a=b\r\nabcd\r\n0;c\r\n\r\n`, 'abcd'),
  legal('a quoted chunk extension', `${head(CHUNKED)}4;a="b;c"\r\nabcd\r\n0\r\n\r\n`, 'abcd'),
  legal('a chunk size with leading zeros', `${head(CHUNKED)}0004\r\nabcd\r\n000\r\n\r\n`, 'abcd'),
  legal('trailers that look like framing', `${head(CHUNKED)}4\r\nabcd\r\n0\r\nX: y\r\nX-Content-Length: 5\r\n\r\n`, 'abcd'),
  legal('chunks in a chunk', `${head(CHUNKED)}${chunks(chunks('abcd'))}`, chunks('abcd')),
  legal('CHUNKED', `${head('Transfer-Encoding: CHUNKED\r\n')}${chunks('abcd')}`, 'abcd'),
  legal('chunked with blanks before', `${head('Transfer-Encoding: \t chunked\r\n')}${chunks('abcd')}`, 'abcd'),

  // The request line and the fields.
  ...badRequestLines.map((line) => refused(`request line ${hex(line)}`, `${line}\r\nHost: x\r\n\r\n`)),
  ...badFields.map((field) => refused(`field ${hex(field)}`, head(`${field}\r\n`, 'GET'))),
  refused('no Host', `GET ${AIM} HTTP/1.1\r\n\r\n`),
  ...['[', '[::1', '::1]', '[::1]x', 'a b', 'x/y', 'x@y', 'x:80a', 'x:y', 'x#', '\xe9'].map((host) =>
    refused(`the Host ${host}`, `GET ${AIM} HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
  ),
  refused('a fragment', `GET ${AIM}#/x HTTP/1.1\r\nHost: x\r\n\r\n`),
  refused('a folded Host', `GET ${AIM} HTTP/1.1\r\nHost:\r\n x\r\n\r\n`),
  refused('a folded field', head('X: a\r\n b\r\n', 'GET')),
  refused('a space before the first field', `GET ${AIM} HTTP/1.1\r\n Host: x\r\n\r\n`),
  refused('bare LFs only', `GET ${AIM} HTTP/1.1\nHost: x\n\n`),
  refused('bare CRs only', `GET ${AIM} HTTP/1.1\rHost: x\r\r`),
  refused('a bare LF at the end of the header', `GET ${AIM} HTTP/1.1\r\nHost: x\r\n\n`),
  refused('a bare CR at the end of the header', `GET ${AIM} HTTP/1.1\r\nHost: x\r\n\r${SMUGGLED}`),
  legal('an unknown expectation', head('Expect: 200-ok\r\n', 'GET'), ''),
  legal('empty lines before the request', `\r\n\r\n${head('', 'GET')}`, ''),
  legal('a path that looks like a request', head('', 'GET').replace(AIM, `${AIM}?x=%0d%0aHost:%20y`), ''),
  legal(
    'Upgrade: h2c',
    `${head('Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n', 'GET')}`,
    '',
  ),
  legal('Upgrade: websocket', head('Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n', 'GET'), ''),
  legal('100-continue', `${head('Expect: 100-continue\r\nContent-Length: 4\r\n')}abcd`, 'abcd'),
  legal('X-HTTP-Method-Override', head('X-HTTP-Method-Override: DELETE\r\n', 'GET'), ''),

  // A whole request as a body is a body, whatever the method.
  ...bodies.flatMap((method) => [
    legal(`${method} with a length`, `${head(`Content-Length: ${SMUGGLED.length}\r\n`, method)}${SMUGGLED}`, SMUGGLED),
    legal(`${method} with chunks`, `${head(CHUNKED, method)}${chunks(SMUGGLED)}`, SMUGGLED),
    legal(`${method} with an empty chunked body`, `${head(CHUNKED, method)}0\r\n\r\n`, ''),
  ]),

  // One after the other on one connection.
  legal('two pipelined', head('', 'GET').repeat(2), '', ''),
  legal('two pipelined with bodies', `${head('Content-Length: 4\r\n')}abcd${head(CHUNKED)}${chunks('efgh')}`, 'abcd', 'efgh'),
  legal('ten pipelined', `${head('Content-Length: 2\r\n')}ab`.repeat(10), ...Array(10).fill('ab')),
  legal('what follows "close" is ignored', `${head('Connection: close\r\n', 'GET')}${head('', 'GET')}`, ''),
  legal('a good request, then a bad one', `${head('', 'GET')}BAD\r\n\r\n`, ''),
  legal('a good request, then half of one', `${head('', 'GET')}GET ${AIM}/smuggled HTTP/1.1\r\nHos`, ''),
  legal('a good request in HTTP/1.0, then another', `GET ${AIM} HTTP/1.0\r\n\r\n${head('', 'GET')}`, ''),
];
