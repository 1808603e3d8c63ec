import { spawn } from 'node:child_process';

interface Outcome {
  status: number;
  output: string;
}

/**
 * Runs Vagrant: the command in VAGRANT, which may have arguments of its own and is read as a shell would, or `vagrant`.
 * `onOutput` sees what it prints, as it comes.
 */
export function vagrant(words: string[], onOutput: (text: string) => void = () => {}): Promise<Outcome> {
  const command = process.env.VAGRANT;
  const child = command
    ? spawn('sh', ['-c', `${command} "$@"`, 'vagrant', ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn('vagrant', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let output = '';
    const collect = (data: Buffer) => {
      const text = String(data);
      output += text;
      onOutput(text);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new Error('There is no `vagrant` here. Install Vagrant, or name its command in the variable VAGRANT.')
          : error,
      ),
    );
    child.on('close', (status, signal) => resolve({ status: status ?? (signal ? 128 : 1), output: output.replaceAll('\r', '') }));
  });
}

/** A command line that does the same when it is typed into a shell. */
export function typed(words: string[]): string {
  const quoted = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
  return words.map(quoted).join(' ');
}
