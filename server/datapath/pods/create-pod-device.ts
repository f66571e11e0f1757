import { formatIpAddress, parseAddress } from '../../../contract/cidr.ts';
import type { DeviceKind, HookFamily } from '../../../contract/device.ts';
import type { NewPod } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { slotToPeerIfindex } from '../../bpf/datapath-structs.ts';
import { openCurrentNamespace, openNetworkNamespace } from '../../kernel/netns.ts';
import { listAddresses } from '../../netlink/address.ts';
import { getLink } from '../../netlink/link.ts';
import type { DeviceRecord, NewDeviceRecord, PodRecord } from '../../store/records.ts';
import { attachUserPrograms } from '../device/attach-user-programs.ts';
import { addPeerAddresses, createDevicePair } from '../device/device-pair.ts';
import { addPodRoutes } from '../device/device-routes.ts';
import { enableHostForwarding } from '../device/host-forwarding.ts';
import { podGatewayAddresses, stripPrefixLength } from '../device/pod-gateways.ts';
import { attachPodlanePrograms, setRedirectEndpoints } from '../device/podlane-programs.ts';
import { hasKernelCapability, type KernelContext } from '../kernel-context.ts';
import { type PodNamespace, podNamespaceExists } from '../pod-namespaces.ts';
import type { PodRegistry } from '../pod-registry.ts';
import { formatPeerMac, formatPrimaryMac } from '../slot-allocator.ts';

/**
 * Chooses the kind of a new device.
 * @throws ProblemError `no_netkit` or `no_tcx` if the kernel does not support the kind
 */
export function chooseDeviceKind(kernel: KernelContext, wanted: DeviceKind | undefined): DeviceKind {
  const kind = wanted ?? (hasKernelCapability(kernel, 'netkit') ? 'netkit' : 'veth');
  const needed = kind === 'netkit' ? 'netkit' : kernel.primaryHooks === 'tc' ? 'clsact' : 'tcx';
  if (hasKernelCapability(kernel, needed)) return kind;
  const capability = kernel.capabilities.get(needed);
  throw new ProblemError(
    needed === 'netkit' ? 'no_netkit' : 'no_tcx',
    `give a pod a ${kind} device: ${capability?.detail ?? `no ${needed}`}`,
    {
      ...(capability?.hint ? { hint: capability.hint } : {}),
    },
  );
}

/**
 * Checks all that can be refused before anything is changed.
 * @returns the namespace's inode
 * @throws ProblemError `pod_exists`, `address_in_use`, `bad_netns`
 */
export function validateNewPod(registry: PodRegistry, pod: NewPod): bigint {
  const what = `attach pod ${pod.namespace}/${pod.name}`;
  if (registry.get(`${pod.namespace}.${pod.name}`))
    throw new ProblemError('pod_exists', `${what}: a pod of this name exists`, {
      hint: 'Remove it first, or give another name.',
    });
  for (const address of pod.addresses) {
    const holder = registry.findByAddress(address);
    if (holder)
      throw new ProblemError(
        'address_in_use',
        `${what}: ${address} is ${holder.record.namespace}/${holder.record.name}'s`,
        {
          hint: 'Give the pod addresses of its own.',
        },
      );
  }
  using namespace = openNetworkNamespace(pod.netns);
  using own = openCurrentNamespace();
  if (namespace.inode === own.inode)
    throw new ProblemError('bad_netns', `${what}: ${pod.netns} is the host's own network namespace`, {
      hint: 'A pod has a namespace of its own; host-network pods have no device to manage.',
    });
  // The kernel reuses the inode number of a deleted namespace, so an equal number alone proves nothing.
  const tenant = registry
    .all()
    .find((each) => each.record.netnsInode === namespace.inode && podNamespaceExists(each));
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

/**
 * Refuses addresses that the node has itself, or that are the gateways of every pod: traffic to the node would go to the
 * pod instead. @throws ProblemError `address_in_use`
 */
export async function refuseNodeAddresses(kernel: KernelContext, pod: NewPod): Promise<void> {
  const found = await listAddresses(kernel.host);
  const own = new Map(
    found.map(({ address, ifindex }) => [
      canonicalAddress(address),
      `the node's own, at the interface with index ${ifindex}`,
    ]),
  );
  for (const gateway of Object.values(podGatewayAddresses))
    own.set(canonicalAddress(gateway), 'the gateway of all pods');
  for (const address of pod.addresses) {
    const why = own.get(canonicalAddress(address));
    if (why !== undefined)
      throw new ProblemError(
        'address_in_use',
        `attach pod ${pod.namespace}/${pod.name}: ${address} is ${why}`,
        { hint: 'Give the pod addresses of its own.' },
      );
  }
}

const canonicalAddress = (address: string): string =>
  formatIpAddress(parseAddress(stripPrefixLength(address)));

/** Builds the record of a pod's device on `slot`. A device has MAC addresses unless it is netkit in L3 mode. */
export function buildDeviceRecord(
  pod: Pick<PodRecord, 'id' | 'network'>,
  kind: DeviceKind,
  hooks: HookFamily,
  slot: number,
  primaryName: string,
): NewDeviceRecord {
  const { macs, netkit } = pod.network;
  const hasMacs = kind === 'veth' || netkit.mode === 'l2';
  return {
    podId: pod.id,
    kind,
    hooks,
    slot,
    primaryName,
    primaryMac: hasMacs ? (macs?.primary ?? formatPrimaryMac(slot)) : null,
    peerMac: hasMacs ? (macs?.peer ?? formatPeerMac(slot)) : null,
  };
}

/** Creates the pod's device with programs, addresses and routes. Idempotent: completes what a killed agent started. */
export async function createPodDevice(
  kernel: KernelContext,
  namespace: PodNamespace,
  pod: PodRecord,
  device: DeviceRecord,
): Promise<void> {
  const { network } = pod;
  await refuseTakenName(namespace, pod, device);
  enableHostForwarding(network);
  await createDevicePair(kernel, namespace, pod, device, {
    names: { primary: device.primaryName, peer: network.interface },
    addresses: network.addresses,
  });
  await attachPodlanePrograms(kernel, pod, device);
  await attachUserPrograms(kernel, pod.number, device);
  await addPeerAddresses(namespace, device, network.addresses);
  await addPodRoutes(kernel, namespace, device.slot, network);
  setRedirectEndpoints(kernel, pod, device);
}

async function refuseTakenName(namespace: PodNamespace, pod: PodRecord, device: DeviceRecord): Promise<void> {
  const existing = await getLink(namespace.socket, { name: pod.network.interface });
  if (!existing || existing.ifindex === slotToPeerIfindex(device.slot)) return;
  throw new ProblemError(
    'interface_in_use',
    `attach pod ${pod.namespace}/${pod.name}: its namespace has an interface ${pod.network.interface} (ifindex ${existing.ifindex})`,
    {
      hint: 'Choose another interface name, or delete that one.',
    },
  );
}
