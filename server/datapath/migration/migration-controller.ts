import type { DeviceKind } from '../../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { TaskScope } from '../../async/task-scope.ts';
import type { DeviceRecord, NewEvent } from '../../store/records.ts';
import { finishRelease } from '../adopted/release-pod.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { DeviceDropMeter } from '../device/device-drops.ts';
import { isForeignDevice } from '../device-indexes.ts';
import { findBlockingActivity, isPodGone, withPod } from '../pod-activity.ts';
import { openPodNamespace, type PodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { addPendingDevice, retireDevice, setCurrentDevice } from '../pods/current-device.ts';
import { toMigrationProblem } from '../wrap-as-problem.ts';
import { JournalWriter } from './journal-writer.ts';
import type { OldDeviceNetwork } from './old-device-network.ts';
import { requireAcceptance } from './plan-items.ts';
import { throwIfCheckRefused } from './preflight.ts';
import {
  createMigrationJournal,
  type MigrationTarget,
  prepareMigration,
  recordState,
} from './prepare-migration.ts';
import { decodeRecordedState, encodeRecordedState, type RecordedState } from './recorded-state.ts';
import { type MigrationRecoveryContext, recoverMigration } from './recover-migration.ts';
import type { DeviceMove } from './step-definition.ts';
import { type MigrationJournal, type MigrationStepActions, runMigrationSteps } from './step-executor.ts';
import { createMigrationStepActions } from './step-list.ts';

/** How a migration is started. */
export interface MigrationOptions {
  /** True if the new device may have the same kind as the old one. */
  recreate: boolean;
  /** Ids of the plan's items whose change or loss is accepted; `*` accepts all. */
  accept: readonly string[];
}

/** Migration whose journal is open, with the context of the migration steps. */
interface StartedMigration {
  migration: Migration;
  from: DeviceRecord;
  to: DeviceRecord;
  namespace: PodNamespace;
  oldNetwork: OldDeviceNetwork;
  recorded: RecordedState;
}

/**
 * Runs migrations, at most one per pod at a time, and completes or undoes those that were running when the agent was
 * killed.
 */
export class MigrationController {
  readonly #context: DatapathContext;
  readonly #ended: (pod: LivePod) => void;
  readonly #wrap: (actions: MigrationStepActions) => MigrationStepActions;
  readonly #journals: JournalWriter;
  readonly #scope: TaskScope;
  readonly #running = new Map<string, Promise<Migration>>();
  /** Ended migrations whose request counts are filled in after the pod's next traffic report. */
  readonly #uncounted: { migration: Migration; pod: LivePod; before: { ok: number; failed: number } }[] = [];

  /**
   * @param ended called with a pod whose migration ended or was refused
   * @param wrap replaces the actions of each migration; tests inject faults with it
   */
  constructor(
    context: DatapathContext,
    ended: (pod: LivePod) => void,
    wrap: (actions: MigrationStepActions) => MigrationStepActions = (actions) => actions,
  ) {
    this.#context = context;
    this.#ended = ended;
    this.#wrap = wrap;
    this.#scope = new TaskScope((error) => context.log.error({ err: error }, 'migrations'));
    this.#journals = new JournalWriter(
      (migration) => context.store.saveMigration(migration),
      context.publish.migration,
      this.#scope,
    );
  }

  plan(pod: LivePod, to: DeviceKind, recreate: boolean): Promise<MigrationPlan> {
    return this.#plan(pod, { kind: to, release: false }, recreate);
  }

  /** Plans the return of an adopted pod to a device as others made it. */
  planRelease(pod: LivePod): Promise<MigrationPlan> {
    return this.#plan(pod, releaseTarget, true);
  }

  async #plan(
    pod: LivePod,
    target: Omit<MigrationTarget, 'slot'>,
    recreate: boolean,
  ): Promise<MigrationPlan> {
    using namespace = openPodNamespace(pod);
    const { plan } = await prepareMigration(
      this.#context.kernel,
      pod,
      namespace,
      { ...target, slot: this.#context.slots.next() },
      {
        obstacle: findBlockingActivity(pod),
        recreate,
      },
    );
    return plan;
  }

  /**
   * Starts a migration; resolves once its journal is stored and it runs.
   * @throws ProblemError `migration_running`, `pod_busy`, `pod_gone`; the code of a check that refused; `store_failed`
   */
  start(pod: LivePod, to: DeviceKind, actor: string, options: MigrationOptions): Promise<Migration> {
    const what = `migrate ${formatPodName(pod)} to ${to}`;
    return this.#start(pod, { kind: to, release: false }, actor, options, what);
  }

  /**
   * Starts the return of an adopted pod to a device as others made it; the pod is released when it is done.
   * @param accept as of `MigrationOptions` @throws ProblemError as `start`
   */
  startRelease(pod: LivePod, actor: string, accept: readonly string[]): Promise<Migration> {
    const what = `release ${formatPodName(pod)}`;
    return this.#start(pod, releaseTarget, actor, { recreate: true, accept }, what);
  }

  async #start(
    pod: LivePod,
    target: Omit<MigrationTarget, 'slot'>,
    actor: string,
    options: MigrationOptions,
    what: string,
  ): Promise<Migration> {
    const started = Promise.withResolvers<Migration>();
    const running = this.#scope.run(async () => {
      const ended = await withPod(pod, { type: 'planning' }, what, async (enter) => {
        const opened = await this.#open(pod, target, actor, options, what);
        enter({ type: 'migrating', migrationId: opened.migration.id });
        started.resolve(structuredClone(opened.migration));
        this.#context.publish.pod(pod);
        const requests = pod.requests;
        await this.#run(pod, opened);
        if (isReleased(opened.migration)) await finishRelease(this.#context, pod, enter, actor);
        return { migration: opened.migration, requests };
      });
      return this.#conclude(pod, ended);
    });
    running.catch(started.reject);
    const migration = await started.promise;
    this.#running.set(migration.id, running);
    void running.catch(() => undefined).finally(() => this.#running.delete(migration.id));
    return migration;
  }

  /** Prepares a migration and opens its journal. On failure, nothing remains in the kernel or the store. */
  async #open(
    pod: LivePod,
    to: Omit<MigrationTarget, 'slot'>,
    actor: string,
    { recreate, accept }: MigrationOptions,
    what: string,
  ): Promise<StartedMigration> {
    let slot: number | null = null;
    let namespace: PodNamespace | null = null;
    let device: DeviceRecord | null = null;
    try {
      slot = await this.#context.slots.allocate();
      namespace = openPodNamespace(pod);
      const target = { ...to, slot };
      const prepared = await prepareMigration(this.#context.kernel, pod, namespace, target, {
        obstacle: null,
        recreate,
      });
      throwIfCheckRefused(prepared.plan.checks, what);
      requireAcceptance(prepared.plan.items, accept, what);
      const recorded: RecordedState = {
        ...prepared.recorded,
        accepted: prepared.plan.items.map(({ id, end, kind, key }) => ({ id, kind: `${end} ${kind}`, key })),
      };
      device = await this.#context.store.addDevice(prepared.device);
      const migration = await this.#context.store.addMigration(
        createMigrationJournal(prepared.plan, pod, actor),
        encodeRecordedState(recorded),
      );
      const from = getCurrentDevice(pod);
      addPendingDevice(pod, device);
      return { migration, from, to: device, namespace, oldNetwork: prepared.oldNetwork, recorded };
    } catch (error) {
      namespace?.[Symbol.dispose]();
      if (device) await this.#takeBack(pod, device);
      else if (slot !== null) this.#context.slots.release(slot);
      this.#ended(pod);
      throw error;
    }
  }

  /**
   * Removes the record of a device that was not created. The pod keeps the device's slot while the store cannot be
   * written.
   */
  async #takeBack(pod: LivePod, device: DeviceRecord): Promise<void> {
    addPendingDevice(pod, device);
    await this.#close(pod, device);
  }

  async #run(
    pod: LivePod,
    { migration, from, to, namespace, oldNetwork, recorded }: StartedMigration,
  ): Promise<void> {
    const move = this.#move(pod, from, to, namespace, migration, recorded, oldNetwork);
    try {
      await runMigrationSteps(migration, this.#actions(move), this.#journal);
    } catch (error) {
      this.#context.log.error({ err: error, migration: migration.id }, 'migration');
      await endAsFailed(migration, error, this.#journal);
    } finally {
      move.disposables.dispose();
      namespace[Symbol.dispose]();
    }
  }

  /** Publishes the end of a migration after the pod is idle again. */
  async #conclude(
    pod: LivePod,
    { migration, requests }: { migration: Migration; requests: LivePod['requests'] },
  ): Promise<Migration> {
    if (requests && migration.result) this.#uncounted.push({ migration, pod, before: requests });
    if (!isPodGone(pod)) this.#context.publish.pod(pod);
    await this.#context.publish.event(endEvent(migration));
    this.#ended(pod);
    return migration;
  }

  /** Adds the pods' reported requests to migrations that have ended since the last report. */
  noteRequests(): void {
    for (const { migration, pod, before } of this.#uncounted.splice(0)) {
      if (!pod.requests || !migration.result) continue;
      migration.result.requestsOk = pod.requests.ok - before.ok;
      migration.result.requestsFailed = pod.requests.failed - before.failed;
      this.#scope.start(async () => {
        await this.#journals.save(migration);
        this.#context.publish.migration(migration);
      });
    }
  }

  async recover(migration: Migration, pod: LivePod | undefined): Promise<void> {
    const recovery: MigrationRecoveryContext = {
      kernel: this.#context.kernel,
      journal: this.#journal,
      actions: (move) => this.#actions(move),
      recordedState: async (livePod, namespace) => {
        const text = await this.#context.store.migrationNetworkState(migration.id);
        return text === null
          ? await recordState(this.#context.kernel, livePod, namespace)
          : decodeRecordedState(text);
      },
      move: (livePod, from, to, namespace, journal, recorded) =>
        this.#move(livePod, from, to, namespace, journal, recorded, null),
    };
    const what = `recover migration ${migration.number}`;
    const ended = pod
      ? await withPod(pod, { type: 'migrating', migrationId: migration.id }, what, async (enter) => {
          const recovered = await recoverMigration(migration, pod, recovery);
          if (isReleased(recovered)) await finishRelease(this.#context, pod, enter, recovered.actor);
          return recovered;
        })
      : await recoverMigration(migration, pod, recovery);
    await this.#context.publish.event({
      type: 'migration.recovered',
      severity: ended.state === 'failed' ? 'error' : 'warning',
      podId: ended.podId,
      migrationId: ended.id,
      message: `migration ${ended.number} of ${ended.podNamespace}/${ended.podName}, interrupted by a restart, is ${ended.state}`,
    });
  }

  /** Ends the adoption of a pod whose release a killed agent had done but for that. */
  async finishReleaseOf(pod: LivePod): Promise<void> {
    if (pod.record.adoption === null || isPodGone(pod) || !isForeignDevice(getCurrentDevice(pod))) return;
    const last = await this.#context.store.lastMigration(pod.record.id);
    if (last === null || !isReleased(last)) return;
    await withPod(pod, { type: 'detaching' }, `release ${formatPodName(pod)}`, (enter) =>
      finishRelease(this.#context, pod, enter, last.actor),
    );
  }

  /** Resolves with a migration after it has ended. */
  async finished(id: string): Promise<Migration> {
    const migration = await this.#running.get(id);
    if (!migration) throw new Error(`migration ${id} does not run`);
    return migration;
  }

  /** Stops starting migrations and waits for the running ones. */
  close(): Promise<void> {
    return this.#scope.close();
  }

  /**
   * Retires a device that is gone. Where the disk is full its record stays, with its slot and counters: the migration
   * ends nevertheless, and the next reconciliation of the pod removes the record.
   */
  async #close(pod: LivePod, device: DeviceRecord): Promise<void> {
    const { kernel, store, slots, log } = this.#context;
    try {
      await retireDevice(kernel, store, slots, pod, device);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.code !== 'store_failed') throw error;
      log.error({ err: error, pod: pod.record.id }, 'the record of a removed device');
    }
  }

  #actions(move: DeviceMove): MigrationStepActions {
    return this.#wrap(createMigrationStepActions(this.#context.kernel, move));
  }

  get #journal(): MigrationJournal {
    return {
      save: (migration) => this.#journals.save(migration),
      emit: (migration) => this.#context.publish.migration(migration),
    };
  }

  #move(
    pod: LivePod,
    from: DeviceRecord,
    to: DeviceRecord,
    namespace: PodNamespace,
    migration: Migration,
    recorded: RecordedState,
    oldNetwork: OldDeviceNetwork | null,
  ): DeviceMove {
    const { kernel } = this.#context;
    const drops = new DeviceDropMeter(
      kernel,
      namespace,
      () => this.#context.readKernelDrops?.(pod.record.number) ?? null,
    );
    return {
      pod: pod.record,
      namespace,
      from,
      to,
      oldNetwork,
      recorded,
      disposables: new DisposableStack(),
      onStart: () => drops.start(from),
      onNewDeviceReady: () => this.#context.publish.deviceReady(pod, to),
      onTrafficMoved: (device) => {
        setCurrentDevice(pod, device);
        this.#context.publish.deviceReady(pod, device);
        this.#context.publish.pod(pod);
      },
      beforeRemoval: () => drops.beforeRemoval(from),
      onDeviceRemoved: (device) => this.#close(pod, device),
      onVerified: async (counted) => {
        migration.result = {
          ...counted,
          ...(await drops.finish(to)),
          requestsOk: null,
          requestsFailed: null,
        };
      },
    };
  }
}

/** Device that a release leads to. Its slot is that of the programs, until the pod is released. */
const releaseTarget: Omit<MigrationTarget, 'slot'> = { kind: 'veth', release: true };

/** Tells whether a pod is back on a device as others made it, so that its adoption ends. */
const isReleased = ({ direction, state }: Migration): boolean => direction === 'release' && state === 'done';

/** Ends a migration as `failed` for a reason other than a failed step. */
async function endAsFailed(migration: Migration, error: unknown, journal: MigrationJournal): Promise<void> {
  const step = migration.steps.find((each) => each.state !== 'done')?.step ?? 'verified';
  Object.assign(migration, { state: 'failed', endedAt: new Date().toISOString() });
  migration.error = { ...toMigrationProblem(error), step };
  await journal.save(migration).catch(() => {});
  journal.emit(migration);
}

const endEvent = (migration: Migration): NewEvent => {
  const what = `${migration.podNamespace}/${migration.podName} ${migration.direction} to ${migration.to.kind}`;
  const because = migration.error ? ` at ${migration.error.step}: ${migration.error.detail}` : '';
  return {
    type:
      migration.state === 'done'
        ? 'migration.done'
        : migration.state === 'undone'
          ? 'migration.undone'
          : 'migration.failed',
    severity: migration.state === 'done' ? 'info' : migration.state === 'undone' ? 'warning' : 'error',
    podId: migration.podId,
    migrationId: migration.id,
    message: `${what} ${migration.state}${because}`,
  };
};
