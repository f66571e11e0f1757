import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { compileBenchProgram, startInNamespace } from './traffic.ts';

/** A running `bench/command-timer.c`, which executes commands and measures them. */
export class CommandTimer implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#child = startInNamespace({}, [compileBenchProgram('command-timer')]);
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Runs commands one after the other. @returns the total time in milliseconds */
  async run(commands: readonly (readonly string[])[]): Promise<number> {
    this.#child.stdin!.write(`${commands.map((words) => words.join('\t')).join('\t;\t')}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error(`running ${commands.map((words) => words[0]).join(', ')} failed`);
    return Number(line.value);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
