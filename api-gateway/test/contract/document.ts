import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

/** One answer, as a client saw it. */
export interface Answer {
  method: string;
  path: string;
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

interface Reference {
  $ref?: string;
}
interface Header extends Reference {
  required?: boolean;
}
interface Response extends Reference {
  headers?: Record<string, Header>;
  content?: Record<string, unknown>;
}
interface Operation {
  operationId: string;
  responses: Record<string, Response>;
}
type PathItem = Record<string, Operation>;

const DOCUMENT = 'openapi';
const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];

const text = readFileSync(new URL('../../../docs/openapi.yaml', import.meta.url), 'utf8');
const document = parse(text) as { paths: Record<string, PathItem> };
const ajv = new Ajv2020({ allErrors: true, strict: false });
ajv.addSchema(document, DOCUMENT);

/** Every status of every operation, such as `getMovie 404`. */
export function documentedStatuses(): { operation: string; status: number }[] {
  return Object.values(document.paths).flatMap((item) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      return Object.keys(operation.responses).map((status) => ({ operation: operation.operationId, status: Number(status) }));
    }),
  );
}

/** The method and the path template of every operation. */
export function documentedOperations(): { operation: string; method: string; template: string }[] {
  return Object.entries(document.paths).flatMap(([template, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      operation: item[method]!.operationId,
      method: method.toUpperCase(),
      template,
    })),
  );
}

/** Everything in which an answer differs from the document; empty when it is documented. */
export function contradictions({ method, path, status, headers, text }: Answer): string[] {
  const template = templateOf(path);
  if (!template) {
    if (status !== 404) return [`status ${status} at an unknown path`];
    return method === 'HEAD' ? noBodyContradictions(text) : problemContradictions(status, headers, text);
  }

  const item = document.paths[template]!;
  const operation = item[method.toLowerCase()];
  // What another method is answered is documented with OPTIONS.
  const responses = operation?.responses ?? { 405: item.options!.responses['405']! };
  if (!responses[status]) return [`status ${status} is not documented for ${method} ${template}`];

  const { value: response, pointer } = resolve(
    responses[status],
    `/paths/${escapePointer(template)}/${operation ? method.toLowerCase() : 'options'}/responses/${status}`,
  );
  return [
    ...headerContradictions(response, pointer, headers),
    ...(response.content && method !== 'HEAD'
      ? bodyContradictions(response.content, pointer, headers, text)
      : noBodyContradictions(text)),
    ...(status >= 400 && method !== 'HEAD' && !isReport(response.content) ? problemContradictions(status, headers, text) : []),
  ];
}

/** What health says with 503 is no error of the request. */
const isReport = (content: object | undefined) => content !== undefined && 'application/json' in content;

function templateOf(path: string): string | undefined {
  const [withoutQuery] = path.split('?');
  const segments = withoutQuery!.replace(/\/$/, '').split('/');
  return Object.keys(document.paths).find((template) => {
    const expected = template.split('/');
    return (
      expected.length === segments.length &&
      expected.every((part, i) => (part.startsWith('{') ? segments[i] !== '' : part === segments[i]))
    );
  });
}

function headerContradictions(response: Response, pointer: string, headers: Answer['headers']): string[] {
  return Object.entries(response.headers ?? {}).flatMap(([name, given]) => {
    const { value: header, pointer: at } = resolve(given, `${pointer}/headers/${escapePointer(name)}`);
    const value = headers[name.toLowerCase()];
    if (value === undefined) return header.required ? [`no header ${name}`] : [];
    return schemaContradictions(`${at}/schema`, String(value)).map((problem) => `header ${name} ${problem}`);
  });
}

function bodyContradictions(content: object, pointer: string, headers: Answer['headers'], text: string): string[] {
  const type = String(headers['content-type'] ?? '').split(';')[0]!;
  if (!(type in content)) return [`content type "${type}" is not documented`];
  try {
    return schemaContradictions(`${pointer}/content/${escapePointer(type)}/schema`, JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return ['the body is not JSON'];
    throw error;
  }
}

const noBodyContradictions = (text: string) => (text ? ['a body, where none should be'] : []);

/** What no problem may tell a stranger: stack traces, SQL, addresses, where the code is. */
const LEAKS =
  /\bat .+:\d+:\d+|node_modules|\.ts\b|\b(SELECT|INSERT INTO|prisma|P20\d\d)\b|\b\d+\.\d+\.\d+\.\d+\b|ECONN|amqp:|postgres/i;

function problemContradictions(status: number, headers: Answer['headers'], text: string): string[] {
  const type = String(headers['content-type']);
  if (!type.startsWith('application/problem+json')) return [`an error of type "${type}"`];
  const problem = asJson(text);
  if (!problem) return ['the body is not JSON'];
  return [
    ...schemaContradictions('/components/schemas/Problem', problem),
    ...(problem.status === status ? [] : [`problem status ${problem.status} in an answer with status ${status}`]),
    ...(LEAKS.test(text) ? [`a problem that tells too much: ${text}`] : []),
  ];
}

function asJson(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const validators = new Map<string, ValidateFunction>();

function schemaContradictions(pointer: string, value: unknown): string[] {
  const validate = validators.get(pointer) ?? ajv.compile({ $ref: `${DOCUMENT}#${encodeURI(pointer)}` });
  validators.set(pointer, validate);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message }) => `${instancePath} ${message}: ${JSON.stringify(value)?.slice(0, 200)}`,
  );
}

function resolve<T extends Reference>(value: T, pointer: string): { value: T; pointer: string } {
  if (!value.$ref) return { value, pointer };
  const target = value.$ref.slice(1);
  const found = target
    .split('/')
    .slice(1)
    .reduce<unknown>((node, key) => (node as Record<string, unknown>)[unescapePointer(key)], document);
  return resolve(found as T, target);
}

const escapePointer = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');
const unescapePointer = (key: string) => key.replaceAll('~1', '/').replaceAll('~0', '~');
