import type { DeviceKind } from '../../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { DeviceRecord } from '../../store/records.ts';
import type { DatapathContext, NewEvent } from '../context.ts';
import { deviceDrops } from '../device/device-drops.ts';
import type { NetworkState } from '../device/network-state.ts';
import { asProblem } from '../errors.ts';
import { openPodNamespace, type PodNamespace } from '../pod-namespaces.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { addPendingDevice, makeCurrent, retireDevice } from '../pods/current-device.ts';
import { type Journal, runSteps, type StepActions } from './executor.ts';
import { Unsaved } from './journal-retry.ts';
import { refuse } from './preflight.ts';
import { journalOf, prepare } from './prepare.ts';
import { recoverMigration } from './recover.ts';
import type { DeviceMove } from './step.ts';
import { stepActions } from './steps.ts';

/** Runs migrations, at most one of a pod at a time, and ends what a killed agent left open. */
export class Migrations {
  readonly #core: DatapathContext;
  readonly #ended: (pod: LivePod) => void;
  readonly #wrap: (actions: StepActions) => StepActions;
  readonly #unsaved: Unsaved;
  readonly #running = new Map<string, Promise<Migration>>();
  /** Ended, their requests to be filled in when the traffic has reported once more. */
  readonly #uncounted: { migration: Migration; pod: LivePod; before: { ok: number; failed: number } }[] = [];

  /**
   * @param ended told of a pod whose migration ended or was refused
   * @param wrap sees every migration's actions before they run
   */
  constructor(
    core: DatapathContext,
    ended: (pod: LivePod) => void,
    wrap: (actions: StepActions) => StepActions = (actions) => actions,
  ) {
    this.#core = core;
    this.#ended = ended;
    this.#wrap = wrap;
    this.#unsaved = new Unsaved((migration) => core.store.saveMigration(migration), core.publish.migration);
  }

  async plan(pod: LivePod, to: DeviceKind, recreate: boolean): Promise<MigrationPlan> {
    using namespace = openPodNamespace(pod.record);
    const { plan } = await prepare(this.#core.kernel, pod, namespace, to, this.#core.slots.next(), {
      running: pod.migration,
      recreate,
    });
    return plan;
  }

  async start(pod: LivePod, to: DeviceKind, actor: string, recreate: boolean): Promise<Migration> {
    const name = `${pod.record.namespace}/${pod.record.name}`;
    if (pod.migration)
      throw new ProblemError(
        'migration_running',
        `migrate ${name} to ${to}: migration ${pod.migration} is running`,
        {
          hint: 'Wait for it to end: GET /api/v1/migrations/:id.',
        },
      );
    if (pod.leaving) throw new ProblemError('pod_gone', `migrate ${name} to ${to}: the pod is being removed`);
    // Taken before the first wait: a second call finds it.
    pod.migration = 'planning';
    let slot: number | null = null;
    let namespace: PodNamespace | null = null;
    let device: DeviceRecord | null = null;
    try {
      await pod.repairing;
      slot = this.#core.slots.allocate();
      namespace = openPodNamespace(pod.record);
      const {
        plan,
        networkState,
        device: wanted,
      } = await prepare(this.#core.kernel, pod, namespace, to, slot, {
        running: null,
        recreate,
      });
      refuse(plan.checks, `migrate ${name} to ${to}`);
      device = await this.#core.store.addDevice(wanted);
      const migration = await this.#core.store.addMigration(journalOf(plan, pod, actor));
      const from = currentDevice(pod);
      addPendingDevice(pod, device);
      pod.migration = migration.id;
      this.#core.publish.pod(pod);
      const done = this.#run(migration, pod, from, device, namespace, networkState);
      this.#running.set(migration.id, done);
      void done.finally(() => this.#running.delete(migration.id));
      return structuredClone(migration);
    } catch (error) {
      namespace?.[Symbol.dispose]();
      if (device) await this.#takeBack(pod, device);
      else if (slot !== null) this.#core.slots.release(slot);
      pod.migration = null;
      this.#ended(pod);
      throw error;
    }
  }

  /** A row that cannot be taken back keeps its slot: the pod has a second device until the books can be written. */
  async #takeBack(pod: LivePod, device: DeviceRecord): Promise<void> {
    addPendingDevice(pod, device);
    await this.#close(pod, device);
  }

  async #run(
    migration: Migration,
    pod: LivePod,
    from: DeviceRecord,
    to: DeviceRecord,
    namespace: PodNamespace,
    networkState: NetworkState,
  ): Promise<Migration> {
    const requests = pod.requests;
    try {
      const move = this.#move(pod, from, to, namespace, migration, networkState);
      await runSteps(migration, this.#actions(move), this.#journal);
    } catch (error) {
      this.#core.log.error({ err: error, migration: migration.id }, 'migration');
      await failed(migration, error, this.#journal);
    } finally {
      namespace[Symbol.dispose]();
      pod.migration = null;
    }
    if (requests && migration.result) this.#uncounted.push({ migration, pod, before: requests });
    this.#core.publish.pod(pod);
    await this.#core.publish.event(ended(migration));
    this.#ended(pod);
    return migration;
  }

  /** Fills in what the pods' own traffic counted during migrations that have ended since its last report. */
  noteRequests(): void {
    for (const { migration, pod, before } of this.#uncounted.splice(0)) {
      if (!pod.requests || !migration.result) continue;
      migration.result.requestsOk = pod.requests.ok - before.ok;
      migration.result.requestsFailed = pod.requests.failed - before.failed;
      void this.#unsaved.save(migration).then(
        () => this.#core.publish.migration(migration),
        (error: unknown) =>
          this.#core.log.error({ err: error, migration: migration.id }, 'requests of a migration'),
      );
    }
  }

  async recover(migration: Migration, pod: LivePod | undefined): Promise<void> {
    const ended = await recoverMigration(migration, pod, {
      ground: this.#core.kernel,
      journal: this.#journal,
      actions: (move) => this.#actions(move),
      move: (livePod, from, to, namespace, journal) =>
        this.#move(livePod, from, to, namespace, journal, null),
    });
    await this.#core.publish.event({
      type: 'migration.recovered',
      severity: ended.state === 'failed' ? 'error' : 'warning',
      podId: ended.podId,
      migrationId: ended.id,
      message: `migration ${ended.number} of ${ended.podNamespace}/${ended.podName}, found unfinished, is ${ended.state}`,
    });
  }

  /** Resolves when the migration, which was just started, has ended. */
  async finished(id: string): Promise<Migration> {
    const migration = await this.#running.get(id);
    if (!migration) throw new Error(`migration ${id} does not run`);
    return migration;
  }

  /** Resolves when no migration runs; none may be started after. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values());
    this.#unsaved.close();
  }

  /**
   * Closes a device that is gone. Where the disk is full its row stays, and with it its slot and what it counted:
   * the pod is better off with its migration ended, and the row is dropped when the pod is looked at again.
   */
  async #close(pod: LivePod, device: DeviceRecord): Promise<void> {
    const { kernel: ground, store: books, slots, log } = this.#core;
    try {
      await retireDevice(ground, books, slots, pod, device);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.code !== 'store_failed') throw error;
      log.error({ err: error, pod: pod.record.id }, 'the books of a removed device');
    }
  }

  #actions(move: DeviceMove): StepActions {
    return this.#wrap(stepActions(this.#core.kernel, move));
  }

  get #journal(): Journal {
    return {
      save: (migration) => this.#unsaved.save(migration),
      emit: (migration) => this.#core.publish.migration(migration),
    };
  }

  #move(
    pod: LivePod,
    from: DeviceRecord,
    to: DeviceRecord,
    namespace: PodNamespace,
    migration: Migration,
    networkState: NetworkState | null,
  ): DeviceMove {
    let [dropsBefore, drops] = [0, 0];
    return {
      pod: pod.record,
      namespace,
      from,
      to,
      networkState,
      starting: async () => {
        dropsBefore = await deviceDrops(this.#core.kernel, namespace, [from.slot]);
      },
      switched: (device) => {
        makeCurrent(pod, device);
        this.#core.publish.pod(pod);
      },
      removing: async () => {
        drops = await deviceDrops(this.#core.kernel, namespace, [from.slot, to.slot]);
      },
      removed: (device) => this.#close(pod, device),
      verified: (counted) => {
        migration.result = {
          ...counted,
          deviceDrops: Math.max(0, drops - dropsBefore),
          requestsOk: null,
          requestsFailed: null,
        };
      },
    };
  }
}

/** For what no step is to blame. */
async function failed(migration: Migration, error: unknown, journal: Journal): Promise<void> {
  const step = migration.steps.find((each) => each.state !== 'done')?.step ?? 'verified';
  Object.assign(migration, { state: 'failed', endedAt: new Date().toISOString() });
  migration.error = { ...asProblem(error), step };
  await journal.save(migration).catch(() => {});
  journal.emit(migration);
}

const ended = (migration: Migration): NewEvent => {
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
