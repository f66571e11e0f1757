import { redactLine } from './redact.ts';

/** Buffer of the agent's last log lines; when it is full, the oldest lines are evicted. */
export class LogLineRing {
  readonly #maxBytes: number;
  #lines: string[] = [];
  #bytes = 0;
  #dropped = 0;

  constructor(maxBytes: number = 1 << 20) {
    this.#maxBytes = maxBytes;
  }

  /** Number of log lines evicted from the buffer. */
  get evicted(): number {
    return this.#dropped;
  }

  /** Adds a log line as pino writes it, including the line feed. */
  write(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    if (this.#bytes <= this.#maxBytes) return;
    let gone = 0;
    // Evicts down to three quarters, so that not every new line copies the array.
    while (this.#bytes > this.#maxBytes * 0.75 && gone < this.#lines.length)
      this.#bytes -= this.#lines[gone++]?.length ?? 0;
    this.#lines = this.#lines.slice(gone);
    this.#dropped += gone;
  }

  /** Returns all log lines in the buffer, with likely secrets redacted. */
  text(): string {
    return this.#lines.map((line) => `${redactLine(line.trimEnd())}\n`).join('');
  }
}
