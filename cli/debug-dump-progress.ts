import type { DebugDumpPart } from '../contract/debug-dump.ts';
import { formatBytes } from './text-table.ts';

/**
 * Prints the progress of a dump to standard error: one updated line on a terminal, one line per finished part
 * elsewhere.
 */
export class DebugDumpProgressPrinter {
  readonly #terminal = process.stderr.isTTY;
  readonly #reported = new Set<string>();
  #shown = false;

  show(parts: readonly DebugDumpPart[]): void {
    const running = parts.find(({ state }) => state === 'running');
    if (this.#terminal) {
      const done = parts.filter(({ state }) => state === 'done').length;
      const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
      const now = running ? `: ${running.title}, ${running.files} files` : '';
      this.#line(`${done} of ${parts.length} parts, ${formatBytes(bytes)}${now}`);
      return;
    }
    for (const { name, title, state, files, bytes, problems } of parts) {
      if (state !== 'done' || this.#reported.has(name)) continue;
      this.#reported.add(name);
      const missing = problems.length > 0 ? `, ${problems.length} missing` : '';
      process.stderr.write(`${title}: ${files} files, ${formatBytes(bytes)}${missing}\n`);
    }
  }

  /** Prints a permanent line above the progress line. */
  note(text: string): void {
    this.end();
    process.stderr.write(`${text}\n`);
  }

  /** Clears the progress line. */
  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
    this.#shown = false;
  }

  #line(text: string): void {
    process.stderr.write(`\r\x1b[K${text}`);
    this.#shown = true;
  }
}
