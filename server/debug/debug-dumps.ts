import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { Logger } from 'pino';
import type { DebugDump, DebugDumpPart, NewDebugDump } from '../../contract/debug-dump.ts';
import { debugDumpRetentionHours, maxStoredDebugDumps } from '../../contract/limits.ts';
import type { KernelCapability } from '../../contract/node.ts';
import { ProblemError } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import { setSafeInterval, setSafeTimeout } from '../async/safe-timers.ts';
import type { AgentGetRequest } from './dump-context.ts';
import { formatDebugDumpName } from './dump-name.ts';
import { findExternalTools } from './external-tools.ts';
import type { LogLineRing } from './log-ring.ts';
import { SavedDebugDumpArchives } from './saved-dumps.ts';
import { takeDebugDump } from './take-dump.ts';

const pruneEveryMs = 3_600_000;
/** Minimum time in ms between two progress events of a dump. */
const publishEveryMs = 200;

/** Events of debug dumps: one has made progress or ended, or was removed. */
export interface DebugDumpEvents {
  dump: [DebugDump];
  'dump-removed': [id: string];
}

export interface DebugDumpsOptions {
  /** Folder of the dump archives, created with the first dump. */
  folder: string;
  pins: string;
  podlane: string;
  capabilities(): KernelCapability[];
  /** The agent's configuration without secrets. */
  configuration: object;
  /** Secrets that are redacted in all files of a dump. */
  secrets: readonly string[];
  lines: LogLineRing;
  log: Logger;
}

interface Running {
  dump: DebugDump;
  cancel: AbortController;
  ended: Promise<void>;
}

/** Debug dumps of this node. One dump runs at a time, and the last few are kept for a day. */
export class DebugDumps extends EventEmitter<DebugDumpEvents> {
  readonly #options: DebugDumpsOptions;
  readonly #saved: SavedDebugDumpArchives;
  /** Finished dumps, newest first. */
  #done: DebugDump[];
  #running: Running | null = null;
  readonly #pruning: NodeJS.Timeout;

  /** Loads the dumps of an earlier agent, and deletes incomplete archives. */
  constructor(options: DebugDumpsOptions) {
    super();
    this.#options = options;
    this.#saved = new SavedDebugDumpArchives(options.folder);
    this.#done = this.#saved.load();
    this.#prune();
    this.#pruning = setSafeInterval(() => this.#prune(), pruneEveryMs).unref();
  }

  /** Lists all debug dumps, newest first. */
  list(): DebugDump[] {
    return [...(this.#running ? [this.#running.dump] : []), ...this.#done];
  }

  /** Returns the state of a dump. @throws ProblemError `dump_not_found` */
  get(id: string): DebugDump {
    const found = this.list().find((each) => each.id === id);
    if (!found)
      throw new ProblemError('dump_not_found', `there is no dump ${id}`, {
        hint: `GET /api/v1/dumps lists the dumps; the last ${maxStoredDebugDumps} are kept for ${debugDumpRetentionHours} hours.`,
      });
    return found;
  }

  /**
   * Starts a dump; `dump` events report its progress.
   * @param get sends a GET to the agent's API @throws ProblemError `dump_running`, `unprocessable`
   */
  start(wanted: NewDebugDump, actor: string, get: AgentGetRequest): DebugDump {
    if (this.#running)
      throw new ProblemError('dump_running', `dump ${this.#running.dump.id} is in progress`, {
        hint: 'Wait for it, or cancel it with DELETE /api/v1/dumps/:id.',
      });
    const { folder } = this.#options;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new ProblemError(
        'unprocessable',
        `create the folder for dumps ${folder}: ${(cause as Error).message}`,
        {
          cause,
        },
      );
    }
    const now = new Date();
    const running: DebugDump = {
      id: randomUUID(),
      name: formatDebugDumpName(now),
      actor,
      state: 'running',
      reason: null,
      startedAt: now.toISOString(),
      endedAt: null,
      maxBytes: wanted.maxBytes,
      parts: [],
      files: 0,
      unpackedBytes: 0,
      archiveBytes: null,
      sha256: null,
    };
    const cancel = new AbortController();
    this.#running = { dump: running, cancel, ended: this.#run(running, wanted, get, cancel.signal) };
    this.emit('dump', running);
    return running;
  }

  /** Deletes a dump. A running dump is canceled and leaves no archive. @throws ProblemError `dump_not_found` */
  async remove(id: string): Promise<void> {
    this.get(id);
    if (this.#running?.dump.id === id) {
      this.#running.cancel.abort(new Error('the dump was canceled'));
      await this.#running.ended;
    } else this.#delete(id);
  }

  /** Returns the archive file of a finished dump. @throws ProblemError `dump_not_found`, `dump_not_done` */
  archive(id: string): { file: string; name: string; bytes: number } {
    const { state, name, archiveBytes } = this.get(id);
    if (state !== 'done')
      throw new ProblemError('dump_not_done', `dump ${id} is ${state} and has no archive`, {
        hint: state === 'running' ? 'Wait until it is done.' : 'Start another dump.',
      });
    return {
      file: this.#saved.archive(id),
      name: `${name}.tar.gz`,
      bytes: requireValue(archiveBytes, 'size of the archive'),
    };
  }

  /** Cancels the running dump, if any, and waits until it has stopped. */
  async close(): Promise<void> {
    clearInterval(this.#pruning);
    this.#running?.cancel.abort(new Error('the agent is stopping'));
    await this.#running?.ended;
  }

  /** Runs a dump. Never rejects; the state of the dump reports failures. */
  async #run(
    running: DebugDump,
    { maxBytes, pods, parts }: NewDebugDump,
    get: AgentGetRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const { lines, configuration, pins, podlane, capabilities, secrets, log } = this.#options;
    const progress = throttled(() => this.emit('dump', running));
    try {
      const { archiveBytes, sha256 } = await takeDebugDump({
        file: this.#saved.partial(running.id),
        name: running.name,
        maxBytes,
        pods,
        parts,
        tools: await findExternalTools(),
        agent: { get, configuration, log: () => ({ text: lines.text(), dropped: lines.evicted }) },
        pins,
        podlane,
        capabilities,
        secrets,
        signal,
        onProgress: (taken) => {
          account(running, taken);
          progress.soon();
        },
      });
      Object.assign(running, { state: 'done', archiveBytes, sha256, endedAt: new Date().toISOString() });
      this.#saved.save(running);
    } catch (error) {
      this.#saved.remove(running.id);
      const reason = (error as Error).message;
      const nothing = { archiveBytes: null, sha256: null };
      Object.assign(running, { state: 'failed', reason, ...nothing, endedAt: new Date().toISOString() });
      if (!signal.aborted) log.error({ err: error, dump: running.id }, 'the dump failed');
    }
    progress.now();
    this.#running = null;
    if (signal.aborted) return this.#delete(running.id);
    this.#done = [running, ...this.#done];
    this.#prune();
  }

  #delete(id: string): void {
    this.#done = this.#done.filter((each) => each.id !== id);
    this.#saved.remove(id);
    this.emit('dump-removed', id);
  }

  #prune(): void {
    const oldest = Date.now() - debugDumpRetentionHours * 3_600_000;
    const old = this.#done.filter(
      ({ startedAt }, index) => index >= maxStoredDebugDumps || Date.parse(startedAt) < oldest,
    );
    for (const { id } of old) this.#delete(id);
  }
}

function account(running: DebugDump, parts: readonly DebugDumpPart[]): void {
  running.parts = [...parts];
  running.files = parts.reduce((sum, { files }) => sum + files, 0);
  running.unpackedBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Throttles `publish`: `now` calls it immediately, `soon` at most once per `publishEveryMs`. */
function throttled(publish: () => void) {
  let timer: NodeJS.Timeout | undefined;
  return {
    soon: () => {
      timer ??= setSafeTimeout(() => {
        timer = undefined;
        publish();
      }, publishEveryMs);
    },
    now: () => {
      clearTimeout(timer);
      publish();
    },
  };
}
