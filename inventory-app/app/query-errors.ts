/** A query past Prisma has failed. */
export class DirectQueryError extends Error {
  declare readonly cause: Error & { code?: string };
  constructor(cause: unknown) {
    super((cause as Error).message, { cause });
  }
}

/** PostgreSQL's code of what failed, of Prisma's errors and of those past it. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof DirectQueryError) return error.cause.code;
  return (error as { meta?: { driverAdapterError?: { cause?: { originalCode?: string } } } }).meta?.driverAdapterError?.cause
    ?.originalCode;
}
