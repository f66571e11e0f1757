import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type {
  Batch,
  BatchPlan,
  BatchPod,
  BatchSummary,
  NewBatch,
  ResumeBatch,
} from '../../../contract/batch.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { DatapathContext } from '../context.ts';
import type { Migrations } from '../migration/migrations.ts';
import { BatchExecutor } from './batch-executor.ts';
import { planBatch, refuseBatch } from './plan-batch.ts';
import { reconcileBatchPods } from './recover-batch.ts';

export interface BatchEvents {
  batch: [BatchSummary];
  pod: [batchId: string, pod: BatchPod];
}

/** Moves many pods: one batch at work at a time, others may be paused. */
export class Batches extends EventEmitter<BatchEvents> {
  readonly #context: DatapathContext;
  readonly #migrations: Migrations;
  /** Those that have not ended. */
  readonly #runs = new Map<string, BatchExecutor>();
  #starting = false;

  constructor(context: DatapathContext, migrations: Migrations) {
    super();
    this.#context = context;
    this.#migrations = migrations;
  }

  /** Changes nothing. @throws ProblemError `pod_not_found` */
  plan(wanted: NewBatch): Promise<BatchPlan> {
    return planBatch(this.#context, this.#migrations, wanted);
  }

  /**
   * Begins with the pods that can be moved, and names the others.
   * @returns once the journal has it
   * @throws ProblemError `batch_running`, `pod_not_found`, `nothing_to_move`, `no_slot`, `store_failed`
   */
  async start(wanted: NewBatch, actor: string): Promise<Batch> {
    return this.#alone(null, async () => {
      const { allowed, slots, pods, ...plan } = await this.plan(wanted);
      refuseBatch({ allowed, slots, pods, ...plan });
      const batch = await this.#context.store.addBatch({
        id: randomUUID(),
        number: 0,
        actor,
        ...plan,
        state: 'running',
        reason: null,
        startedAt: new Date().toISOString(),
        endedAt: null,
        pods: pods.map(({ notes: _, ...pod }) => pod),
      });
      const run = this.#hold(batch);
      const { waiting, skipped, refused } = batch.counts;
      await run.go(
        'batch.started',
        `${actor} started batch ${batch.number}: ${waiting} pods to ${batch.to}, ${batch.parallelism} at a time, ${skipped} there already, ${refused} refused`,
      );
      return structuredClone(batch);
    });
  }

  /** No further migration starts; again is as well. @throws ProblemError `batch_ended` */
  async pause(id: string, actor: string): Promise<Batch> {
    const run = this.#must(id, 'pause');
    const { number, state } = run.batch;
    if (state === 'running')
      await run.turn('paused', `${actor} paused it`, 'batch.paused', `${actor} paused batch ${number}`);
    return structuredClone(run.batch);
  }

  /** Goes on with what waits; again is as well. @throws ProblemError `batch_ended`, `batch_running` */
  async resume(id: string, { unhealthy }: ResumeBatch, actor: string): Promise<Batch> {
    const run = this.#must(id, 'resume');
    if (run.batch.state === 'running') return structuredClone(run.batch);
    return this.#alone(run, async () => {
      if (unhealthy === 'retry') await run.retry();
      await run.go('batch.resumed', `${actor} resumed batch ${run.batch.number}`);
      return structuredClone(run.batch);
    });
  }

  /** For good. What runs is ended, what waits stays where it is. @throws ProblemError `batch_ended` */
  async stop(id: string, actor: string): Promise<Batch> {
    const run = this.#must(id, 'stop');
    const { number, state } = run.batch;
    if (state !== 'stopped')
      await run.turn('stopped', `${actor} stopped it`, 'batch.stopped', `${actor} stopped batch ${number}`);
    return structuredClone(run.batch);
  }

  /** One that has not ended. */
  get(id: string): Batch | undefined {
    const batch = this.#runs.get(id)?.batch;
    return batch && structuredClone(batch);
  }

  /** Tells the truth about what a stopped agent left; none goes on by itself. */
  async takeOver(): Promise<void> {
    for (const batch of await this.#context.store.openBatches()) {
      await reconcileBatchPods(this.#context.store, batch);
      if (batch.state === 'stopped') {
        await this.#context.store.saveBatch({ ...batch, endedAt: new Date().toISOString() });
        continue;
      }
      const run = this.#hold(batch);
      if (batch.state === 'running')
        await run.turn(
          'interrupted',
          'the agent ended while it ran',
          'batch.interrupted',
          `batch ${batch.number} to ${batch.to} was interrupted: ${batch.counts.waiting} of ${batch.pods.length} pods wait`,
        );
    }
  }

  /** Starts nothing more and waits for what runs. */
  async close(): Promise<void> {
    for (const run of this.#runs.values()) {
      const { number, state, counts } = run.batch;
      if (state === 'running')
        await run.turn(
          'interrupted',
          'the agent was stopped',
          'batch.interrupted',
          `batch ${number} is interrupted, since the agent stops: ${counts.waiting} pods wait`,
        );
      await run.settled();
    }
  }

  #hold(batch: Batch): BatchExecutor {
    const run = new BatchExecutor(
      this.#context,
      this.#migrations,
      {
        batch: ({ pods: _, ...summary }) => {
          if (summary.endedAt !== null) this.#runs.delete(summary.id);
          this.emit('batch', structuredClone(summary));
        },
        pod: ({ id }, pod) => this.emit('pod', id, { ...pod }),
      },
      batch,
    );
    this.#runs.set(batch.id, run);
    return run;
  }

  #must(id: string, verb: string): BatchExecutor {
    const run = this.#runs.get(id);
    if (run) return run;
    throw new ProblemError('batch_ended', `${verb} batch ${id}: it has ended`, {
      hint: 'Start a new batch; pods on the kind already are skipped.',
    });
  }

  /** Two at work at a time would each be more than the parallelism that its operator chose. */
  async #alone<T>(self: BatchExecutor | null, act: () => Promise<T>): Promise<T> {
    const other = [...this.#runs.values()].find((run) => run !== self && run.busy);
    if (other || this.#starting)
      throw new ProblemError(
        'batch_running',
        other
          ? `batch ${other.batch.number} to ${other.batch.to} is at work`
          : 'another batch is being started',
        { hint: 'Pause or stop it, or wait for its end: GET /api/v1/batches.' },
      );
    this.#starting = true;
    try {
      return await act();
    } finally {
      this.#starting = false;
    }
  }
}
