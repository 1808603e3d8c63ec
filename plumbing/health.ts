import type { Context, Middleware } from 'koa';

/** What a check found: why the part does not work, in words for everybody (no address, no name of a user), or nothing. */
export type Finding = string | undefined;

export interface Part {
  name: string;
  /** Without it the service still does what it is for: a warning, and no more. */
  optional?: true;
  check(signal: AbortSignal): Promise<Finding> | Finding;
  /** Milliseconds that the check may take before the part counts as down and the check is given up (1000). */
  limit?: number;
}

export interface PartState {
  state: 'up' | 'down';
  /** When that state was first seen, in UTC. */
  since: string;
  reason?: string;
}

export interface HealthReport {
  /** `draining`: it still works, and is about to stop. */
  status: 'ok' | 'unavailable' | 'draining';
  parts: Record<string, PartState>;
  /** What is down though the service is ready. */
  warnings?: string[];
}

const CHECK_LIMIT = 1000;
/** Milliseconds for which an answer holds: however many ask, each part is checked so often at most. */
const FRESH = 500;

/** Knows whether the parts that a service stands on work, and since when. */
export class Health {
  readonly #parts: Part[];
  readonly #states = new Map<string, PartState>();
  readonly #started = new Date().toISOString();
  #last: { at: number; report: Promise<HealthReport> } | undefined;
  #draining = false;

  constructor(parts: Part[]) {
    this.#parts = parts;
  }

  /** From now on whoever leads clients here is to lead them elsewhere. */
  drain(): void {
    this.#draining = true;
    this.#last = undefined;
  }

  /** That the process answers at all. */
  alive(): HealthReport {
    return { status: this.#draining ? 'draining' : 'ok', parts: { process: { state: 'up', since: this.#started } } };
  }

  async ready(): Promise<HealthReport> {
    const report = await this.#looked();
    return this.#draining ? { ...report, status: 'draining' } : report;
  }

  #looked(): Promise<HealthReport> {
    const now = performance.now();
    if (!this.#last || now - this.#last.at > FRESH) this.#last = { at: now, report: this.#check() };
    return this.#last.report;
  }

  async #check(): Promise<HealthReport> {
    await Promise.all(this.#parts.map(async (part) => this.#note(part.name, await findingOf(part))));
    const down = this.#parts.filter(({ name }) => this.#states.get(name)!.state === 'down');
    const warnings = down.filter(({ optional }) => optional).map(({ name }) => `${name}: ${this.#states.get(name)!.reason}`);
    return {
      status: down.every(({ optional }) => optional) ? 'ok' : 'unavailable',
      parts: Object.fromEntries(this.#parts.map(({ name }) => [name, this.#states.get(name)!])),
      ...(warnings.length > 0 && { warnings }),
    };
  }

  #note(name: string, reason: Finding): void {
    const state = reason === undefined ? 'up' : 'down';
    const before = this.#states.get(name);
    const since = before?.state === state ? before.since : new Date().toISOString();
    this.#states.set(name, { state, since, ...(reason !== undefined && { reason }) });
  }
}

/** What an error says stays inside: it may name an address. */
function findingOf({ check, limit = CHECK_LIMIT }: Part): Promise<Finding> {
  const given = new AbortController();
  const late = new Promise<Finding>((resolve) =>
    given.signal.addEventListener('abort', () => resolve(`does not answer within ${limit} ms`)),
  );
  const clock = setTimeout(() => given.abort(), limit);
  const checked = Promise.resolve()
    .then(() => check(given.signal))
    .catch(() => (given.signal.aborted ? late : 'cannot be reached'));
  return Promise.race([checked, late]).finally(() => clearTimeout(clock));
}

/** 404 for who is about to stop: HAProxy sends such a one nothing new, and breaks nothing off (`http-check disable-on-404`). */
export const statusOf = ({ status }: HealthReport): number => ({ ok: 200, unavailable: 503, draining: 404 })[status];

/** Adds `GET /livez`, `/readyz`, and `/health`, which is as `/readyz`: 200, 503 where the service cannot do what it is for, or 404. */
export function addHealth<R extends { get(path: string, answer: Middleware): unknown }>(router: R, health: Health): R {
  const send = (ctx: Context, report: HealthReport) => {
    ctx.status = statusOf(report);
    ctx.set({ 'Cache-Control': 'no-store', 'X-Request-Id': ctx.state.requestId });
    ctx.body = report;
  };
  router.get('/livez', (ctx) => send(ctx, health.alive()));
  for (const path of ['/readyz', '/health']) router.get(path, async (ctx) => send(ctx, await health.ready()));
  return router;
}
