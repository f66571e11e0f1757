import { Worker } from 'node:worker_threads';
import { ProblemError } from '../../contract/problem.ts';
import type { ProgramInstructions } from '../../contract/program.ts';
import { listObjectIds } from '../bpf/kernel-object.ts';
import { ownDescriptors } from './scan/process-descriptors.ts';
import type { KnownNamespace, NodeScan } from './scan/scan.ts';
// In this thread it does nothing: once loaded here, Node keeps it compiled, and the thread needs no compiler.
import './scan/scan.worker.ts';
import type { ScanWorkerRequest, ScanWorkerResponse } from './scan/scan.worker.ts';

/** A scan this old is as good as a new one, unless programs, links or maps came or went. */
const freshMs = 1_000;
/** One this old is answered while the next is made: who looks again and again sees what was there the last time. */
const usableMs = 5_000;
/** The thread ends when nobody has asked for this long. */
const idleMs = 60_000;

export interface TimedScan extends NodeScan {
  /** What this process held when the scan began. */
  own: ReturnType<typeof ownDescriptors>;
  atMs: number;
}

/** Scans in a thread of its own, which is there while somebody asks; questions are answered one after the other. */
export class BpfScanner {
  readonly #namespaces: () => KnownNamespace[];
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #tail: Promise<unknown> = Promise.resolve();
  #last: { scan: TimedScan; objects: string } | null = null;
  #running: { scan: Promise<TimedScan>; objects: string } | null = null;

  constructor(namespaces: () => KnownNamespace[]) {
    this.#namespaces = namespaces;
  }

  /** What there is now, or was moments ago while the same objects were there. @throws ProblemError `internal` */
  async scan(): Promise<TimedScan> {
    const objects = this.#objects();
    const last = this.#last?.objects === objects ? this.#last.scan : null;
    const ageMs = last === null ? Number.POSITIVE_INFINITY : performance.now() - last.atMs;
    if (last !== null && ageMs < freshMs) return last;
    const next = this.#next(objects);
    if (last === null || ageMs >= usableMs) return next;
    next.catch(() => undefined); // Who asks next gets it.
    return last;
  }

  /** @throws ProblemError `program_not_found`, `kernel_refused` */
  async instructions(id: number): Promise<ProgramInstructions> {
    const answer = await this.#ask({ instructions: id });
    if (!('instructions' in answer))
      throw new ProblemError('internal', 'the scanner answered something else');
    if (answer.instructions === null)
      throw new ProblemError('program_not_found', `there is no program ${id} (any more)`, {
        hint: 'GET /api/v1/programs lists them',
      });
    return answer.instructions;
  }

  /** Waits for the question that is being answered: a thread must not end within a call. */
  close(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    return this.#inTurn(async () => {
      const worker = this.#worker;
      this.#worker = null;
      await worker?.terminate();
    });
  }

  #objects(): string {
    return [listObjectIds('program'), listObjectIds('link'), listObjectIds('map')].join(' ');
  }

  /** The scan that runs, if it began with these objects; else one behind it. */
  #next(objects: string): Promise<TimedScan> {
    if (this.#running?.objects === objects) return this.#running.scan;
    const running = {
      objects,
      scan: this.#scanNow(objects).finally(() => {
        if (this.#running === running) this.#running = null;
      }),
    };
    this.#running = running;
    return running.scan;
  }

  async #scanNow(objects: string): Promise<TimedScan> {
    const atMs = performance.now();
    // The thread rests now, so that nothing it has open is taken for the agent's.
    const own = await this.#inTurn(async () => ownDescriptors());
    const answer = await this.#ask({ namespaces: this.#namespaces() });
    if (!('scan' in answer)) throw new ProblemError('internal', 'the scanner answered something else');
    const scan = { ...answer.scan, own, atMs };
    this.#last = { scan, objects };
    return scan;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(act);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  #ask(question: ScanWorkerRequest): Promise<Exclude<ScanWorkerResponse, { failed: string }>> {
    return this.#inTurn(async () => {
      const worker = this.#open();
      const answer = await new Promise<ScanWorkerResponse>((resolve) => {
        worker.once('message', resolve);
        worker.once('exit', () => resolve({ failed: 'its thread has ended' }));
        worker.postMessage(question);
      });
      worker.removeAllListeners('message').removeAllListeners('exit');
      if ('failed' in answer)
        throw new ProblemError('internal', `look at the node’s programs: ${answer.failed}`);
      return answer;
    });
  }

  #open(): Worker {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.close(), idleMs).unref();
    if (this.#worker !== null) return this.#worker;
    // Its descriptors are libc's too, of which Node knows nothing.
    const worker = new Worker(new URL('./scan/scan.worker.ts', import.meta.url), {
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    worker.unref();
    worker.on('error', () => {
      if (this.#worker === worker) this.#worker = null;
    });
    this.#worker = worker;
    return worker;
  }
}
