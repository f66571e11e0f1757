import { redactLine } from './redact.ts';

/** The agent's last log lines, in memory: the oldest make room. */
export class LogRing {
  readonly #maxBytes: number;
  #lines: string[] = [];
  #bytes = 0;
  #dropped = 0;

  constructor(maxBytes: number = 1 << 20) {
    this.#maxBytes = maxBytes;
  }

  /** Lines that had to go. */
  get evicted(): number {
    return this.#dropped;
  }

  /** Takes a line as pino writes it, with its line feed. */
  write(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    if (this.#bytes <= this.#maxBytes) return;
    let gone = 0;
    // Down to three quarters, so that not every further line moves the others.
    while (this.#bytes > this.#maxBytes * 0.75) this.#bytes -= this.#lines[gone++]!.length;
    this.#lines = this.#lines.slice(gone);
    this.#dropped += gone;
  }

  /** All that is kept, without what looks like a secret. */
  text(): string {
    return this.#lines.map((line) => `${redactLine(line.trimEnd())}\n`).join('');
  }
}
