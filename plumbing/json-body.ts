import type { Context, Middleware } from 'koa';
import bodyParser from 'koa-bodyparser';
import { problem } from './problem.ts';

/**
 * Reads a JSON body of at most `limit` bytes (after decompression) into `ctx.request.body`.
 *
 * koa-bodyparser reads, limits and decompresses, and without an encoding hands on the bytes; the parsing is ours, because
 * its own turns broken UTF-8 into U+FFFD, an empty body into `{}`, and answers 500 to deep nesting and to broken gzip.
 * Throws 400 (not JSON), 413 (too large), 415 (not `application/json`, an unknown charset or coding).
 */
export function jsonBody(limit: number): Middleware {
  const options: bodyParser.Options & { encoding: null } = {
    enableTypes: ['text'],
    extendTypes: { text: ['application/json'] },
    encoding: null, // raw-body's way to say: a Buffer
    textLimit: String(limit),
    onerror: (error, ctx) => {
      ctx.req.resume(); // it was paused; the connection would never see the rest, nor its end
      const { status, type } = error as Error & { status?: number; type?: string };
      if (status === 413) throw problem(413, { kind: 'body-too-large', detail: `The body is larger than ${limit} bytes.` });
      if (status === 415)
        throw problem(415, {
          kind: 'unsupported-coding',
          detail: 'This content coding is not supported. Send the body plain, or with gzip, deflate or br.',
        });
      if (type === 'request.aborted')
        throw problem(400, { kind: 'body-incomplete', detail: 'The body ended before it was complete.' });
      throw problem(400, { kind: 'body-unreadable', detail: 'The body could not be read: its length or its coding is wrong.' });
    },
  };
  const read = bodyParser(options);
  return async (ctx, next) => {
    requireJson(ctx);
    ctx.request.body = undefined;
    await read(ctx, async () => {});
    ctx.request.body = parse(ctx.request.rawBody as unknown as Buffer); // a Buffer by `encoding: null`, which its types do not know
    await next();
  };
}

function requireJson(ctx: Context): void {
  const [type, ...parameters] = ctx.get('Content-Type').toLowerCase().split(';');
  const charset = parameters.map((parameter) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1]).find(Boolean);
  if (type?.trim() !== 'application/json' || (charset && charset !== 'utf-8' && charset !== 'utf8')) {
    throw problem(415, {
      kind: 'not-json',
      detail: 'Send a JSON body with the header "Content-Type: application/json", in UTF-8.',
    });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

function parse(bytes: Buffer): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw problem(400, { kind: 'malformed-json', detail: 'The body is not valid UTF-8.' });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'The body is not valid JSON' : 'The body is nested too deeply';
    throw problem(400, { kind: 'malformed-json', detail: `${reason}. Send one JSON object.` });
  }
}
