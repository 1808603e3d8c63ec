import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';

/** A reader's terminal: what one block of commands has set, the next one knows. */
export class Shell {
  readonly #bash: ChildProcess;
  #output = '';
  #arrived = () => {};

  constructor(folder: string, env: Record<string, string | undefined>) {
    this.#bash = spawn('bash', { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#bash.stdout!.setEncoding('utf8').on('data', (text) => {
      this.#output += text;
      this.#arrived();
    });
    this.#bash.on('close', () => this.#arrived());
    this.#bash.stdin!.on('error', () => {}); // it has ended: `run` says so
  }

  /** Gives what the commands print, on both outputs. */
  async run(commands: string): Promise<string> {
    const end = `${randomUUID()}\n`;
    this.#output = '';
    this.#bash.stdin!.write(`{\n${commands}\n} 2>&1 </dev/null; echo ${end}`);
    while (!this.#output.endsWith(end)) {
      if (this.#bash.exitCode !== null) throw new Error(`The shell has ended in:\n${commands}\n${this.#output}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#arrived = resolve;
      await promise;
    }
    return this.#output.slice(0, -end.length).replaceAll('\r', '');
  }

  close(): void {
    this.#bash.stdin!.end();
  }
}
