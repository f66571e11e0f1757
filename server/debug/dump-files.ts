import { createHash } from 'node:crypto';
import type { DebugDumpFile, DebugDumpPart, DebugDumpPartName } from '../../contract/debug-dump.ts';
import { requireValue } from '../../contract/require-value.ts';
import type { DebugDumpArchive } from './dump-archive.ts';
import { redactSecrets } from './redact.ts';

/** Path and title of a file in the dump archive, and the shell command with the same output. */
export interface DebugDumpFileDescription {
  /** Path of the file below the archive's top-level folder. */
  path: string;
  title: string;
  command: string;
  /** The pod, as namespace.name, whose network namespace the file describes. */
  pod?: string;
}

export interface DebugDumpFileContent {
  bytes: Buffer;
  /** Reason why the file is incomplete; null if it is complete. */
  problem: string | null;
}

/** Maximum size of a single file of a dump in bytes. */
export const maxDebugDumpFileSize = 16 << 20;
/** Maximum number of problems reported in the progress of a dump part; the manifest lists all. */
const maxReportedProblems = 50;
/** Size in bytes reserved for the manifest and index page, in addition to their entry for each file. */
const reservedBytes = 128 << 10;

const titles: Record<DebugDumpPartName, string> = {
  kernel: 'Kernel and probes',
  network: 'Host network',
  pods: 'Pod networks',
  programs: 'eBPF programs and links',
  maps: 'eBPF maps',
  statistics: 'Statistics',
  agent: 'Agent',
  log: 'Agent log',
};

/**
 * Adds the files of a dump to the archive, records them for the manifest, and keeps their total size within `maxBytes`.
 * Failures are recorded, and the dump continues.
 */
export class DebugDumpFiles {
  readonly parts: DebugDumpPart[];
  readonly files: DebugDumpFile[] = [];
  readonly signal: AbortSignal;
  readonly #archive: DebugDumpArchive;
  readonly #secrets: readonly string[];
  readonly #progress: () => void;
  #left: number;
  #part: DebugDumpPart | null = null;
  #omitted = 0;
  #unreported = 0;
  readonly #noted = new Set<string>();

  constructor(options: {
    archive: DebugDumpArchive;
    parts: readonly DebugDumpPartName[];
    maxBytes: number;
    /** Secrets that are redacted in all files of the dump. */
    secrets: readonly string[];
    signal: AbortSignal;
    onProgress: () => void;
  }) {
    this.#archive = options.archive;
    this.#secrets = options.secrets.filter((secret) => secret !== '');
    this.#progress = options.onProgress;
    this.#left = options.maxBytes - reservedBytes;
    this.signal = options.signal;
    this.parts = options.parts.map((name) => ({
      name,
      title: titles[name],
      state: 'waiting',
      files: 0,
      bytes: 0,
      problems: [],
    }));
  }

  /** True if the dump has reached its size limit. */
  get full(): boolean {
    return this.#left <= 0;
  }

  /** Collects one part of the dump and records errors. Rethrows only cancellation and errors of writing the archive. */
  async collectPart(name: DebugDumpPartName, part: () => Promise<void>): Promise<void> {
    this.#part = requireValue(
      this.parts.find((each) => each.name === name),
      `part ${name}`,
    );
    this.#part.state = 'running';
    this.#omitted = 0;
    this.#unreported = 0;
    this.#noted.clear();
    this.#progress();
    try {
      await part();
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof DebugDumpArchiveError) throw error;
      this.#part.problems.push({ path: `${name}/`, problem: textOf(error) });
    }
    if (this.#omitted > 0)
      this.#part.problems.push({
        path: `${name}/`,
        problem: `${this.#omitted} more files were omitted: the archive is full`,
      });
    if (this.#unreported > 0)
      this.#part.problems.push({
        path: `${name}/`,
        problem: `${this.#unreported} more problems, see the manifest`,
      });
    this.#part.state = 'done';
    this.#progress();
  }

  /**
   * Reads content and adds it to the dump, or records why it cannot be read. Skips reading after the size limit is
   * reached.
   */
  async add(
    wanted: DebugDumpFileDescription,
    read: () => DebugDumpFileContent | Promise<DebugDumpFileContent>,
  ): Promise<void> {
    this.signal.throwIfAborted();
    if (this.full) {
      this.#omitted += 1;
      return;
    }
    const takenAt = new Date();
    const before = performance.now();
    let content: DebugDumpFileContent | null = null;
    let problem: string | null;
    try {
      content = await read();
      problem = content.problem;
    } catch (error) {
      this.signal.throwIfAborted();
      problem = textOf(error);
    }
    // A program that failed without output leaves no file; one that succeeded may have no output.
    let bytes = content && (content.bytes.length > 0 || problem === null) ? content.bytes : null;
    if (bytes) bytes = redactSecrets(bytes, this.#secrets);
    const room = Math.min(this.#left, maxDebugDumpFileSize);
    if (bytes && bytes.length > room) {
      problem = `omitted: ${bytes.length} bytes exceed the remaining ${room}`;
      bytes = null;
    }
    const file: DebugDumpFile = {
      ...wanted,
      part: requireValue(this.#part, 'part of the dump').name,
      pod: wanted.pod ?? null,
      takenAt: takenAt.toISOString(),
      ms: Math.round((performance.now() - before) * 10) / 10,
      bytes: bytes?.length ?? null,
      sha256: bytes && createHash('sha256').update(bytes).digest('hex'),
      problem,
    };
    await this.#store(file, bytes, takenAt);
  }

  /** Records a missing file in the dump's manifest. */
  noteMissing(wanted: DebugDumpFileDescription, problem: string): Promise<void> {
    return this.add(wanted, () => ({ bytes: Buffer.alloc(0), problem }));
  }

  /** Records a missing file in the manifest once per dump part and cause. */
  async noteMissingOnce(cause: string, wanted: DebugDumpFileDescription, problem: string): Promise<void> {
    if (this.#noted.has(cause)) return;
    this.#noted.add(cause);
    await this.noteMissing(wanted, problem);
  }

  async #store(file: DebugDumpFile, bytes: Buffer | null, takenAt: Date): Promise<void> {
    const part = requireValue(this.#part, 'part of the dump');
    this.files.push(file);
    this.#left -= (bytes?.length ?? 0) + costOf(file);
    if (file.problem !== null) {
      if (part.problems.length < maxReportedProblems)
        part.problems.push({ path: file.path, problem: file.problem });
      else this.#unreported += 1;
    }
    if (bytes) {
      await this.#archive.add(file.path, bytes, takenAt).catch((error) => {
        throw new DebugDumpArchiveError(textOf(error), { cause: error });
      });
      part.files += 1;
      part.bytes += bytes.length;
    }
    this.#progress();
  }
}

/** Error thrown if the dump archive itself cannot be written. */
export class DebugDumpArchiveError extends Error {}

/** Estimates the size in bytes of a file's entries in the manifest and index page. */
const costOf = (file: DebugDumpFile): number => 3 * Buffer.byteLength(JSON.stringify(file)) + 200;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
