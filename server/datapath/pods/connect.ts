import type { DeviceKind, HookFamily } from '../../../contract/device.ts';
import type { NewPod } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { peerIfindex } from '../../bpf/layout.ts';
import { currentNamespace, openNamespace } from '../../kernel/netns.ts';
import { getLink } from '../../netlink/link.ts';
import { giveAddresses, makeDevice } from '../device/device.ts';
import { forward } from '../device/host-forwarding.ts';
import { routePod } from '../device/network-state.ts';
import { attachPrograms, pointAt } from '../device/our-programs.ts';
import { attachUsers } from '../device/user-hooks.ts';
import { can, type Ground } from '../kernel-context.ts';
import { namespaceLives, type PodNamespace } from '../pod-namespaces.ts';
import type { Registry } from '../pod-registry.ts';
import { peerMac, primaryMac, primaryName } from '../slot-allocator.ts';
import type { DeviceRecord, NewDeviceRecord, PodRecord } from '../store.ts';

/** @throws ProblemError `no_netkit`, `no_tcx` when the kernel lacks what the kind needs */
export function chooseKind(ground: Ground, wanted: DeviceKind | undefined): DeviceKind {
  const kind = wanted ?? (can(ground, 'netkit') ? 'netkit' : 'veth');
  const needed = kind === 'netkit' ? 'netkit' : ground.primaryHooks === 'tc' ? 'clsact' : 'tcx';
  if (can(ground, needed)) return kind;
  const capability = ground.capabilities.get(needed);
  throw new ProblemError(
    needed === 'netkit' ? 'no_netkit' : 'no_tcx',
    `give a pod a ${kind} device: ${capability?.detail ?? `no ${needed}`}`,
    {
      ...(capability?.hint ? { hint: capability.hint } : {}),
    },
  );
}

/**
 * Everything that can be refused before anything is written.
 * @returns the namespace's inode
 * @throws ProblemError `pod_exists`, `address_in_use`, `bad_netns`
 */
export function admit(registry: Registry, pod: NewPod): bigint {
  const what = `attach pod ${pod.namespace}/${pod.name}`;
  if (registry.get(`${pod.namespace}.${pod.name}`))
    throw new ProblemError('pod_exists', `${what}: there is one of this name`, {
      hint: 'Remove it first, or give another name.',
    });
  for (const address of pod.addresses) {
    const holder = registry.withAddress(address);
    if (holder)
      throw new ProblemError(
        'address_in_use',
        `${what}: ${address} is ${holder.record.namespace}/${holder.record.name}'s`,
        {
          hint: 'Give the pod addresses of its own.',
        },
      );
  }
  using namespace = openNamespace(pod.netns);
  using own = currentNamespace();
  if (namespace.inode === own.inode)
    throw new ProblemError('bad_netns', `${what}: ${pod.netns} is the host's own network namespace`, {
      hint: 'A pod has a namespace of its own; host-network pods have no device to manage.',
    });
  // The kernel gives a namespace's inode again once it is gone, so the same number alone says nothing.
  const tenant = registry
    .all()
    .find((each) => each.record.netnsInode === namespace.inode && namespaceLives(each.record));
  if (tenant)
    throw new ProblemError(
      'pod_exists',
      `${what}: ${pod.netns} is the namespace of ${tenant.record.namespace}/${tenant.record.name}`,
      {
        hint: 'One pod has one namespace.',
      },
    );
  return namespace.inode;
}

/** The books' row of a pod's device on `slot`. A device has MACs unless it is netkit in mode l3. */
export function deviceRow(
  pod: Pick<PodRecord, 'id' | 'network'>,
  kind: DeviceKind,
  hooks: HookFamily,
  slot: number,
): NewDeviceRecord {
  const { macs, netkit } = pod.network;
  const hasMacs = kind === 'veth' || netkit.mode === 'l2';
  return {
    podId: pod.id,
    kind,
    hooks,
    slot,
    primaryName: primaryName(slot),
    primaryMac: hasMacs ? (macs?.primary ?? primaryMac(slot)) : null,
    peerMac: hasMacs ? (macs?.peer ?? peerMac(slot)) : null,
  };
}

/** Gives the pod its device with addresses, routes and programs. Idempotent: completes what a killed agent began. */
export async function connect(
  ground: Ground,
  namespace: PodNamespace,
  pod: PodRecord,
  device: DeviceRecord,
): Promise<void> {
  const { network } = pod;
  await refuseTakenName(namespace, pod, device);
  forward(network);
  await makeDevice(ground, namespace, pod, device, network.interface, network.addresses);
  await attachPrograms(ground, pod, device);
  await attachUsers(ground, pod.number, device);
  await giveAddresses(namespace, device, network.addresses);
  await routePod(ground, namespace, device.slot, network);
  pointAt(ground, pod, device);
}

async function refuseTakenName(namespace: PodNamespace, pod: PodRecord, device: DeviceRecord): Promise<void> {
  const there = await getLink(namespace.socket, { name: pod.network.interface });
  if (!there || there.ifindex === peerIfindex(device.slot)) return;
  throw new ProblemError(
    'interface_in_use',
    `attach pod ${pod.namespace}/${pod.name}: its namespace has an interface ${pod.network.interface} (ifindex ${there.ifindex})`,
    {
      hint: 'Choose another interface name, or delete that one.',
    },
  );
}
