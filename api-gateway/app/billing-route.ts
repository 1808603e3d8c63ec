import { METHODS } from 'node:http';
import { jsonBody } from '@crud-master/plumbing/json-body';
import { problem } from '@crud-master/plumbing/problem';
import Router from '@koa/router';
import { idempotencyKey, messageId, RecentKeys } from './idempotency.ts';
import { orderErrors } from './order.ts';
import type { PublishOrder } from './publisher.ts';
import type { Trace } from './tracing.ts';

/** Keys whose content a gateway remembers: about 2 MB. */
const RECENT_KEYS = 20_000;

/** `POST /api/billing`: checked, published, and answered 200 once the broker has the message on disk. */
export function billingRouter(publish: PublishOrder, bodyLimit: number): Router {
  const recentKeys = new RecentKeys(RECENT_KEYS);

  // All methods of HTTP are known, so that every wrong one is answered 405.
  const router = new Router({ sensitive: true, methods: METHODS });

  router.post('/api/billing', jsonBody(bodyLimit), async (ctx) => {
    const key = idempotencyKey(ctx.req.headers['idempotency-key']);
    const content = orderContent(ctx.request.body);
    const id = messageId(key);
    ctx.state.messageId = id;
    const send = () => publish({ id, content, trace: ctx.state.trace as Trace });

    await (key === undefined ? send() : recentKeys.publish(id, content, send));
    ctx.body = { message: 'Message posted', message_id: id };
  });

  return router;
}

/** The bytes of the message. Throws 400 for what can never be an order. */
function orderContent(body: unknown): Buffer {
  const errors = orderErrors(body);
  if (errors.length > 0) {
    const detail = errors.map((error) => `${error.field || 'The body'} ${error.detail}`).join('; ');
    throw problem(400, { kind: 'invalid-order', detail: `This is not an order: ${detail}.`, errors });
  }
  try {
    return Buffer.from(JSON.stringify(body));
  } catch {
    throw problem(400, { kind: 'malformed-json', detail: 'The body is nested too deeply. Send one flat JSON object.' });
  }
}
