import type { Batch, BatchPod, BatchState } from '../../../contract/batch.ts';
import type { EventType } from '../../../contract/event.ts';
import type { Migration } from '../../../contract/migration.ts';
import type { DatapathContext } from '../context.ts';
import { asProblemError } from '../errors.ts';
import type { Migrations } from '../migration/migrations.ts';
import type { LivePod } from '../pod-registry.ts';
import { failureSummary } from './failure-summary.ts';
import { TrafficBaseline } from './traffic-baseline.ts';
import { watchHealth } from './watch-health.ts';

const shortestBeatMs = 1000;

export interface BatchPublisher {
  batch(batch: Batch): void;
  pod(batch: Batch, pod: BatchPod): void;
}

/**
 * One batch at work. Each of its pods is read for the settle time, migrated, and watched for the settle time; as many
 * at once as its parallelism says. The first unhealthy pod holds it, and what runs then is ended.
 */
export class BatchExecutor {
  readonly batch: Batch;
  readonly #context: DatapathContext;
  readonly #migrations: Pick<Migrations, 'start' | 'finished'>;
  readonly #publish: BatchPublisher;
  readonly #pulse: TrafficBaseline;
  readonly #active = new Map<string, Promise<void>>();
  #timers: NodeJS.Timeout[] = [];
  /** Whether pods that wait have been read for long enough. */
  #ready = false;

  constructor(
    context: DatapathContext,
    migrations: Pick<Migrations, 'start' | 'finished'>,
    publish: BatchPublisher,
    batch: Batch,
  ) {
    this.#context = context;
    this.#migrations = migrations;
    this.#publish = publish;
    this.batch = batch;
    this.#pulse = new TrafficBaseline(context.kernel);
  }

  /** Whether migrations of it run, or are about to. */
  get busy(): boolean {
    return this.batch.state === 'running' || this.#active.size > 0;
  }

  /** Begins, or goes on with the pods that wait. */
  async go(event: 'batch.started' | 'batch.resumed', message: string): Promise<void> {
    await this.turn('running', null, event, message);
    this.#ready = false;
    this.#beat();
    const { settleMs } = this.batch;
    const begin = (): void => {
      this.#ready = true;
      this.#fill();
    };
    this.#timers = [
      setInterval(() => this.#beat(), Math.max(settleMs, shortestBeatMs)),
      setTimeout(begin, settleMs),
    ];
  }

  /** Changes the state; what runs is ended, and nothing new is started unless it is `running`. */
  async turn(state: BatchState, reason: string | null, event: EventType, message: string): Promise<void> {
    const { batch } = this;
    batch.state = state;
    batch.reason = reason;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#end();
    await this.#save();
    await this.#context.publish.event({
      type: event,
      severity: reason === null && batch.counts.unhealthy === 0 ? 'info' : 'warning',
      podId: null,
      migrationId: null,
      message,
    });
  }

  /** Unhealthy pods wait again. */
  async retry(): Promise<void> {
    for (const pod of this.batch.pods)
      if (pod.state === 'unhealthy') await this.#change(pod, { state: 'waiting', code: null, reason: null });
  }

  /** Resolves when nothing of it runs. */
  async settled(): Promise<void> {
    await Promise.all(this.#active.values());
  }

  #beat(): void {
    const waiting = this.batch.pods.filter(({ state }) => state === 'waiting');
    this.#pulse.beat(waiting.flatMap(({ podId }) => this.#context.registry.get(podId) ?? []));
  }

  #fill(): void {
    const { batch } = this;
    while (this.#ready && batch.state === 'running' && this.#active.size < batch.parallelism) {
      const next = batch.pods.find(({ podId, state }) => state === 'waiting' && !this.#active.has(podId));
      if (!next) break;
      const moving = this.#move(next)
        .catch((error: unknown) => this.#unhealthy(next, next.moved, asProblemError(error)))
        .finally(() => {
          this.#active.delete(next.podId);
          this.#fill();
        });
      this.#active.set(next.podId, moving);
    }
    if (this.#active.size > 0 || batch.endedAt !== null) return;
    if (batch.state === 'stopped') {
      this.#end();
      void this.#save();
    }
    if (batch.state === 'running' && this.#ready)
      void this.turn(
        'done',
        null,
        'batch.done',
        `batch ${batch.number} to ${batch.to} is done: ${this.#sum()}`,
      );
  }

  async #move(member: BatchPod): Promise<void> {
    const { batch } = this;
    const pod = this.#context.registry.get(member.podId);
    const before = pod && batch.settleMs > 0 ? this.#pulse.before(pod) : null;
    await this.#change(member, { state: 'running', startedAt: now(), migrationId: null });
    if (!pod) return this.#ended(member);
    const migration = await this.#migrate(pod, member);
    if (!migration) return;
    if (migration.state !== 'done') {
      const { code, message, moved } = failureSummary(migration);
      return this.#unhealthy(member, moved, { code, message });
    }
    if (before) {
      await this.#change(member, { state: 'watched', moved: true });
      const complaint = await watchHealth(this.#context.kernel, pod, before, batch.settleMs);
      if (complaint) return this.#unhealthy(member, true, { code: null, message: complaint });
    }
    await this.#change(member, { state: 'done', moved: true, endedAt: now() });
  }

  /** @returns the migration, ended; null when the pod could not, or need not, be migrated */
  async #migrate(pod: LivePod, member: BatchPod): Promise<Migration | null> {
    const { actor, number, to, recreate } = this.batch;
    try {
      // One that was moved and is tried again gets one more device.
      const begun = await this.#migrations.start(
        pod,
        to,
        `${actor}, batch ${number}`,
        recreate || member.moved,
      );
      const finished = this.#migrations.finished(begun.id);
      await this.#change(member, { migrationId: begun.id });
      return await finished;
    } catch (error) {
      const problem = asProblemError(error);
      if (problem.code === 'already_on_kind')
        await this.#change(member, {
          state: 'skipped',
          code: problem.code,
          reason: problem.message,
          endedAt: now(),
        });
      else if (problem.code === 'pod_gone' || pod.gone) await this.#ended(member);
      else await this.#unhealthy(member, member.moved, problem);
      return null;
    }
  }

  /** A pod that ends while its node is worked on is nobody's failure. */
  #ended(member: BatchPod): Promise<void> {
    return this.#change(member, {
      state: 'refused',
      code: 'pod_gone',
      endedAt: now(),
      reason: 'it was no longer there when its turn came',
    });
  }

  async #unhealthy(
    member: BatchPod,
    moved: boolean,
    { code, message }: { code: BatchPod['code']; message: string },
  ): Promise<void> {
    const { batch } = this;
    // Held before the first wait: another pod's end would start the next one.
    const written = this.#change(member, {
      state: 'unhealthy',
      moved,
      code,
      reason: message,
      endedAt: now(),
    });
    if (batch.state !== 'running') return written;
    const [state, event] =
      batch.onUnhealthy === 'pause'
        ? (['paused', 'batch.paused'] as const)
        : (['stopped', 'batch.stopped'] as const);
    const reason = `${member.namespace}/${member.name}: ${message}`;
    await this.turn(state, reason, event, `batch ${batch.number} to ${batch.to} is ${state}: ${reason}`);
    await written;
  }

  #end(): void {
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
      this.#unwritten(error);
    }
  }

  async #save(): Promise<void> {
    this.#publish.batch(this.batch);
    try {
      await this.#context.store.saveBatch(this.batch);
    } catch (error) {
      this.#unwritten(error);
    }
  }

  /** Without a journal nobody could tell after a crash what was moved: nothing new is started. */
  #unwritten(error: unknown): void {
    const { message } = asProblemError(error);
    this.#context.log.error({ err: error, batch: this.batch.id }, 'journal of a batch');
    if (this.batch.state !== 'running') return;
    void this.turn('paused', message, 'batch.paused', `batch ${this.batch.number} is paused: ${message}`);
  }

  #sum(): string {
    const { done, unhealthy, skipped, refused } = this.batch.counts;
    const words = [
      `${done} moved`,
      ...(unhealthy > 0 ? [`${unhealthy} unhealthy`] : []),
      ...(skipped > 0 ? [`${skipped} there already`] : []),
      ...(refused > 0 ? [`${refused} refused`] : []),
    ];
    return words.join(', ');
  }
}

const now = (): string => new Date().toISOString();
