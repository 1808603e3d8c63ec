import { describe, expect, test } from 'vitest';
import { asJson, isWanted, narrowed, parseLine, readable, readLevel, readSince } from '../log-lines.ts';

const TEXT = '{"level":"warn","time":"2026-11-26T12:00:00.000Z","service":"api_gateway","request_id":"abc","msg":"broker lost"}';

describe('a line', () => {
  test('is wanted by its level, its time and what it names', () => {
    const line = parseLine(TEXT);
    expect(isWanted(line, {})).toBe(true);
    expect(isWanted(line, { level: 'warn', since: Date.parse('2026-11-26T12:00:00Z'), trace: 'abc' })).toBe(true);
    expect(isWanted(line, { level: 'error' })).toBe(false);
    expect(isWanted(line, { since: Date.parse('2026-11-26T12:00:01Z') })).toBe(false);
    expect(isWanted(line, { trace: 'abd' })).toBe(false);
  });

  test('of plain text is wanted whatever the level: it is what Node says when nothing works', () => {
    expect(isWanted(parseLine('SyntaxError: no'), { level: 'fatal' })).toBe(true);
  });

  test('that no service wrote is shown with the service whose log it is in, and moves no cursor either', () => {
    for (const text of ['{"a":1}', 'null', '[1]', '"x"', '{', '3'])
      expect(readable(parseLine(text), 'x', true)).toMatch(new RegExp(` x {19}${text.replace(/\W/g, '\\$&')}$`));
    expect(readable(parseLine('a\x1b[31mb'), 'x', true)).toContain('a\\x1b[31mb');
  });

  test('is readable, and nothing in it moves the cursor', () => {
    expect(readable(parseLine(TEXT), '', false)).toMatch(/^\d\d:\d\d:\d\d api_gateway {3}warn {2}broker lost request_id=abc$/);
    expect(readable(parseLine(TEXT), '', true)).toMatch(/^\x1b\[33m.*\x1b\[0m$/);
    const request = parseLine(
      '{"level":"info","time":"2026-11-26T12:00:00Z","service":"x","method":"GET","path":"/\\u001b[2J","status":200,"ms":1.5}',
    );
    expect(readable(request, '', false)).toMatch(/GET \/\\x1b\[2J 200 1.5 ms$/);
  });

  test('with an error has its stack below it', () => {
    const fault = (err: object) =>
      readable(
        parseLine(JSON.stringify({ level: 'error', time: '2026-11-26T12:00:00Z', service: 'x', err, msg: 'no' })),
        '',
        false,
      );
    expect(fault({ type: 'Error', message: 'boom', stack: 'Error: boom\n    at f (x.ts:1:2)' })).toMatch(
      / error no\n {2}Error: boom\n {6}at f \(x\.ts:1:2\)$/,
    );
    expect(fault({ code: 1 })).toMatch(/ error no err=\{"code":1\}$/);
  });

  test('is one JSON object for programs, whoever wrote it', () => {
    expect(asJson(parseLine(TEXT), 'x')).toBe(TEXT);
    const plain = { ...parseLine('SyntaxError: "no"'), time: Date.parse('2026-11-26T12:00:00Z') };
    expect(JSON.parse(asJson(plain, 'billing_app'))).toEqual({
      level: 'error',
      time: '2026-11-26T12:00:00.000Z',
      service: 'billing_app',
      msg: 'SyntaxError: "no"',
    });
  });
});

test('a line about many orders is narrowed to the one that is asked for', () => {
  const orders = ['one', 'two'].map((id) => ({ request_id: 'r', trace_id: `trace-${id}`, message_id: id }));
  const line = parseLine(JSON.stringify({ time: '2026-11-26T12:00:00Z', msg: 'orders stored', orders }));
  for (const id of ['two', 'trace-two']) {
    const { text, fields } = narrowed(line, id);
    expect(fields!.orders).toEqual([orders[1]]);
    expect(JSON.parse(text)).toEqual(fields);
  }
  expect(narrowed(line, undefined)).toBe(line);
  expect(narrowed(parseLine(TEXT), 'abc').text).toBe(TEXT);
});

test.each([
  ['90s', 90],
  ['10m', 600],
  ['2h', 7200],
  ['1d', 86_400],
])('--since %s is %s seconds ago', (text, seconds) => {
  expect(readSince(text, 1e12)).toBe(1e12 - seconds * 1000);
});

test('--since takes a time, and nothing else', () => {
  expect(readSince('2026-11-26T12:00:00Z')).toBe(Date.parse('2026-11-26T12:00:00Z'));
  expect(() => readSince('10')).toThrow(/^--since takes/); // a year, if one let it
  expect(() => readSince('yesterday')).toThrow(/^--since takes 30s.*"yesterday"/);
  expect(() => readLevel('loud')).toThrow(/^--level takes one of: trace/);
});
