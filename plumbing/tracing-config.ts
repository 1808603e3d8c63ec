import { z } from 'zod';
import { variable } from './environment.ts';

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const url = z
  .string()
  .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), 'must be a URL such as http://127.0.0.1:4318');

/** `name=value,name=value`, percent-encoded as in a W3C Baggage. */
const pairs = z
  .string()
  .prefault('')
  .transform((text, context) => {
    const entries = text.split(',').filter((entry) => entry.trim() !== '');
    try {
      return Object.fromEntries(entries.map(readPair));
    } catch {
      context.addIssue('must be pairs such as name=value, percent-encoded, with commas between them');
      return z.NEVER;
    }
  });

function readPair(entry: string): [string, string] {
  const [name = '', value] = entry.split(/=(.*)/s).map((part) => decodeURIComponent(part.trim()));
  if (!/^[\x21-\x7e]+$/.test(name) || value === undefined) throw new Error('no pair');
  return [name, value];
}

/**
 * OpenTelemetry's own: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/. Those of each service's `config.ts` too.
 */
export const tracingVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs,
  OTEL_EXPORTER_OTLP_TIMEOUT: variable.milliseconds(10_000),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`).prefault('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0|1|[01]?\.\d{1,15})$/, 'must be a number from 0 to 1, such as 0.05')
    .transform(Number)
    .refine((ratio) => ratio <= 1, 'must be a number from 0 to 1, such as 0.05')
    .prefault('1'),
  OTEL_BSP_SCHEDULE_DELAY: variable.milliseconds(5000),
  OTEL_BSP_EXPORT_TIMEOUT: variable.milliseconds(30_000),
  OTEL_BSP_MAX_QUEUE_SIZE: variable.count(2048),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: variable.count(512),
  OTEL_RESOURCE_ATTRIBUTES: pairs,
  OTEL_SERVICE_NAME: variable.text.optional(),
};

export type TracingConfig = ReturnType<typeof readTracing>;

/** What these variables say for that service. Without a `url` there are no spans. */
export function readTracing(env: z.infer<z.ZodObject<typeof tracingVariables>>, service: string) {
  const attributes: Record<string, string> = env.OTEL_RESOURCE_ATTRIBUTES;
  return {
    url: env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/?$/, '/v1/traces'),
    headers: env.OTEL_EXPORTER_OTLP_HEADERS as Record<string, string>,
    timeout: env.OTEL_EXPORTER_OTLP_TIMEOUT,
    sampler: env.OTEL_TRACES_SAMPLER,
    ratio: env.OTEL_TRACES_SAMPLER_ARG,
    delay: env.OTEL_BSP_SCHEDULE_DELAY,
    exportTimeout: env.OTEL_BSP_EXPORT_TIMEOUT,
    queueSize: env.OTEL_BSP_MAX_QUEUE_SIZE,
    batchSize: Math.min(env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, env.OTEL_BSP_MAX_QUEUE_SIZE),
    resource: { ...attributes, 'service.name': env.OTEL_SERVICE_NAME ?? attributes['service.name'] ?? service },
  };
}
