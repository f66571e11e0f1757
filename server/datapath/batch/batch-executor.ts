import type { AgentEventType } from '../../../contract/agent-event.ts';
import type { Batch, BatchPod, BatchState } from '../../../contract/batch.ts';
import type { Migration } from '../../../contract/migration.ts';
import type { TaskScope, TaskScopeTimer } from '../../async/task-scope.ts';
import type { DatapathContext } from '../datapath-context.ts';
import type { MigrationController } from '../migration/migration-controller.ts';
import type { LivePod } from '../pod-registry.ts';
import { wrapAsProblemError } from '../wrap-as-problem.ts';
import { summarizeMigrationFailure } from './failure-summary.ts';
import { setUnhealthyCondition } from './set-unhealthy-condition.ts';
import { PodTrafficBaseline } from './traffic-baseline.ts';
import { watchPodHealth } from './watch-health.ts';

/** Minimum time between two baseline samples, in milliseconds. */
const minSampleMs = 1000;

/** Publishes every change of a batch and of its pods. */
export interface BatchPublisher {
  batch(batch: Batch): void;
  pod(batch: Batch, pod: BatchPod): void;
}

/**
 * Executes a batch: samples each pod's traffic for the settle time, migrates the pod, and watches its health for the
 * settle time; as many pods at once as the parallelism allows. The first unhealthy pod pauses or stops the batch;
 * migrations in progress finish.
 */
export class BatchExecutor {
  readonly batch: Batch;
  readonly #context: DatapathContext;
  readonly #migrations: Pick<MigrationController, 'start' | 'finished'>;
  readonly #publish: BatchPublisher;
  readonly #scope: TaskScope;
  readonly #baseline: PodTrafficBaseline;
  readonly #active = new Map<string, Promise<void>>();
  #timers: TaskScopeTimer[] = [];
  /** True after the waiting pods have been sampled for the settle time. */
  #ready = false;

  /** Creates the executor of one batch. @param scope task scope that owns the batch's timers and migrations */
  constructor(
    context: DatapathContext,
    migrations: Pick<MigrationController, 'start' | 'finished'>,
    publish: BatchPublisher,
    batch: Batch,
    scope: TaskScope,
  ) {
    this.#context = context;
    this.#scope = scope;
    this.#migrations = migrations;
    this.#publish = publish;
    this.batch = batch;
    this.#baseline = new PodTrafficBaseline(context.kernel);
  }

  /** True while migrations of the batch are running or can still start. */
  get busy(): boolean {
    return this.batch.state === 'running' || this.#active.size > 0;
  }

  /** Starts or resumes the batch with its waiting pods. */
  async run(event: 'batch.started' | 'batch.resumed', message: string): Promise<void> {
    this.#ready = false;
    await this.setState('running', null, event, message);
    // It may have been paused or stopped during the write.
    if (this.batch.state !== 'running') return;
    const { settleMs } = this.batch;
    this.#sampleBaseline();
    this.#timers = [
      this.#scope.every(Math.max(settleMs, minSampleMs), () => this.#sampleBaseline()),
      this.#scope.after(settleMs, () => {
        this.#ready = true;
        this.#startWaiting();
      }),
    ];
  }

  /** Changes the batch's state. Running migrations finish; new migrations start only in the state `running`. */
  async setState(
    state: BatchState,
    reason: string | null,
    event: AgentEventType,
    message: string,
  ): Promise<void> {
    const { batch } = this;
    batch.state = state;
    batch.reason = reason;
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#markEnded();
    await this.#save();
    await this.#context.publish.event({
      type: event,
      severity: reason === null && batch.counts.unhealthy === 0 ? 'info' : 'warning',
      podId: null,
      migrationId: null,
      message,
    });
  }

  /** Sets unhealthy pods of the batch back to waiting. */
  async retry(): Promise<void> {
    for (const pod of this.batch.pods)
      if (pod.state === 'unhealthy') await this.#change(pod, { state: 'waiting', code: null, reason: null });
  }

  /** Resolves when no migration of the batch is running. */
  async settled(): Promise<void> {
    await Promise.all(this.#active.values());
  }

  #sampleBaseline(): void {
    const waiting = this.batch.pods.filter(({ state }) => state === 'waiting');
    this.#baseline.sample(waiting.flatMap(({ podId }) => this.#context.registry.get(podId) ?? []));
  }

  /** Starts migrations of waiting pods up to the batch's parallelism, and ends the batch after the last one. */
  #startWaiting(): void {
    const { batch } = this;
    while (this.#ready && batch.state === 'running' && this.#active.size < batch.parallelism) {
      const next = batch.pods.find(({ podId, state }) => state === 'waiting' && !this.#active.has(podId));
      if (!next) break;
      const moving = this.#migrateAndWatch(next)
        .catch((error: unknown) => this.#unhealthy(next, next.moved, wrapAsProblemError(error)))
        .finally(() => {
          this.#active.delete(next.podId);
          this.#startWaiting();
        });
      this.#active.set(next.podId, moving);
    }
    if (this.#active.size > 0 || batch.endedAt !== null) return;
    if (batch.state === 'stopped') {
      this.#markEnded();
      this.#scope.start(() => this.#save());
    }
    if (batch.state === 'running' && this.#ready)
      this.#scope.start(() =>
        this.setState(
          'done',
          null,
          'batch.done',
          `batch ${batch.number} to ${batch.to} is done: ${this.#summary()}`,
        ),
      );
  }

  async #migrateAndWatch(member: BatchPod): Promise<void> {
    const { batch } = this;
    const pod = this.#context.registry.get(member.podId);
    const before = pod && batch.settleMs > 0 ? this.#baseline.read(pod) : null;
    await this.#change(member, { state: 'running', startedAt: now(), migrationId: null });
    if (!pod) return this.#podGone(member);
    const migration = await this.#migrate(pod, member);
    if (!migration) return;
    if (migration.state !== 'done') {
      const { code, message, moved } = summarizeMigrationFailure(migration);
      return this.#unhealthy(member, moved, { code, message });
    }
    if (before) {
      await this.#change(member, { state: 'watched', moved: true });
      const fault = await watchPodHealth(this.#context.kernel, pod, before, batch.settleMs);
      if (fault) return this.#unhealthy(member, true, { code: null, message: fault });
    }
    await this.#change(member, { state: 'done', moved: true, endedAt: now() });
  }

  /** Migrates one pod of the batch. @returns the ended migration, or null if the pod was refused or skipped */
  async #migrate(pod: LivePod, member: BatchPod): Promise<Migration | null> {
    const { actor, number, to, recreate, onLoss } = this.batch;
    try {
      // A retried pod that was already moved gets another new device.
      const begun = await this.#migrations.start(pod, to, `${actor}, batch ${number}`, {
        recreate: recreate || member.moved,
        accept: onLoss === 'accept' ? ['*'] : [],
      });
      const finished = this.#migrations.finished(begun.id);
      await this.#change(member, { migrationId: begun.id });
      return await finished;
    } catch (error) {
      const problem = wrapAsProblemError(error);
      if (problem.code === 'already_on_kind')
        await this.#change(member, {
          state: 'skipped',
          code: problem.code,
          reason: problem.message,
          endedAt: now(),
        });
      else if (problem.code === 'pod_gone') await this.#podGone(member);
      else await this.#unhealthy(member, member.moved, problem);
      return null;
    }
  }

  /** Marks a pod as gone. A pod that ended before its migration does not make the batch unhealthy. */
  #podGone(member: BatchPod): Promise<void> {
    return this.#change(member, {
      state: 'refused',
      code: 'pod_gone',
      endedAt: now(),
      reason: 'the pod was gone when its turn came',
    });
  }

  async #unhealthy(
    member: BatchPod,
    moved: boolean,
    { code, message }: { code: BatchPod['code']; message: string },
  ): Promise<void> {
    const { batch } = this;
    // The state changes before the first await: the end of another pod would start the next one.
    const written = this.#change(member, {
      state: 'unhealthy',
      moved,
      code,
      reason: message,
      endedAt: now(),
    });
    const told = setUnhealthyCondition(this.#context, batch, member);
    if (batch.state !== 'running') {
      await Promise.all([written, told]);
      return;
    }
    const [state, event] =
      batch.onUnhealthy === 'pause'
        ? (['paused', 'batch.paused'] as const)
        : (['stopped', 'batch.stopped'] as const);
    const reason = `${member.namespace}/${member.name}: ${message}`;
    await this.setState(state, reason, event, `batch ${batch.number} to ${batch.to} is ${state}: ${reason}`);
    await Promise.all([written, told]);
  }

  /** Sets the end time of a batch that is done or stopped and has no running migration. */
  #markEnded(): void {
    const { batch } = this;
    const over = batch.state === 'done' || batch.state === 'stopped';
    if (over && this.#active.size === 0) batch.endedAt ??= now();
  }

  async #change(pod: BatchPod, change: Partial<BatchPod>): Promise<void> {
    const { batch } = this;
    batch.counts[pod.state] -= 1;
    Object.assign(pod, change);
    batch.counts[pod.state] += 1;
    this.#publish.pod(batch, pod);
    this.#publish.batch(batch);
    try {
      await this.#context.store.saveBatchPod(batch.id, pod);
    } catch (error) {
      this.#journalFailed(error);
    }
  }

  async #save(): Promise<void> {
    this.#publish.batch(this.batch);
    try {
      await this.#context.store.saveBatch(this.batch);
    } catch (error) {
      this.#journalFailed(error);
    }
  }

  /**
   * Pauses a batch whose journal cannot be stored, because after a crash the agent could not tell which pods were
   * migrated.
   */
  #journalFailed(error: unknown): void {
    const { message } = wrapAsProblemError(error);
    this.#context.log.error({ err: error, batch: this.batch.id }, 'journal of a batch');
    if (this.batch.state !== 'running') return;
    this.#scope.start(() =>
      this.setState('paused', message, 'batch.paused', `batch ${this.batch.number} is paused: ${message}`),
    );
  }

  #summary(): string {
    const { done, unhealthy, skipped, refused } = this.batch.counts;
    const parts = [
      `${done} moved`,
      ...(unhealthy > 0 ? [`${unhealthy} unhealthy`] : []),
      ...(skipped > 0 ? [`${skipped} already on the kind`] : []),
      ...(refused > 0 ? [`${refused} refused`] : []),
    ];
    return parts.join(', ');
  }
}

const now = (): string => new Date().toISOString();
