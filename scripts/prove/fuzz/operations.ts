import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { checkout } from '../../run/checkout.mjs';

/** The part of JSON Schema that the document uses, without references. */
export interface Schema {
  type?: string;
  const?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  schema: Schema;
}

/** A method of a path, as docs/openapi.yaml describes it. */
export interface Operation {
  method: string;
  template: string;
  parameters: Parameter[];
  body: Schema | undefined;
}

const METHODS = ['get', 'head', 'post', 'put', 'delete', 'options'];

export function loadOperations(): Operation[] {
  const document = parse(readFileSync(join(checkout, 'docs', 'openapi.yaml'), 'utf8'));

  /** The same without `$ref`. The document has no reference in a circle. */
  function resolve<T>(node: unknown): T {
    if (typeof node !== 'object' || node === null) return node as T;
    if (Array.isArray(node)) return node.map((item) => resolve(item)) as T;
    const { $ref, ...own } = node as Record<string, unknown>;
    const resolved = Object.fromEntries(Object.entries(own).map(([key, value]) => [key, resolve(value)]));
    if (typeof $ref !== 'string') return resolved as T;
    const target = $ref
      .slice(2)
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document);
    return { ...resolve<object>(target), ...resolved } as T;
  }

  return Object.entries<Record<string, unknown>>(document.paths).flatMap(([template, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method] as {
        parameters?: unknown[];
        requestBody?: { content: Record<string, { schema: unknown }> };
      };
      return {
        method: method.toUpperCase(),
        template,
        parameters: resolve<Parameter[]>([...((item.parameters as unknown[]) ?? []), ...(operation.parameters ?? [])]),
        body: operation.requestBody && resolve<Schema>(operation.requestBody.content['application/json']!.schema),
      };
    }),
  );
}
