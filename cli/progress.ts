import type { DumpPart } from '../contract/dump.ts';
import { bytesText } from './table.ts';

/** Progress on standard error: one line that changes on a terminal, elsewhere a line for each part that is done. */
export class Progress {
  readonly #terminal = process.stderr.isTTY;
  readonly #told = new Set<string>();
  #shown = false;

  show(parts: readonly DumpPart[]): void {
    const running = parts.find(({ state }) => state === 'running');
    if (this.#terminal) {
      const done = parts.filter(({ state }) => state === 'done').length;
      const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
      const now = running ? `: ${running.title}, ${running.files} files` : '';
      this.#line(`${done} of ${parts.length} parts, ${bytesText(bytes)}${now}`);
      return;
    }
    for (const { name, title, state, files, bytes, problems } of parts) {
      if (state !== 'done' || this.#told.has(name)) continue;
      this.#told.add(name);
      const missing = problems.length > 0 ? `, ${problems.length} missing` : '';
      process.stderr.write(`${title}: ${files} files, ${bytesText(bytes)}${missing}\n`);
    }
  }

  /** A sentence that stays. */
  note(text: string): void {
    this.end();
    process.stderr.write(`${text}\n`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
    this.#shown = false;
  }

  #line(text: string): void {
    process.stderr.write(`\r\x1b[K${text}`);
    this.#shown = true;
  }
}
