import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../../contract/problem.ts';
import { counterIndex } from '../../bpf/counter-layout.ts';
import { peerIfindex, primaryIfindex } from '../../bpf/slot-layout.ts';
import { isNetlinkError } from '../../netlink/error.ts';
import { addAlternativeNames, getLink, type NetworkLink, setLink } from '../../netlink/link.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import { addAddresses, createDevice, removeDevice } from '../device/device.ts';
import { carryForeignPrograms } from '../device/foreign-programs.ts';
import { addPodRoutes, moveRoutes, type NetworkState, restoreRoutes } from '../device/network-state.ts';
import { attachPrograms, releaseSlotPrograms, setEndpoints } from '../device/our-programs.ts';
import { attachUserPrograms } from '../device/user-hooks.ts';
import { hasCapability, type KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { temporaryPeerName } from '../slot-allocator.ts';
import type { StepActions } from './executor.ts';
import { verifyDevice } from './verify.ts';

/**
 * Drained is a device that carried nothing over this many looks in a row, 5 ms apart or more. Looks, not time: a sender
 * that chose its route before the switch may wait for a processor, and where that takes long, so does a look.
 */
const quietLooks = 20;
const drainLimitMs = 2000;
const pollMs = 5;
/** A direction that had this many on the old device must be seen on the new one; fewer may have been the last. */
const busyPackets = 5n;

export interface Move {
  pod: PodRecord;
  namespace: PodNamespace;
  from: DeviceRecord;
  to: DeviceRecord;
  /** What stood on the old device when the migration was planned; null when an agent takes a journal over. */
  footing: NetworkState | null;
  /** Before anything is touched: the first time the old device's own counters are read. */
  beginning(): Promise<void>;
  /** Traffic changed devices, or came back. */
  switched(to: DeviceRecord): void;
  /** The old device is about to be removed: the last time its own counters can be read. */
  removing(): Promise<void>;
  /** The old device is gone and its counters are to be carried. Resolves when the books say so, or cannot be written. */
  removed(device: DeviceRecord): Promise<void>;
  /** Tells what was counted, for the journal's result. */
  verified(counted: { egressPackets: number; ingressPackets: number; packetsOnOldDevice: number }): void;
}

/** The ten steps on real devices. Each may be done again, and each is undone from wherever it stopped. */
export function migrationActions(ground: KernelContext, move: Move): StepActions {
  const { pod, namespace, from, to } = move;
  const [oldPeer, newPeer] = [peerIfindex(from.slot), peerIfindex(to.slot)];
  const [oldPrimary, newPrimary] = [primaryIfindex(from.slot), primaryIfindex(to.slot)];
  const { network } = pod;
  const addresses = move.footing?.addresses ?? network.addresses;
  const counters = ground.programs.counters;
  let before = counters.read(from.slot);
  let drained = before;
  let packetsOnOldDevice = 0;

  async function routesBack(): Promise<void> {
    setEndpoints(ground, pod, from);
    await moveRoutes(ground.host, newPrimary, oldPrimary);
    if (move.footing) await restoreRoutes(ground.host, move.footing.hostRoutes, oldPrimary);
    await moveRoutes(namespace.socket, newPeer, oldPeer);
    if (move.footing) await restoreRoutes(namespace.socket, move.footing.podRoutes, oldPeer);
    else await addPodRoutes(ground, namespace, from.slot, network);
    move.switched(from);
  }

  /** Somebody deleted the new device while the old one is there: the pod is better off with that. */
  async function backOnOld(): Promise<never> {
    await routesBack();
    await removeDevice(ground, to.slot);
    await move.removed(to);
    throw new ProblemError(
      'device_missing',
      `remove ${from.primaryName}: ${to.primaryName} (ifindex ${newPrimary}) was deleted by someone else, so the pod is back on ${from.primaryName}`,
      { hint: 'See what deletes it: a pod with NET_ADMIN may. Then migrate again.' },
    );
  }

  return {
    planned: {
      async do() {
        await move.beginning();
        before = counters.read(from.slot);
      },
      async undo() {
        await releaseSlotPrograms(ground, to.slot);
        await move.removed(to);
      },
    },
    made: {
      do: () => createDevice(ground, namespace, pod, to, temporaryPeerName(to.slot), addresses),
      undo: async () => {
        await removeDevice(ground, to.slot);
        await move.removed(to);
      },
    },
    attached: {
      async do() {
        await attachPrograms(ground, pod, to);
        await carryForeignPrograms(ground, move.footing?.foreignPrograms ?? [], to);
        // Also those that a killed agent did not get to.
        await attachUserPrograms(ground, pod.number, to);
      },
    },
    addressed: {
      do: () => addAddresses(namespace, to, addresses),
    },
    'routed-pod': {
      do: () => moveRoutes(namespace.socket, oldPeer, newPeer),
      undo: routesBack,
    },
    'routed-host': {
      async do() {
        await moveRoutes(ground.host, oldPrimary, newPrimary);
        setEndpoints(ground, pod, to);
        move.switched(to);
      },
      undo: routesBack,
    },
    drained: {
      async do() {
        await fallQuiet(() => packets(counters.read(from.slot)));
        drained = counters.read(from.slot);
      },
    },
    removed: {
      async do() {
        if (!(await getLink(ground.host, { ifindex: newPrimary }))) await backOnOld();
        await move.removing();
        await removeDevice(ground, from.slot);
        packetsOnOldDevice = Number(packets(counters.read(from.slot)) - packets(drained));
        await move.removed(from);
      },
    },
    renamed: {
      async do() {
        if (hasCapability(ground, 'live-rename')) await renamePeer(namespace, newPeer, network.interface);
        else await namePeerBeside(namespace, newPeer, network.interface);
      },
    },
    verified: {
      async do() {
        const busy = (place: number): boolean => drained[place]! - before[place]! >= busyPackets;
        const expect = { egress: busy(counterIndex.egressPackets), ingress: busy(counterIndex.ingressPackets) };
        const counted = await verifyDevice(ground, { ...move, expect });
        move.verified({ ...counted, packetsOnOldDevice });
      },
    },
  };
}

/** Waits until `read` has stood still for `quietLooks`, `drainLimitMs` at most. */
async function fallQuiet(read: () => bigint): Promise<void> {
  const start = performance.now();
  let last = read();
  for (let quiet = 0; quiet < quietLooks && performance.now() - start < drainLimitMs; ) {
    await sleep(pollMs);
    const now = read();
    quiet = now === last ? quiet + 1 : 0;
    last = now;
  }
}

const packets = (counters: readonly bigint[]): bigint =>
  counters[counterIndex.egressPackets]! + counters[counterIndex.ingressPackets]!;

/** While the interface is up, since taking it down would lose its routes. */
async function renamePeer(namespace: PodNamespace, ifindex: number, name: string): Promise<void> {
  const link = await mustLink(namespace, ifindex, name);
  if (link.name !== name && !link.alternativeNames.includes(name))
    await onceFree(() => setLink(namespace.socket, ifindex, { name }));
}

/** Where the kernel renames no interface that is up, the pod finds it by a second name (Linux 5.5). */
async function namePeerBeside(namespace: PodNamespace, ifindex: number, name: string): Promise<void> {
  const link = await mustLink(namespace, ifindex, name);
  if (link.name !== name && !link.alternativeNames.includes(name))
    await onceFree(() => addAlternativeNames(namespace.socket, ifindex, [name]));
}

async function mustLink(namespace: PodNamespace, ifindex: number, name: string): Promise<NetworkLink> {
  const link = await getLink(namespace.socket, { ifindex });
  if (link) return link;
  throw new ProblemError('device_missing', `rename ifindex ${ifindex} to ${name}: the pod no longer has it`);
}

/** The old device's name is free a moment after its deletion was acknowledged, in another namespace. */
async function onceFree(name: () => Promise<void>): Promise<void> {
  try {
    await name();
  } catch (error) {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
    await sleep(pollMs);
    await name();
  }
}
