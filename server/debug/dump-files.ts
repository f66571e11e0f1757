import { createHash } from 'node:crypto';
import type { DumpFile, DumpPart, DumpPartName } from '../../contract/dump.ts';
import type { DumpArchive } from './dump-archive.ts';
import { redactSecrets } from './redact.ts';

/** What a file is: where it goes, what it shows, and the command whose output it equals. */
export interface FileDescription {
  /** below the archive's folder */
  path: string;
  title: string;
  command: string;
  /** namespace.name of the pod whose namespace it is of */
  pod?: string;
}

export interface FileContent {
  bytes: Buffer;
  /** why it is not whole */
  problem: string | null;
}

/** No single file may be larger. */
export const maxFileBytes = 16 << 20;
/** Problems of a part that its progress tells; the manifest has all. */
const maxToldProblems = 50;
/** Of manifest and index, beside what tells of the files. */
const reservedBytes = 128 << 10;

const titles: Record<DumpPartName, string> = {
  kernel: 'Kernel and probes',
  network: 'Network of the host',
  pods: 'Network of the pods',
  programs: 'eBPF programs and links',
  maps: 'eBPF maps',
  statistics: 'Statistics',
  agent: 'Agent',
  log: 'Agent’s log',
};

/**
 * The files of a dump as they are taken: puts them into the archive, keeps the account that becomes the manifest, and
 * sees that all files together stay within `maxBytes`. What fails is noted, and the dump goes on.
 */
export class DumpFiles {
  readonly parts: DumpPart[];
  readonly files: DumpFile[] = [];
  readonly signal: AbortSignal;
  readonly #archive: DumpArchive;
  readonly #secrets: readonly string[];
  readonly #progress: () => void;
  #left: number;
  #part: DumpPart | null = null;
  #leftOut = 0;
  #untold = 0;
  readonly #noted = new Set<string>();

  constructor(options: {
    archive: DumpArchive;
    parts: readonly DumpPartName[];
    maxBytes: number;
    /** texts that no file may hold */
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

  /** Whether nothing more fits. */
  get full(): boolean {
    return this.#left <= 0;
  }

  /** Takes one part; what it throws is noted, except that the dump was cancelled or cannot be written. */
  async collectPart(name: DumpPartName, part: () => Promise<void>): Promise<void> {
    this.#part = this.parts.find((each) => each.name === name)!;
    this.#part.state = 'running';
    this.#leftOut = 0;
    this.#untold = 0;
    this.#noted.clear();
    this.#progress();
    try {
      await part();
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof ArchiveError) throw error;
      this.#part.problems.push({ path: `${name}/`, problem: textOf(error) });
    }
    if (this.#leftOut > 0)
      this.#part.problems.push({
        path: `${name}/`,
        problem: `${this.#leftOut} more files are left out: the archive is full`,
      });
    if (this.#untold > 0)
      this.#part.problems.push({ path: `${name}/`, problem: `${this.#untold} more: the manifest has them` });
    this.#part.state = 'done';
    this.#progress();
  }

  /** Reads a file's content and adds it; a content that cannot be had is noted. Does not read what no longer fits. */
  async add(wanted: FileDescription, read: () => FileContent | Promise<FileContent>): Promise<void> {
    this.signal.throwIfAborted();
    if (this.full) {
      this.#leftOut += 1;
      return;
    }
    const takenAt = new Date();
    const before = performance.now();
    let content: FileContent | null = null;
    let problem: string | null;
    try {
      content = await read();
      problem = content.problem;
    } catch (error) {
      this.signal.throwIfAborted();
      problem = textOf(error);
    }
    // A program that failed and printed nothing left no file; one that was fine may have nothing to say.
    let bytes = content && (content.bytes.length > 0 || problem === null) ? content.bytes : null;
    if (bytes) bytes = redactSecrets(bytes, this.#secrets);
    const room = Math.min(this.#left, maxFileBytes);
    if (bytes && bytes.length > room) {
      problem = `left out: ${bytes.length} bytes, and ${room} may be added`;
      bytes = null;
    }
    const file: DumpFile = {
      ...wanted,
      part: this.#part!.name,
      pod: wanted.pod ?? null,
      takenAt: takenAt.toISOString(),
      ms: Math.round((performance.now() - before) * 10) / 10,
      bytes: bytes?.length ?? null,
      sha256: bytes && createHash('sha256').update(bytes).digest('hex'),
      problem,
    };
    await this.#store(file, bytes, takenAt);
  }

  /** Says that something is not there, in the account alone. */
  noteMissing(wanted: FileDescription, problem: string): Promise<void> {
    return this.add(wanted, () => ({ bytes: Buffer.alloc(0), problem }));
  }

  /** As `note`, once in a part for all that `cause` keeps away. */
  async noteMissingOnce(cause: string, wanted: FileDescription, problem: string): Promise<void> {
    if (this.#noted.has(cause)) return;
    this.#noted.add(cause);
    await this.noteMissing(wanted, problem);
  }

  async #store(file: DumpFile, bytes: Buffer | null, takenAt: Date): Promise<void> {
    const part = this.#part!;
    this.files.push(file);
    this.#left -= (bytes?.length ?? 0) + costOf(file);
    if (file.problem !== null) {
      if (part.problems.length < maxToldProblems)
        part.problems.push({ path: file.path, problem: file.problem });
      else this.#untold += 1;
    }
    if (bytes) {
      await this.#archive.add(file.path, bytes, takenAt).catch((error) => {
        throw new ArchiveError(textOf(error), { cause: error });
      });
      part.files += 1;
      part.bytes += bytes.length;
    }
    this.#progress();
  }
}

/** The archive itself cannot be written. */
export class ArchiveError extends Error {}

/** What a file takes in manifest and index together. */
const costOf = (file: DumpFile): number => 3 * Buffer.byteLength(JSON.stringify(file)) + 200;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
