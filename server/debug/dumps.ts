import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Dump, DumpPart, NewDump } from '../../contract/dump.ts';
import { keptDumpHours, keptDumps } from '../../contract/limits.ts';
import type { Capability } from '../../contract/node.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { AgentRequest } from './dump-context.ts';
import { dumpName } from './dump-name.ts';
import { findTools } from './external-tools.ts';
import type { LogRing } from './log-ring.ts';
import { SavedDumps } from './saved-dumps.ts';
import { takeDump } from './take-dump.ts';

const pruneEveryMs = 3_600_000;
/** Progress is told at most this often. */
const tellEveryMs = 200;

export interface DumpEvents {
  dump: [Dump];
  'dump-removed': [id: string];
}

export interface DumpsOptions {
  /** where archives are kept; made when the first is */
  folder: string;
  pins: string;
  podlane: string;
  capabilities(): Capability[];
  /** What the agent was told when it started, without secrets. */
  configuration: object;
  /** texts that no file may hold */
  secrets: readonly string[];
  lines: LogRing;
  log: Logger;
}

interface Running {
  dump: Dump;
  cancel: AbortController;
  ended: Promise<void>;
}

/** The dumps of this node: one is made at a time, the last few are kept for a day. */
export class Dumps extends EventEmitter<DumpEvents> {
  readonly #ground: DumpsOptions;
  readonly #kept: SavedDumps;
  /** the newest first */
  #done: Dump[];
  #running: Running | null = null;
  readonly #pruning: NodeJS.Timeout;

  /** Takes over the archives of an agent before; what it left half made goes. */
  constructor(ground: DumpsOptions) {
    super();
    this.#ground = ground;
    this.#kept = new SavedDumps(ground.folder);
    this.#done = this.#kept.load();
    this.#prune();
    this.#pruning = setInterval(() => this.#prune(), pruneEveryMs).unref();
  }

  /** The newest first. */
  list(): Dump[] {
    return [...(this.#running ? [this.#running.dump] : []), ...this.#done];
  }

  /** @throws ProblemError `dump_not_found` */
  get(id: string): Dump {
    const found = this.list().find((each) => each.id === id);
    if (!found)
      throw new ProblemError('dump_not_found', `there is no dump ${id}`, {
        hint: `GET /api/v1/dumps lists them; the last ${keptDumps} are kept, for ${keptDumpHours} hours`,
      });
    return found;
  }

  /**
   * Begins a dump; `dump` events tell its progress.
   * @param ask what a GET of the agent's API answers @throws ProblemError `dump_running`, `unprocessable`
   */
  start(wanted: NewDump, actor: string, ask: AgentRequest): Dump {
    if (this.#running)
      throw new ProblemError('dump_running', `the dump ${this.#running.dump.id} is being made`, {
        hint: 'wait for it, or cancel it with DELETE /api/v1/dumps/:id',
      });
    const { folder } = this.#ground;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new ProblemError(
        'unprocessable',
        `make the folder of dumps ${folder}: ${(cause as Error).message}`,
        {
          cause,
        },
      );
    }
    const now = new Date();
    const running: Dump = {
      id: randomUUID(),
      name: dumpName(now),
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
    this.#running = { dump: running, cancel, ended: this.#make(running, wanted, ask, cancel.signal) };
    this.emit('dump', running);
    return running;
  }

  /** Deletes a dump; one that runs is cancelled first, and leaves no file. @throws ProblemError `dump_not_found` */
  async remove(id: string): Promise<void> {
    this.get(id);
    if (this.#running?.dump.id === id) {
      this.#running.cancel.abort(new Error('the dump was cancelled'));
      await this.#running.ended;
    } else this.#forget(id);
  }

  /** @throws ProblemError `dump_not_found`, `dump_not_done` */
  archive(id: string): { file: string; name: string; bytes: number } {
    const { state, name, archiveBytes } = this.get(id);
    if (state !== 'done')
      throw new ProblemError('dump_not_done', `the dump ${id} is ${state}: it has no archive`, {
        hint: state === 'running' ? 'wait until it is done' : 'start another one',
      });
    return { file: this.#kept.archive(id), name: `${name}.tar.gz`, bytes: archiveBytes! };
  }

  /** Cancels what runs. */
  async close(): Promise<void> {
    clearInterval(this.#pruning);
    this.#running?.cancel.abort(new Error('the agent is stopping'));
    await this.#running?.ended;
  }

  /** Never rejects: the dump tells how it ended. */
  async #make(
    running: Dump,
    { maxBytes, pods, parts }: NewDump,
    ask: AgentRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const { lines, configuration, pins, podlane, capabilities, secrets, log } = this.#ground;
    const told = throttled(() => this.emit('dump', running));
    try {
      const { archiveBytes, sha256 } = await takeDump({
        file: this.#kept.partial(running.id),
        name: running.name,
        maxBytes,
        pods,
        parts,
        tools: await findTools(),
        agent: { get: ask, configuration, log: () => ({ text: lines.text(), dropped: lines.evicted }) },
        pins,
        podlane,
        capabilities,
        secrets,
        signal,
        onProgress: (taken) => {
          account(running, taken);
          told.soon();
        },
      });
      Object.assign(running, { state: 'done', archiveBytes, sha256, endedAt: new Date().toISOString() });
      this.#kept.save(running);
    } catch (error) {
      this.#kept.remove(running.id);
      const reason = (error as Error).message;
      const nothing = { archiveBytes: null, sha256: null };
      Object.assign(running, { state: 'failed', reason, ...nothing, endedAt: new Date().toISOString() });
      if (!signal.aborted) log.error({ err: error, dump: running.id }, 'the dump failed');
    }
    told.now();
    this.#running = null;
    if (signal.aborted) return this.#forget(running.id);
    this.#done = [running, ...this.#done];
    this.#prune();
  }

  #forget(id: string): void {
    this.#done = this.#done.filter((each) => each.id !== id);
    this.#kept.remove(id);
    this.emit('dump-removed', id);
  }

  #prune(): void {
    const oldest = Date.now() - keptDumpHours * 3_600_000;
    const old = this.#done.filter(
      ({ startedAt }, index) => index >= keptDumps || Date.parse(startedAt) < oldest,
    );
    for (const { id } of old) this.#forget(id);
  }
}

function account(running: Dump, parts: readonly DumpPart[]): void {
  running.parts = [...parts];
  running.files = parts.reduce((sum, { files }) => sum + files, 0);
  running.unpackedBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Calls `tell` now, or once within `tellEveryMs`, however often it is asked. */
function throttled(tell: () => void) {
  let timer: NodeJS.Timeout | undefined;
  return {
    soon: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        tell();
      }, tellEveryMs);
    },
    now: () => {
      clearTimeout(timer);
      tell();
    },
  };
}
