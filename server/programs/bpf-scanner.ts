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
 * Number of namespaces from which on a node is large: a scan is taken before it is asked for, so that the first request
 * does not wait for a thread to start and a scan of all namespaces; lists may be of an older scan, which tells what is new
 * since; and a scan may use what earlier ones have read within `keptMs`.
 */
const manyNamespaces = 100;
const keptMs = 30_000;
/** Pause in ms between two looks at whether a large node needs a scan: once its BPF objects have settled, or after `latestMs`. */
const settleMs = 15_000;
const latestMs = 60_000;

export interface TimedNodeScan extends NodeScan {
  /** Ids of the BPF objects that this process held open when the scan started. */
  own: ReturnType<typeof listHeldBpfObjectIds>;
  atMs: number;
  /** Ids of objects that were added since the scan, which knows neither attachments nor holders of them. */
  added: BpfObjectIds;
}

type BpfObjectIds = Record<'program' | 'link' | 'map', ReadonlySet<number>>;

/** How a scan is wanted. */
interface ScanOptions {
  /** Time in ms after which an older scan is returned, if there is one; `unread` tells so. Default: it waits. */
  waitMs?: number;
  /** True if nothing may be older than the request; else a scan of a large node may use what was read before. */
  exact?: boolean;
}

/** A scan that was taken or is running, with the objects that it is of. */
interface ScanOf<Scan> {
  scan: Scan;
  objects: BpfObjectIds;
  key: string;
  exact: boolean;
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
  #last: ScanOf<TimedNodeScan> | null = null;
  #running: ScanOf<Promise<TimedNodeScan>> | null = null;
  /** The scan that begins when the running one has ended. */
  #following: { scan: Promise<TimedNodeScan>; exact: boolean } | null = null;
  /** BPF objects at the last look, to tell whether they have settled. */
  #seen: string | null = null;
  readonly #settling: NodeJS.Timeout;

  constructor(namespaces: () => ScannedNamespace[]) {
    this.#namespaces = namespaces;
    this.#settling = setSafeInterval(() => this.#scanAhead(), settleMs).unref();
  }

  /** Returns a scan of the node, up to 5 s old if no BPF objects were added or removed since. @throws ProblemError `internal` */
  async scan({
    waitMs = Number.POSITIVE_INFINITY,
    exact: wanted = false,
  }: ScanOptions = {}): Promise<TimedNodeScan> {
    const isLarge = this.#namespaces().length >= manyNamespaces;
    const exact = wanted || !isLarge;
    const { objects, key } = listBpfObjects();
    const last = this.#last !== null && (this.#last.exact || !exact) ? this.#last : null;
    const ageMs = last === null ? Number.POSITIVE_INFINITY : performance.now() - last.scan.atMs;
    const isSame = last?.key === key;
    if (last !== null && isSame && ageMs < freshMs) return last.scan;
    const next = this.#next(key, exact);
    if (last === null || !(isSame || isLarge)) return next;
    void next.catch(() => undefined); // The next caller gets it.
    if (isSame && ageMs < usableMs) return last.scan;
    if (waitMs === Number.POSITIVE_INFINITY) return next;
    return (await withinMs(waitMs, next)) ?? bringUpToDate(last, objects, ageMs);
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

  /** Takes a scan of a large node before it is asked for. */
  #scanAhead(): void {
    if (this.#namespaces().length < manyNamespaces) return;
    const { key } = listBpfObjects();
    const settled = key === this.#seen;
    this.#seen = key;
    const ageMs = this.#last === null ? Number.POSITIVE_INFINITY : performance.now() - this.#last.scan.atMs;
    if (this.#running !== null || key === this.#last?.key || !(settled || ageMs >= latestMs)) return;
    const wasRunning = this.#worker !== null;
    // A failure is reported to whoever asks. The worker takes memory of its own, so it does not stay for a scan nobody asked for.
    void this.#start(false, true).then(
      () => (wasRunning ? undefined : this.#stopWorker()),
      () => undefined,
    );
  }

  /**
   * Returns the running scan if the BPF objects are the same as at its start, otherwise the one that follows it. All callers
   * of a moment share that one: where others add objects all the time, a scan for each caller would have later ones wait for
   * those of all earlier ones.
   */
  #next(key: string, exact: boolean): Promise<TimedNodeScan> {
    const running = this.#running;
    if (running === null) return this.#start(exact);
    if (running.key === key && (running.exact || !exact)) return running.scan;
    if (this.#following !== null) {
      this.#following.exact ||= exact;
      return this.#following.scan;
    }
    const scan = running.scan
      .catch(() => undefined)
      .then(() => {
        const wanted = this.#following?.exact ?? exact;
        this.#following = null;
        return this.#start(wanted);
      });
    this.#following = { scan, exact };
    return scan;
  }

  #start(exact: boolean, paced = false): Promise<TimedNodeScan> {
    const { objects, key } = listBpfObjects();
    const running = {
      objects,
      key,
      exact,
      scan: this.#scanNow(exact, paced)
        .then((scan) => {
          this.#last = { scan, objects, key, exact };
          return scan;
        })
        .finally(() => {
          if (this.#running === running) this.#running = null;
        }),
    };
    this.#running = running;
    return running.scan;
  }

  async #scanNow(exact: boolean, paced: boolean): Promise<TimedNodeScan> {
    const atMs = performance.now();
    // Taken while the worker is idle, so that its descriptors do not count as the agent's.
    const own = await this.#requests.run(listHeldBpfObjectIds);
    const answer = await this.#send({ namespaces: this.#namespaces(), keptMs: exact ? 0 : keptMs, paced });
    if (!('scan' in answer))
      throw new ProblemError('internal', 'the scan worker sent an unexpected response');
    return { ...answer.scan, own, atMs, added: nothingAdded };
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

/** Lists the ids of the BPF objects, with a text that tells whether they are the same. */
function listBpfObjects(): { objects: BpfObjectIds; key: string } {
  const ids = (['program', 'link', 'map'] as const).map((kind) => [kind, listBpfObjectIds(kind)] as const);
  return {
    objects: Object.fromEntries(ids.map(([kind, list]) => [kind, new Set(list)])) as unknown as BpfObjectIds,
    key: ids.map(([, list]) => list.join(',')).join(' '),
  };
}

const nothingAdded: BpfObjectIds = { program: new Set(), link: new Set(), map: new Set() };

const idsMissingFrom = (known: BpfObjectIds, now: BpfObjectIds): BpfObjectIds => ({
  program: idsWithout(now.program, known.program),
  link: idsWithout(now.link, known.link),
  map: idsWithout(now.map, known.map),
});

const idsWithout = (ids: ReadonlySet<number>, known: ReadonlySet<number>): ReadonlySet<number> =>
  new Set([...ids].filter((id) => !known.has(id)));

/** Removes from a scan what no longer exists, and says what it does not know. */
function bringUpToDate(
  { scan, objects }: ScanOf<TimedNodeScan>,
  now: BpfObjectIds,
  ageMs: number,
): TimedNodeScan {
  const added = idsMissingFrom(objects, now);
  const counts = Object.entries(added).flatMap(([kind, { size }]) =>
    size === 0 ? [] : [`${size} new ${kind}${size === 1 ? '' : 's'}`],
  );
  const seconds = Math.round(ageMs / 1000);
  return {
    ...scan,
    added,
    attachments: scan.attachments.filter(
      ({ programId, linkId }) => now.program.has(programId) && (linkId === null || now.link.has(linkId)),
    ),
    links: scan.links.filter(({ link }) => now.link.has(link.id)),
    pins: scan.pins.filter(({ kind, id }) => now[kind].has(id)),
    holders: scan.holders.filter(({ kind, id }) => now[kind].has(id)),
    unread: [
      ...scan.unread,
      `changes of attachments, pins and holders in the last ${seconds} s${counts.length > 0 ? `, with ${counts.join(', ')}` : ''}; they are being read`,
    ],
  };
}
