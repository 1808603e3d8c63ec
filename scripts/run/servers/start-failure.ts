import { statfsSync } from 'node:fs';

/** What RabbitMQ and PostgreSQL write when their files are not what they wrote. */
const DAMAGE =
  /wal_checksum_validation_failure|not_a_dets_file|invalid page in block|incorrect checksum in control file|could not locate a valid checkpoint record|invalid primary checkpoint record|PANIC: .*/i;
const REASON = /(?:FATAL|PANIC): .*|enospc|No space left on device/gi;
/** Bytes below which a full disk is likely to be the reason. */
const LITTLE = 200 * 1024 * 1024;

/** Whether a server's log says that its data are damaged: waiting for it is in vain then. */
export const saysDamaged = (log: string): boolean => DAMAGE.test(log);

/** What is known of a start that failed, to put behind the sentence that says so: from what the log has gained, and from the disk. */
export function reasonsIn(log: string, folder: string): string {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const damage = DAMAGE.exec(log)?.[0];
  const reason = damage ?? log.match(REASON)?.at(-1);
  return [
    ...(reason ? [`; its log says "${reason.trim().slice(0, 200)}"`] : []),
    ...(free < LITTLE ? [`; only ${Math.round(free / 1024 / 1024)} MB of its disk are free`] : []),
    ...(damage
      ? [`; docs/reliability.md tells under "The broker's or the database's disk is damaged" what is lost and how to go on`]
      : []),
  ].join('');
}
