import { METHODS } from 'node:http';
import { accessLog, type Watch } from '@crud-master/plumbing/access-log';
import { besideApi } from '@crud-master/plumbing/beside-api';
import { addHealth, type Health } from '@crud-master/plumbing/health';
import type { Logger } from '@crud-master/plumbing/log';
import { apiRoute } from '@crud-master/plumbing/metrics';
import { brokenAnswers, problems } from '@crud-master/plumbing/problem';
import type { Spans } from '@crud-master/plumbing/spans';
import Router from '@koa/router';
import Koa from 'koa';
import type { Dispatcher } from 'undici';
import { admission } from './admission.ts';
import { billingRouter } from './billing-route.ts';
import type { Config } from './config.ts';
import { cors } from './cors.ts';
import type { Live } from './live/live.ts';
import { livePage } from './live/page.ts';
import { moviesProxy } from './movies-proxy.ts';
import type { PublishOrder } from './publisher.ts';
import { rateLimit } from './rate-limit.ts';
import { referenceRouter } from './reference.ts';
import { tracing } from './tracing.ts';

export interface AppParts {
  log: Logger;
  inventory: Dispatcher;
  publish: PublishOrder;
  health: Health;
  watch: Watch;
  live: Pick<Live, 'feed' | 'billing' | 'hasNodes'>;
  /** Undefined without tracing. */
  spans?: Spans | undefined;
  config: Pick<Config, 'inventory' | 'limits' | 'rateLimit' | 'corsOrigins' | 'livePage'>;
}

export function createApp({ log, inventory, publish, health, watch, live, config, spans }: AppParts): Koa {
  const { limits } = config;
  const billing = billingRouter(publish, limits.orderBytes);
  const probes = addHealth(new Router({ sensitive: true, methods: METHODS }), health);
  const page = livePage(live, config.livePage.audience);
  const app = new Koa();
  app.on('error', brokenAnswers(log));
  app.use(tracing(spans, routeOf));
  app.use(besideApi(probes.routes())); // before the access log and the limits: those who probe are no clients
  app.use(accessLog(log, watch));
  app.use(problems(log));
  app.use(besideApi(page.routes())); // before what lets other origins read, and what limits clients: it has limits of its own
  app.use(cors(config.corsOrigins)); // before what refuses: a page may read that too
  app.use(rateLimit(config.rateLimit));
  app.use(admission(limits.requestsInFlight));
  // Before any body parser: it forwards the bytes as they come.
  app.use(
    moviesProxy(config.inventory.origin, {
      inventory,
      timeout: config.inventory.timeout,
      bodyLimit: limits.bodyBytes,
      log,
    }),
  );
  app.use((ctx, next) => {
    ctx.set('X-Request-Id', ctx.state.requestId); // the answers of inventory got it on their way
    return next();
  });
  app.use(besideApi(probes.allowedMethods()));
  app.use(besideApi(page.allowedMethods()));
  for (const router of [billing, referenceRouter()]) app.use(router.routes()).use(router.allowedMethods());
  return app;
}

/** Below `/api/movies` inventory knows the pattern, and says it in its own span. */
function routeOf({ req }: Koa.Context): string | undefined {
  const route = apiRoute(req.url!);
  return route === 'other' ? undefined : route.replace('{id}', '*');
}
