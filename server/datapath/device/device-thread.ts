import { Worker } from 'node:worker_threads';
import { type Problem, ProblemError } from '../../../contract/problem.ts';
import type { ContainerDevice } from './container-device.ts';

/** A device for the thread to create. */
export interface DeviceThreadRequest {
  id: number;
  wanted: ContainerDevice;
}
export interface DeviceThreadResponse {
  id: number;
  /** Null if the device was created. */
  problem: Problem | null;
}

/** Heap limits of the thread, in MB: it handles one device at a time. */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 2 };

interface Waiting {
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * A thread that creates the devices of containers. It waits for the kernel itself, in one go: from the event loop each
 * request would take a turn through the thread pool, and a container's start is made of them.
 */
export class DeviceThread {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #lastId = 0;
  #closed = false;

  /** Starts the thread if it does not run, so that the next device does not wait for it. */
  warmUp(): void {
    if (!this.#closed) this.#thread();
  }

  /** Creates a device. @throws ProblemError as `createContainerDevice` */
  create(wanted: ContainerDevice): Promise<void> {
    if (this.#closed) return Promise.reject(new ProblemError('stopping', 'the agent is stopping'));
    const id = ++this.#lastId;
    const worker = this.#thread();
    worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, wanted } satisfies DeviceThreadRequest);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#abandon(new ProblemError('stopping', 'the agent is stopping'));
    if (worker === null) return;
    // It closes its socket and ends: ended from outside, a thread with native handles could crash the process.
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref();
    worker.postMessage(null);
    await ended;
  }

  #thread(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./device-thread.worker.ts', import.meta.url), {
      name: 'devices',
      resourceLimits,
    });
    const lost = (error: Error): void => {
      if (this.#worker === worker)
        this.#abandon(
          new ProblemError('internal', `the thread that creates devices ended: ${error.message}`, {
            cause: error,
          }),
        );
    };
    worker.on('message', (response: DeviceThreadResponse) => this.#settle(response));
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`it exited with code ${code}`)));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #settle({ id, problem }: DeviceThreadResponse): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (problem === null) {
      waiting?.resolve();
      return;
    }
    const { code, detail, hint } = problem;
    waiting?.reject(new ProblemError(code, detail, { hint }));
  }

  #abandon(error: Error): void {
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
