import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** What a script wrote, and the exit status of its last command. */
export interface ShellAnswer {
  output: string;
  errors: string;
  status: number;
}

const end = '\u0001end';

/**
 * A shell that stays in a network namespace and has its own /sys of that namespace: scripts run without a new process
 * that enters it each time.
 */
export class NamespaceShell implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #last: Promise<unknown> = Promise.resolve();

  /** @param netns path of the namespace */
  constructor(netns: string) {
    this.#child = spawn('nsenter', [
      `--net=${netns}`,
      ...['unshare', '--mount', 'sh', '-c', 'mount -t sysfs sysfs /sys && exec sh'],
    ]);
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  /** Runs a script after those that were asked for before. It must not read its standard input. */
  run(script: string): Promise<ShellAnswer> {
    const answer = this.#last.then(() => this.#run(script));
    this.#last = answer.catch(() => {});
    return answer;
  }

  #run(script: string): Promise<ShellAnswer> {
    return new Promise((resolve, reject) => {
      const { stdin, stdout, stderr } = this.#child;
      let output = '';
      let errors = '';
      const finish = (): void => {
        const parts = [output.lastIndexOf(end), errors.lastIndexOf(end)] as const;
        if (parts.some((at) => at < 0) || !output.endsWith('\n') || !errors.endsWith('\n')) return;
        leave();
        const status = Number(output.slice(parts[0] + end.length));
        resolve({ output: output.slice(0, parts[0]), errors: errors.slice(0, parts[1]), status });
      };
      const hearOutput = (chunk: Buffer): void => {
        output += chunk.toString();
        finish();
      };
      const hearErrors = (chunk: Buffer): void => {
        errors += chunk.toString();
        finish();
      };
      const fail = (): void => {
        leave();
        reject(new Error(`the shell ended: ${errors || output}\n${script}`));
      };
      const leave = (): void => {
        stdout.off('data', hearOutput);
        stderr.off('data', hearErrors);
        this.#child.off('close', fail);
      };
      stdout.on('data', hearOutput);
      stderr.on('data', hearErrors);
      this.#child.once('close', fail);
      stdin.write(`${script}\nstatus=$?; printf '${end}%s\\n' $status; printf '${end}\\n' >&2\n`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
