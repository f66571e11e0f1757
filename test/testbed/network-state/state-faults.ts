import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  isUndoableStep,
  lastUndoableStep,
  type Migration,
  type MigrationStep,
  migrationSteps,
} from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { slotToPrimaryIfindex } from '../../../server/bpf/datapath-structs.ts';
import { createNamedNamespace, deleteNamedNamespace } from '../../../server/kernel/netns.ts';
import { deleteLink, getLink } from '../../../server/netlink/link.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { FaultInjectedAgent } from '../faults/agent.ts';
import type { Fault } from '../faults/fault.ts';
import { applyCommands } from './apply.ts';
import { bothEnds, linesOf } from './element.ts';
import { type GeneratedState, generateState, maxStatesPerNode } from './generate.ts';
import { namedItems } from './named.ts';
import { NamespaceShell } from './namespace-shell.ts';
import { probeElementKinds } from './probe-kinds.ts';
import { kindsOf } from './run-states.ts';
import { snapshot, waitUntilSettled } from './snapshot.ts';
import { namesOf, type StateMove, type StateOutcome, sortDifferences } from './state-node.ts';

/** A fault at a step of the migration of a pod with a generated state. */
export interface StateFault {
  step: MigrationStep;
  name: string;
  fault: Fault;
}

export interface StateFaultOutcome extends StateOutcome {
  at: StateFault;
  /** How the migration ended. */
  ended: Migration['state'] | null;
}

/** Faults after which a pod has its state: those of the fault matrix but for a pod or an old device that is gone. */
const faults: Readonly<Record<string, Fault>> = {
  'kill before': { type: 'kill', when: 'before', process: true },
  'kill after': { type: 'kill', when: 'after', process: true },
  undo: { type: 'refusal', errno: 'ENOMEM', call: 1, always: true },
  'kill twice': { type: 'kill', when: 'before', twice: true, process: true },
  'kill undoing': { type: 'kill', when: 'undoing', process: true },
  'refused once': { type: 'refusal', errno: 'EBUSY', call: 1, always: false },
  'refused later': { type: 'refusal', errno: 'EEXIST', call: 2, always: true },
  'undo refused once': { type: 'refusal', errno: 'EBUSY', call: 1, always: true, undo: 'once' },
  'new deleted': { type: 'event', event: 'new-deleted' },
};
const faultsOfUndo: readonly string[] = ['undo', 'kill undoing', 'undo refused once'];
const isOfUndo = ({ name }: StateFault): boolean => faultsOfUndo.includes(name);
const stepsWithBothDevices = migrationSteps.slice(
  migrationSteps.indexOf('made') + 1,
  migrationSteps.indexOf(lastUndoableStep) + 1,
);

/** All faults at every step; those of an undo at steps that can be undone and call the kernel. */
export const stateFaults: readonly StateFault[] = migrationSteps.flatMap((step) =>
  Object.entries(faults).flatMap(([name, fault]): StateFault[] => {
    const at = { step, name, fault };
    if (isOfUndo(at) && !(isUndoableStep(step) && step !== 'planned')) return [];
    if (name === 'new deleted' && !stepsWithBothDevices.includes(step)) return [];
    // Without the old device a kernel that refuses for good leaves the migration failed.
    if (name === 'refused later' && !isUndoableStep(step)) return [];
    return [at];
  }),
);

/** Faults that every run has: SIGKILL before and after every step, and the undo of every step. */
export const everyRunFaults: readonly string[] = ['kill before', 'kill after', 'undo'];

/** Slots of the agent; no slot is used twice. */
const maxSlots = 128;
/** How long what is to end by itself may take. */
const endWithinMs = 60_000;

/** A host with an agent of its own process, in which things go wrong at the steps of migrations. */
class FaultNode implements AsyncDisposable {
  readonly #id = `podlane-t-${randomBytes(3).toString('hex')}`;
  readonly #folder = mkdtempSync(join(tmpdir(), `${this.#id}-`));
  readonly #host = createNamedNamespace(`${this.#id}-host`);
  readonly #shell = new NamespaceShell(this.#host);
  #agent = new FaultInjectedAgent(this.#host);

  async open(): Promise<void> {
    await this.#shell.run(
      'ip link set lo up; ip address add 192.0.2.1/32 dev lo; ip address add fd00:192::1/128 dev lo nodad',
    );
    await this.#openAgent();
  }

  async run(
    state: GeneratedState,
    number: number,
    move: StateMove,
    at: StateFault,
  ): Promise<StateFaultOutcome> {
    const outcome: StateFaultOutcome = {
      ...{ state, move, at, wrong: [], unnamed: [], named: [], refusals: [], ended: null },
      pings: { sent: 0, lost: 0 },
    };
    const name = `s${number}`;
    const netns = createNamedNamespace(`${this.#id}-${name}`);
    const shell = new NamespaceShell(netns);
    try {
      await applyCommands(shell, linesOf('ip')('link set lo up'), 'pod', {
        device: { pod: '', host: '' },
        ipv4: '',
        ipv6: '',
      });
      const pod = await this.#agent.attach({
        ...{ namespace: 'shop', name, netns, kind: move.from },
        addresses: [`10.42.0.${number + 2}/32`, `fd42::${number + 2}/128`],
        ...(move.mode === undefined ? {} : { netkit: { mode: move.mode } }),
      });
      await this.#compare(pod, shell, outcome);
      await this.#agent.detach(pod.id);
    } catch (error) {
      outcome.wrong.push(error instanceof Error ? error.message : String(error));
    }
    await shell[Symbol.asyncDispose]();
    deleteNamedNamespace(`${this.#id}-${name}`);
    return outcome;
  }

  async #compare(pod: Pod, shell: NamespaceShell, outcome: StateFaultOutcome): Promise<void> {
    const { state, move, at, wrong } = outcome;
    const shells = { pod: shell, host: this.#shell };
    for (const end of bothEnds) await applyCommands(shells[end], state.commands[end], end, namesOf(pod));
    await waitUntilSettled(shells);
    const before = await snapshot(shells, namesOf(pod));
    const plan = await this.#agent.plan(pod.id, move.to);
    if (!plan.allowed) {
      outcome.refusals = plan.checks
        .filter((check) => check.state === 'refused')
        .map((check) => `${check.name}: ${check.detail}`);
      return;
    }
    const migrated = await this.#agent.migrate(pod.id, move.to, at, () => this.#deleteNewDevice(pod));
    if (migrated.how === 'killed' && at.fault.type === 'kill') {
      if (at.fault.twice) await this.#replaceAgent(true);
      await this.#replaceAgent();
    }
    const { migration, pod: now } = await this.#ended(pod.id, migrated.begun);
    if (migrated.how !== 'killed' && at.fault.type === 'kill')
      wrong.push(`the agent was not killed: ${migrated.how}: ${migration?.error?.detail ?? 'no error'}`);
    if (!migration || !now)
      return void wrong.push(
        `the journal has ${migration?.state ?? 'no migration'}, the pod ${now ? 'is there' : 'is gone'}`,
      );
    outcome.ended = migration.state;
    if (migration.state === 'failed' || migration.state === 'running')
      wrong.push(`${migration.state}: ${migration.error?.detail}`);
    if (isOfUndo(at) && migration.state === 'done') wrong.push('the step was not refused');
    await waitUntilSettled(shells);
    const after = await snapshot(shells, namesOf(now));
    if (migration.state === 'done')
      sortDifferences(
        before,
        after,
        move.from === move.to ? 'same-kind' : 'other-kind',
        namedItems(plan),
        outcome,
      );
    // What was undone is as it was, without exception.
    else sortDifferences(before, after, 'same-device', [], outcome);
  }

  async #ended(id: string, migration: string | null): ReturnType<FaultInjectedAgent['observe']> {
    const deadline = performance.now() + endWithinMs;
    for (;;) {
      const observed = await this.#agent.observe(id, migration);
      if ((observed.migration && observed.migration.state !== 'running') || performance.now() > deadline)
        return observed;
      await sleep(50);
    }
  }

  async #replaceAgent(again = false): Promise<void> {
    await this.#agent.kill();
    this.#agent = new FaultInjectedAgent(this.#host);
    await this.#openAgent(again);
  }

  /** Deletes the device that a migration has made beside the pod's, as another program may. */
  async #deleteNewDevice({ slot }: Pod): Promise<void> {
    using socket = NetlinkSocket.inNamespace(this.#host);
    for (let other = 0; other < maxSlots; other++) {
      const ifindex = slotToPrimaryIfindex(other);
      if (other !== slot && (await getLink(socket, { ifindex }))) return deleteLink(socket, ifindex);
    }
    throw new Error('there is no new device to delete');
  }

  async #openAgent(again = false): Promise<void> {
    // No slot is used twice: what a state left on the host would name the next device's index.
    await this.#agent.open({
      ...{ database: join(this.#folder, 'podlane.db'), pins: this.#pins, maxSlots, totals: new Map() },
      ...{ kill: 'process', sampleMs: 1000, without: [], again },
    });
  }

  get #pins(): string {
    return `/sys/fs/bpf/${this.#id}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.kill();
    await this.#shell[Symbol.asyncDispose]();
    deleteNamedNamespace(`${this.#id}-host`);
    rmSync(this.#pins, { recursive: true, force: true });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs each fault on a pod with a state of its own, which has the seeds that follow. */
export async function runStateFaults(
  faults: readonly StateFault[],
  seed: number,
  move: StateMove,
): Promise<StateFaultOutcome[]> {
  const { has } = await probeElementKinds();
  const outcomes: StateFaultOutcome[] = [];
  for (let first = 0; first < faults.length; first += maxStatesPerNode) {
    await using node = new FaultNode();
    await node.open();
    for (const [number, at] of faults.slice(first, first + maxStatesPerNode).entries())
      outcomes.push(
        await node.run(generateState(seed + first + number, number, kindsOf(has, move)), number, move, at),
      );
  }
  return outcomes;
}
