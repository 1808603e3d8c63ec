/** What a user can do about a file or a folder, by the code of Node's error (errno(3)). */
const advice = {
  EACCES: 'another user owns it or its folder. Run this as that user, or give it back to yours (chown -R).',
  EPERM: 'another user owns it or its folder. Run this as that user, or give it back to yours (chown -R).',
  EROFS: 'the file system is read-only. Put the checkout where you can write.',
  ENOSPC: 'the disk is full. Free some space, and try again.',
  EDQUOT: 'your share of the disk is used up. Free some space, and try again.',
  EMFILE: 'this process has too many files open. Raise the limit (ulimit -n), and try again.',
};

/**
 * One sentence for that error when it is about a file or a folder, else undefined.
 *
 * @param {NodeJS.ErrnoException} error
 * @param {string} [file]
 */
export function fileProblem({ code, syscall, path, message }, file = path) {
  if (!code || !syscall || !(file || code in advice)) return undefined;
  return `${file ?? 'A file'} cannot be used: ${advice[code] ?? message}`;
}

/**
 * What a user is told of an error that is no `Failure`. Of one that nobody thought of, where it comes from: enough for a report, and no stack.
 *
 * @param {NodeJS.ErrnoException} error
 */
export function errorSentence(error) {
  const place = /\(?(?:file:\/\/)?(\/[^()\s]*:\d+):\d+\)?$/m.exec(error.stack ?? '')?.[1];
  return fileProblem(error) ?? `Unexpected: ${error.message ?? error}${place ? ` (at ${place})` : ''}`;
}
