import type { Logger } from 'pino';
import type { DeviceKind } from '../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../contract/migration.ts';
import { ProblemError } from '../../contract/problem.ts';
import { deviceRow } from './attach.ts';
import type { Books, DeviceRecord } from './books.ts';
import { deviceDrops } from './drops.ts';
import type { Footing } from './footing.ts';
import type { Ground } from './ground.ts';
import { journalOf, prepare } from './migrate.ts';
import { addWaiting, closeDevice, makeCurrent } from './pod-devices.ts';
import { openPodNamespace, type PodNamespace } from './pod-namespace.ts';
import { refuse } from './preflight.ts';
import { recoverMigration } from './recover.ts';
import { currentDevice, type LivePod } from './registry.ts';
import { type Journal, runSteps } from './run.ts';
import type { Slots } from './slots.ts';
import { type Move, migrationActions } from './steps.ts';

export interface Listeners {
  migration(migration: Migration): void;
  pod(pod: LivePod): void;
  event(event: Parameters<Books['addEvent']>[0]): Promise<void>;
  ended(pod: LivePod): void;
}

/** Runs migrations, at most one of a pod at a time, and ends what a killed agent left open. */
export class Migrations {
  readonly #ground: Ground;
  readonly #books: Books;
  readonly #slots: Slots;
  readonly #log: Logger;
  readonly #tell: Listeners;
  readonly #running = new Map<string, Promise<unknown>>();
  /** Ended, their requests to be filled in when the traffic has reported once more. */
  readonly #uncounted: { migration: Migration; pod: LivePod; before: { ok: number; failed: number } }[] = [];

  constructor(ground: Ground, books: Books, slots: Slots, log: Logger, tell: Listeners) {
    this.#ground = ground;
    this.#books = books;
    this.#slots = slots;
    this.#log = log;
    this.#tell = tell;
  }

  async plan(pod: LivePod, to: DeviceKind, recreate: boolean): Promise<MigrationPlan> {
    using namespace = openPodNamespace(pod.record);
    const { plan } = await prepare(this.#ground, pod, namespace, to, this.#slots.peek(), {
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
    const slot = this.#slots.take();
    let namespace: PodNamespace | null = null;
    let device: DeviceRecord | null = null;
    try {
      namespace = openPodNamespace(pod.record);
      const { plan, footing } = await prepare(this.#ground, pod, namespace, to, slot, {
        running: null,
        recreate,
      });
      refuse(plan.checks, `migrate ${name} to ${to}`);
      device = await this.#books.addDevice(deviceRow(pod.record.id, to, slot));
      const migration = await this.#books.addMigration(journalOf(plan, pod, actor));
      const from = currentDevice(pod);
      addWaiting(pod, device);
      pod.migration = migration.id;
      this.#tell.pod(pod);
      const done = this.#run(migration, pod, from, device, namespace, footing);
      this.#running.set(migration.id, done);
      void done.finally(() => this.#running.delete(migration.id));
      return structuredClone(migration);
    } catch (error) {
      namespace?.[Symbol.dispose]();
      if (device) await this.#books.removeDevice(device.id, []);
      this.#slots.release(slot);
      pod.migration = null;
      this.#tell.ended(pod);
      throw error;
    }
  }

  async #run(
    migration: Migration,
    pod: LivePod,
    from: DeviceRecord,
    to: DeviceRecord,
    namespace: PodNamespace,
    footing: Footing,
  ): Promise<void> {
    const requests = pod.requests;
    try {
      const dropsBefore = await deviceDrops(this.#ground, namespace, [from.slot]);
      const move = this.#move(pod, from, to, namespace, migration, footing, dropsBefore);
      await runSteps(migration, migrationActions(this.#ground, move), this.#journal);
    } catch (error) {
      this.#log.error({ err: error, migration: migration.id }, 'migration');
      migration.state = 'failed';
    } finally {
      namespace[Symbol.dispose]();
      pod.migration = null;
    }
    if (requests && migration.result) this.#uncounted.push({ migration, pod, before: requests });
    this.#tell.pod(pod);
    await this.#tell.event(ended(migration));
    this.#tell.ended(pod);
  }

  /** Fills in what the pods' own traffic counted during migrations that have ended since its last report. */
  noteRequests(): void {
    for (const { migration, pod, before } of this.#uncounted.splice(0)) {
      if (!pod.requests || !migration.result) continue;
      migration.result.requestsOk = pod.requests.ok - before.ok;
      migration.result.requestsFailed = pod.requests.failed - before.failed;
      void this.#books.saveMigration(migration).then(
        () => this.#tell.migration(migration),
        (error: unknown) =>
          this.#log.error({ err: error, migration: migration.id }, 'requests of a migration'),
      );
    }
  }

  async recover(migration: Migration, pod: LivePod | undefined): Promise<void> {
    const ended = await recoverMigration(migration, pod, {
      books: this.#books,
      journal: this.#journal,
      actions: (move) => migrationActions(this.#ground, move),
      move: (livePod, from, to, namespace, journal) =>
        this.#move(livePod, from, to, namespace, journal, null, 0),
    });
    await this.#tell.event({
      type: 'migration.recovered',
      severity: ended.state === 'failed' ? 'error' : 'warning',
      podId: ended.podId,
      migrationId: ended.id,
      message: `migration ${ended.number} of ${ended.podNamespace}/${ended.podName}, found unfinished, is ${ended.state}`,
    });
  }

  /** Resolves when no migration runs. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }

  get #journal(): Journal {
    return {
      save: (migration) => this.#books.saveMigration(migration),
      emit: (migration) => this.#tell.migration(migration),
    };
  }

  #move(
    pod: LivePod,
    from: DeviceRecord,
    to: DeviceRecord,
    namespace: PodNamespace,
    migration: Migration,
    footing: Footing | null,
    dropsBefore: number,
  ): Move {
    let drops = 0;
    return {
      pod: pod.record,
      namespace,
      from,
      to,
      footing,
      switched: (device) => {
        makeCurrent(pod, device);
        this.#tell.pod(pod);
      },
      removing: async () => {
        drops = await deviceDrops(this.#ground, namespace, [from.slot, to.slot]);
      },
      removed: (device) => closeDevice(this.#ground, this.#books, this.#slots, pod, device),
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

const ended = (migration: Migration): Parameters<Books['addEvent']>[0] => {
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
