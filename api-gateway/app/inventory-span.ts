import type { Span } from '@crud-master/plumbing/spans';

/** Begins the span of one attempt to ask inventory. */
export type StartInventorySpan = (parent: Span, method: string, target: string, isRepeated: boolean) => Span;

/** For the inventory at `origin`: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span */
export function inventorySpan(origin: string): StartInventorySpan {
  const { hostname, port } = new URL(origin);
  return (parent, method, target, isRepeated) =>
    parent.child('client', method, {
      'http.request.method': method,
      'http.request.resend_count': isRepeated ? 1 : undefined,
      'server.address': hostname,
      'server.port': Number(port || 80),
      'url.full': `${origin}${target}`,
    });
}
