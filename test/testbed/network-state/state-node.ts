import type { DeviceKind } from '../../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import type { NewPodInput, Pod } from '../../../contract/pod.ts';
import { type Pinger, startPinger } from '../faults/pinger.ts';
import { startTestNode, type TestNode } from '../node.ts';
import { pollUntil } from '../poll.ts';
import { applyCommands, type DeviceNames } from './apply.ts';
import { difference, type StateDifference } from './difference.ts';
import { bothEnds } from './element.ts';
import type { GeneratedState } from './generate.ts';
import type { SnapshotComparison } from './masks.ts';
import { isNamed, itemsToAccept, type NamedItem, namedItems } from './named.ts';
import { NamespaceShell } from './namespace-shell.ts';
import { type NetworkStateSnapshot, snapshot, waitUntilSettled } from './snapshot.ts';

/** Kinds, and modes of netkit, that pods move between. */
export interface StateMove {
  from: DeviceKind;
  to: DeviceKind;
  mode?: 'l2' | 'l3';
}

/** How a pod with a generated state came through a migration. */
export interface StateOutcome {
  state: GeneratedState;
  move: StateMove;
  /** What went wrong beside differences: a state that could not be applied, a migration that failed, pings lost. */
  wrong: string[];
  /** Differences that no item of the plan names. */
  unnamed: StateDifference[];
  named: StateDifference[];
  /** Texts of the checks that refused the migration; then nothing may differ. */
  refusals: string[];
  pings: { sent: number; lost: number };
}

const hostAddresses = { ipv4: '192.0.2.1', ipv6: 'fd00:192::1' };

/** A node whose pods get generated states and new devices, one pod after the other. */
export class StateNode implements AsyncDisposable {
  readonly #node: TestNode;
  readonly #shell: NamespaceShell;
  readonly #pingMs: number;

  private constructor(node: TestNode, shell: NamespaceShell, pingMs: number) {
    this.#node = node;
    this.#shell = shell;
    this.#pingMs = pingMs;
  }

  static async open(pingMs: number): Promise<StateNode> {
    const node = await startTestNode();
    node.run(['ip', 'address', 'add', `${hostAddresses.ipv4}/32`, 'dev', 'lo']);
    node.run(['ip', 'address', 'add', `${hostAddresses.ipv6}/128`, 'dev', 'lo', 'nodad']);
    // A pod has no second device while its state is compared.
    await node.ask('PUT', '/node/guard', { on: false });
    return new StateNode(node, new NamespaceShell(node.host), pingMs);
  }

  /** Makes a pod with a state, migrates it, and compares it before and after. @param number of the state on this node */
  async run(state: GeneratedState, number: number, move: StateMove): Promise<StateOutcome> {
    const outcome: StateOutcome = {
      ...{ state, move, wrong: [], unnamed: [], named: [], refusals: [] },
      pings: { sent: 0, lost: 0 },
    };
    const name = `s${number}`;
    let shell: NamespaceShell | null = null;
    try {
      const pod = await this.#node.addPod(
        name,
        [`10.42.0.${number + 2}/32`, `fd42::${number + 2}/128`],
        podOf(move),
      );
      shell = new NamespaceShell(pod.netns.path);
      await this.#migrate(pod, shell, outcome);
    } catch (error) {
      outcome.wrong.push(error instanceof Error ? error.message : String(error));
    }
    await shell?.[Symbol.asyncDispose]();
    await this.#node
      .ask('DELETE', `/pods/shop.${name}`)
      .catch((error: Error) => outcome.wrong.push(`remove the pod: ${error.message}`));
    this.#node.removeNamespace(name);
    return outcome;
  }

  async #migrate(pod: Pod, shell: NamespaceShell, outcome: StateOutcome): Promise<void> {
    const shells = { pod: shell, host: this.#shell };
    const { state, move, wrong } = outcome;
    const id = `shop.${pod.name}`;
    for (const end of bothEnds) await applyCommands(shells[end], state.commands[end], end, namesOf(pod));
    await waitUntilSettled(shells);
    const before = await snapshot(shells, namesOf(pod));
    const request = { to: move.to, recreate: move.from === move.to };
    const plan = await this.#node.ask<MigrationPlan>('POST', `/pods/${id}/migrations`, {
      ...request,
      dryRun: true,
    });
    const items = namedItems(plan);
    const pingers = this.#startPingers(pod);
    let migration: Migration | null = null;
    try {
      for (const cut of await silentAmong(pingers)) wrong.push(`cut off by the state itself: ${cut}`);
      if (plan.allowed) migration = await this.#run(id, request, items, wrong);
      else
        outcome.refusals = plan.checks
          .filter((check) => check.state === 'refused')
          .map(({ name, detail }) => `${name}: ${detail}`);
      for (const cut of await silentAmong(pingers)) wrong.push(`nothing flows afterwards: ${cut}`);
    } finally {
      await Promise.all(pingers.map((pinger) => pinger.stop()));
    }
    for (const { name, replies, lost, lostBefore } of pingers) {
      outcome.pings.sent += replies + lost;
      outcome.pings.lost += lost;
      if (lost > 0)
        wrong.push([`${lost} pings lost, ${name}`, ...timeLosses(lostBefore, migration)].join('\n'));
    }
    await waitUntilSettled(shells);
    const moved = await this.#node.ask<Pod>('GET', `/pods/${id}`);
    const after = await snapshot(shells, namesOf(moved));
    const comparison: SnapshotComparison =
      outcome.refusals.length > 0 ? 'same-device' : move.from === move.to ? 'same-kind' : 'other-kind';
    sortDifferences(before, after, comparison, outcome.refusals.length > 0 ? [] : items, outcome);
  }

  async #run(
    id: string,
    request: { to: DeviceKind; recreate: boolean },
    items: readonly NamedItem[],
    wrong: string[],
  ): Promise<Migration> {
    const accept = items.some((item) => item.id !== null) ? { accept: itemsToAccept(items) } : {};
    const started = await this.#node.ask<Migration>('POST', `/pods/${id}/migrations`, {
      ...request,
      ...accept,
    });
    const migration = await pollUntil(
      () => this.#node.ask<Migration>('GET', `/migrations/${started.id}`),
      ({ state }) => state !== 'running',
    );
    if (migration.state !== 'done')
      wrong.push(`the migration is ${migration.state}: ${migration.error?.step}: ${migration.error?.detail}`);
    return migration;
  }

  #startPingers(pod: Pod): Pinger[] {
    const names = namesOf(pod);
    return (['ipv4', 'ipv6'] as const).flatMap((family) => [
      startPinger('to the pod', this.#node.host, names[family], this.#pingMs, hostAddresses[family]),
      startPinger('from the pod', pod.netns.path, hostAddresses[family], this.#pingMs, names[family]),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shell[Symbol.asyncDispose]();
    await this.#node[Symbol.asyncDispose]();
  }
}

/** Lists when packets were lost, beside the steps of the migration and what it counted as dropped. */
function timeLosses(lostBefore: readonly number[], migration: Migration | null): string[] {
  if (migration === null) return [];
  const start = Date.parse(migration.startedAt);
  return [
    `  replies came again ${lostBefore.map((time) => `${time - start} ms`).join(', ')} after the start`,
    `  steps: ${migration.steps.map(({ step, startedMs, durationMs }) => `${step} ${startedMs}+${durationMs}`).join(', ')}`,
    `  dropped: ${JSON.stringify(migration.result)}`,
  ];
}

/** Names of the pingers that get no replies, for a long time on a busy machine. */
async function silentAmong(pingers: readonly Pinger[]): Promise<string[]> {
  const flow = await Promise.all(pingers.map((pinger) => pinger.flows(5000)));
  return pingers.flatMap(({ name }, i) => (flow[i] ? [] : [name]));
}

const podOf = ({ from, mode }: StateMove): Partial<NewPodInput> => ({
  kind: from,
  ...(mode === undefined ? {} : { netkit: { mode } }),
});

/** Names and first addresses of a pod's device. */
export function namesOf({ primary, network, addresses }: Pod): DeviceNames {
  const bare = addresses.map((address) => address.split('/')[0] ?? '');
  return {
    device: { pod: network.interface, host: primary.name },
    ipv4: bare.find((address) => !address.includes(':')) ?? '',
    ipv6: bare.find((address) => address.includes(':')) ?? '',
  };
}

/** Adds what differs to an outcome, separated by whether an item names it. */
export function sortDifferences(
  before: NetworkStateSnapshot,
  after: NetworkStateSnapshot,
  comparison: SnapshotComparison,
  items: readonly NamedItem[],
  outcome: Pick<StateOutcome, 'named' | 'unnamed'>,
): void {
  for (const each of difference(before, after, comparison))
    (isNamed(each, items) ? outcome.named : outcome.unnamed).push(each);
}
