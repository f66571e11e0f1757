import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that sends and receives TCP streams in a namespace, that runs `tcp-stream-process.ts`. Started once: a start takes seconds in an emulated guest. */
export class StreamEnd implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(netns: string) {
    const script = new URL('tcp-stream-process.ts', import.meta.url).pathname;
    this.#child = spawn('nsenter', [`--net=${netns}`, process.execPath, script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  ask(command: string): void {
    this.#child.stdin!.write(`${command}\n`);
  }

  /** The next line that it tells; undefined: it has ended. */
  async answer(): Promise<string | undefined> {
    return (await this.#lines.next()).value as string | undefined;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
