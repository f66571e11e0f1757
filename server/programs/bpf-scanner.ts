import { Worker } from 'node:worker_threads';
import { ProblemError } from '../../contract/problem.ts';
import type { ProgramInstructions } from '../../contract/program.ts';
import { Mutex } from '../async/mutex.ts';
import { setSafeInterval, setSafeTimeout } from '../async/safe-timers.ts';
import { listBpfObjectIds } from '../bpf/bpf-object-info.ts';
import type { NodeScan, ScannedNamespace } from './scan/node-scan.ts';
import { listHeldBpfObjectIds } from './scan/process-descriptors.ts';
// Does nothing in this thread. Loaded here, Node caches its compiled form, so that the worker starts fast.
import './scan/scan.worker.ts';
import type { ScanWorkerRequest, ScanWorkerResponse } from './scan/scan.worker.ts';

/** Maximum age in ms of a scan that counts as current, if no programs, links or maps were added or removed since. */
const freshMs = 1_000;
/** Maximum age in ms of a scan that is returned while the next scan runs, so that a polling client does not wait. */
const usableMs = 5_000;
/** Time in ms without requests after which the scan worker stops. */
const idleMs = 60_000;
/**
 * Number of namespaces from which on a scan is taken before it is asked for, once BPF objects have not changed for
 * `settleMs`, so that the first request does not wait for a thread to start and a scan of all of them.
 */
const manyNamespaces = 100;
const settleMs = 15_000;

export interface TimedNodeScan extends NodeScan {
  /** Ids of the BPF objects that this process held open when the scan started. */
  own: ReturnType<typeof listHeldBpfObjectIds>;
  atMs: number;
}

/**
 * Scans the node's BPF objects in a worker thread, which starts on demand and stops when idle. Requests are served one
 * at a time.
 */
export class BpfScanner {
  readonly #namespaces: () => ScannedNamespace[];
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  readonly #requests = new Mutex();
  #last: { scan: TimedNodeScan; objects: string } | null = null;
  #running: { scan: Promise<TimedNodeScan>; objects: string } | null = null;
  /** The scan that begins when the running one has ended. */
  #following: Promise<TimedNodeScan> | null = null;
  /** BPF objects at the last look, to tell whether they have settled. */
  #seen: string | null = null;
  readonly #settling: NodeJS.Timeout;

  constructor(namespaces: () => ScannedNamespace[]) {
    this.#namespaces = namespaces;
    this.#settling = setSafeInterval(() => this.#scanOnceSettled(), settleMs).unref();
  }

  /**
   * Returns a scan of the node, up to 5 s old if no BPF objects were added or removed since.
   * @param waitMs time in ms after which an older scan of the same objects is returned, if there is one; `unread` tells so
   * @throws ProblemError `internal`
   */
  async scan(waitMs = Number.POSITIVE_INFINITY): Promise<TimedNodeScan> {
    const objects = this.#objects();
    const last = this.#last?.objects === objects ? this.#last.scan : null;
    const ageMs = last === null ? Number.POSITIVE_INFINITY : performance.now() - last.atMs;
    if (last !== null && ageMs < freshMs) return last;
    const next = this.#next(objects);
    if (last === null) return next;
    void next.catch(() => undefined); // The next caller gets it.
    if (ageMs < usableMs) return last;
    if (waitMs === Number.POSITIVE_INFINITY) return next;
    return (await withinMs(waitMs, next)) ?? tellAge(last, ageMs);
  }

  /** Disassembles a BPF program. @throws ProblemError `program_not_found`, `kernel_refused` */
  async instructions(id: number): Promise<ProgramInstructions> {
    const answer = await this.#send({ instructions: id });
    if (!('instructions' in answer))
      throw new ProblemError('internal', 'the scan worker sent an unexpected response');
    if (answer.instructions === null)
      throw new ProblemError('program_not_found', `there is no program ${id}`, {
        hint: 'GET /api/v1/programs lists the programs.',
      });
    return answer.instructions;
  }

  /** Stops the scan worker after the current request, because a thread must not be terminated within a system call. */
  close(): Promise<void> {
    clearInterval(this.#settling);
    return this.#stopWorker();
  }

  #stopWorker(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    return this.#requests.run(async () => {
      const worker = this.#worker;
      this.#worker = null;
      await worker?.terminate();
    });
  }

  #scanOnceSettled(): void {
    const namespaces = this.#namespaces();
    if (namespaces.length < manyNamespaces) return;
    const objects = this.#objects();
    const settled = objects === this.#seen;
    this.#seen = objects;
    if (!settled || objects === this.#last?.objects || this.#running !== null) return;
    const wasRunning = this.#worker !== null;
    // A failure is reported to whoever asks. The worker takes memory of its own, so it does not stay for a scan nobody asked for.
    void this.#next(objects).then(
      () => (wasRunning ? undefined : this.#stopWorker()),
      () => undefined,
    );
  }

  #objects(): string {
    return [listBpfObjectIds('program'), listBpfObjectIds('link'), listBpfObjectIds('map')].join(' ');
  }

  /**
   * Returns the running scan if the BPF objects are the same as at its start, otherwise the one that follows it. All callers
   * of a moment share that one: where others add objects all the time, a scan for each caller would have later ones wait for
   * those of all earlier ones.
   */
  #next(objects: string): Promise<TimedNodeScan> {
    const running = this.#running;
    if (running === null) return this.#start(objects);
    if (running.objects === objects) return running.scan;
    this.#following ??= running.scan
      .catch(() => undefined)
      .then(() => {
        this.#following = null;
        return this.#start(this.#objects());
      });
    return this.#following;
  }

  #start(objects: string): Promise<TimedNodeScan> {
    const running = {
      objects,
      scan: this.#scanNow(objects).finally(() => {
        if (this.#running === running) this.#running = null;
      }),
    };
    this.#running = running;
    return running.scan;
  }

  async #scanNow(objects: string): Promise<TimedNodeScan> {
    const atMs = performance.now();
    // Taken while the worker is idle, so that its descriptors do not count as the agent's.
    const own = await this.#requests.run(listHeldBpfObjectIds);
    const answer = await this.#send({ namespaces: this.#namespaces() });
    if (!('scan' in answer))
      throw new ProblemError('internal', 'the scan worker sent an unexpected response');
    const scan = { ...answer.scan, own, atMs };
    this.#last = { scan, objects };
    return scan;
  }

  #send(request: ScanWorkerRequest): Promise<Exclude<ScanWorkerResponse, { failed: string }>> {
    return this.#requests.run(async () => {
      const worker = this.#startWorker();
      const answer = await new Promise<ScanWorkerResponse>((resolve) => {
        worker.once('message', resolve);
        worker.once('exit', () => resolve({ failed: 'the worker stopped' }));
        worker.postMessage(request);
      });
      worker.removeAllListeners('message').removeAllListeners('exit');
      if ('failed' in answer)
        throw new ProblemError('internal', `scan the node’s programs: ${answer.failed}`);
      return answer;
    });
  }

  #startWorker(): Worker {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = setSafeTimeout(() => void this.#stopWorker(), idleMs).unref();
    if (this.#worker !== null) return this.#worker;
    // The worker opens descriptors through libc, which Node does not know about.
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

/** Returns what a promise resolves to within some milliseconds; null if that takes longer. */
async function withinMs<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  const late = Promise.withResolvers<null>();
  const timer = setSafeTimeout(() => late.resolve(null), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const tellAge = (scan: TimedNodeScan, ageMs: number): TimedNodeScan => ({
  ...scan,
  unread: [
    ...scan.unread,
    `changes of attachments, pins and holders in the last ${Math.round(ageMs / 1000)} s, of objects that were there before; they are being read`,
  ],
});
