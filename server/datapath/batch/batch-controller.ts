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
import type { Migration } from '../../../contract/migration.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { TaskScope } from '../../async/task-scope.ts';
import type { DatapathContext } from '../datapath-context.ts';
import type { MigrationController } from '../migration/migration-controller.ts';
import { BatchExecutor } from './batch-executor.ts';
import { planBatch, throwIfBatchRefused } from './plan-batch.ts';
import { reconcileBatchPods } from './recover-batch.ts';
import { clearUnhealthyCondition, restoreUnhealthyConditions } from './set-unhealthy-condition.ts';

export interface BatchEvents {
  batch: [BatchSummary];
  pod: [batchId: string, pod: BatchPod];
}

/** Starts, pauses, resumes and stops batches of pod migrations. Only one batch runs at a time. */
export class BatchController extends EventEmitter<BatchEvents> {
  readonly #context: DatapathContext;
  readonly #migrations: MigrationController;
  /** Executors of batches that have not ended, by batch id. */
  readonly #runs = new Map<string, BatchExecutor>();
  readonly #scope: TaskScope;
  #starting = false;

  constructor(context: DatapathContext, migrations: MigrationController) {
    super();
    this.#context = context;
    this.#migrations = migrations;
    this.#scope = new TaskScope((error) => context.log.error({ err: error }, 'batch'));
  }

  /** Plans a batch without changing anything. @throws ProblemError `pod_not_found` */
  plan(wanted: NewBatch): Promise<BatchPlan> {
    return planBatch(this.#context, this.#migrations, wanted);
  }

  /**
   * Starts a batch with the pods that can be moved; the others are named in it as refused or skipped.
   * @returns once its journal is stored
   * @throws ProblemError `batch_running`, `pod_not_found`, `nothing_to_move`, `no_slot`, `store_failed`
   */
  async start(wanted: NewBatch, actor: string): Promise<Batch> {
    return this.#exclusively(null, async () => {
      const { allowed, slots, pods, ...plan } = await this.plan(wanted);
      throwIfBatchRefused({ allowed, slots, pods, ...plan });
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
      const run = this.#add(batch);
      const { waiting, skipped, refused } = batch.counts;
      await run.run(
        'batch.started',
        `${actor} started batch ${batch.number}: ${waiting} pods to ${batch.to}, ${batch.parallelism} at a time, ${skipped} already on it, ${refused} refused`,
      );
      return structuredClone(batch);
    });
  }

  /** Pauses a batch: running migrations finish, and no more start. Idempotent. @throws ProblemError `batch_ended` */
  async pause(id: string, actor: string): Promise<Batch> {
    const run = this.#require(id, 'pause');
    const { number, state } = run.batch;
    if (state === 'running')
      await run.setState('paused', `${actor} paused it`, 'batch.paused', `${actor} paused batch ${number}`);
    return structuredClone(run.batch);
  }

  /** Resumes a batch with its waiting pods. Idempotent. @throws ProblemError `batch_ended` or `batch_running` */
  async resume(id: string, { unhealthy }: ResumeBatch, actor: string): Promise<Batch> {
    const run = this.#require(id, 'resume');
    if (run.batch.state === 'running') return structuredClone(run.batch);
    return this.#exclusively(run, async () => {
      if (unhealthy === 'retry') await run.retry();
      // It may have been stopped meanwhile, which is final.
      if (run.batch.state === 'stopped') throw ended('resume', id);
      await run.run('batch.resumed', `${actor} resumed batch ${run.batch.number}`);
      return structuredClone(run.batch);
    });
  }

  /**
   * Stops a batch permanently: running migrations finish, and waiting pods are not migrated. Idempotent.
   * @throws ProblemError `batch_ended`
   */
  async stop(id: string, actor: string): Promise<Batch> {
    const run = this.#require(id, 'stop');
    const { number, state } = run.batch;
    if (state !== 'stopped')
      await run.setState(
        'stopped',
        `${actor} stopped it`,
        'batch.stopped',
        `${actor} stopped batch ${number}`,
      );
    return structuredClone(run.batch);
  }

  /** Returns a batch by its id if it has not ended, otherwise undefined. */
  get(id: string): Batch | undefined {
    const batch = this.#runs.get(id)?.batch;
    return batch && structuredClone(batch);
  }

  /**
   * Loads the batches that were open when the agent stopped, in the state `interrupted`. None of them resumes
   * automatically.
   */
  async recover(): Promise<void> {
    await restoreUnhealthyConditions(this.#context);
    for (const batch of await this.#context.store.openBatches()) {
      await reconcileBatchPods(this.#context.store, batch);
      if (batch.state === 'stopped') {
        await this.#context.store.saveBatch({ ...batch, endedAt: new Date().toISOString() });
        continue;
      }
      const run = this.#add(batch);
      if (batch.state === 'running')
        await run.setState(
          'interrupted',
          'the agent ended while it ran',
          'batch.interrupted',
          `batch ${batch.number} to ${batch.to} was interrupted: ${batch.counts.waiting} of ${batch.pods.length} pods are waiting`,
        );
    }
  }

  /** Notes that a pod was migrated: what an earlier batch found wrong with it no longer counts. */
  migrated(migration: Pick<Migration, 'podId' | 'startedAt'>): void {
    this.#scope.start(() => clearUnhealthyCondition(this.#context, migration));
  }

  /** Stops starting migrations and waits for the running ones. */
  async close(): Promise<void> {
    for (const run of this.#runs.values()) {
      const { number, state, counts } = run.batch;
      if (state === 'running')
        await run.setState(
          'interrupted',
          'the agent was stopped',
          'batch.interrupted',
          `batch ${number} is interrupted, since the agent stops: ${counts.waiting} pods are waiting`,
        );
      await run.settled();
    }
    await this.#scope.close();
  }

  #add(batch: Batch): BatchExecutor {
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
      this.#scope,
    );
    this.#runs.set(batch.id, run);
    return run;
  }

  #require(id: string, verb: string): BatchExecutor {
    const run = this.#runs.get(id);
    if (run) return run;
    throw ended(verb, id);
  }

  /**
   * Runs `work` only if no other batch is running, because two batches would exceed the parallelism that each
   * operator chose.
   */
  async #exclusively<T>(self: BatchExecutor | null, work: () => Promise<T>): Promise<T> {
    const other = [...this.#runs.values()].find((run) => run !== self && run.busy);
    if (other || this.#starting)
      throw new ProblemError(
        'batch_running',
        other
          ? `batch ${other.batch.number} to ${other.batch.to} is running`
          : 'another batch is being started',
        { hint: 'Pause or stop it, or wait for its end: GET /api/v1/batches.' },
      );
    this.#starting = true;
    try {
      return await this.#scope.run(work);
    } finally {
      this.#starting = false;
    }
  }
}

const ended = (verb: string, id: string): ProblemError =>
  new ProblemError('batch_ended', `${verb} batch ${id}: it has ended`, {
    hint: 'Start a new batch; pods already on the kind are skipped.',
  });
