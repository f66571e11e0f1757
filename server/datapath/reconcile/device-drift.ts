import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { listAddresses } from '../../netlink/address.ts';
import { addAlternativeNames, setLink } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { listNeighbors } from '../../netlink/neighbor.ts';
import { setNetkitPolicies } from '../../netlink/netkit.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import { addPeerAddresses, chooseNetkitPolicy, setPodNeighbors } from '../device/device-pair.ts';
import { addPodRoutes } from '../device/network-state.ts';
import { listPodGateways, stripPrefixLength } from '../device/next-hops.ts';
import { attachPodlanePrograms, findHooksWithoutPodlaneProgram } from '../device/podlane-programs.ts';
import { podlaneProgramHooks } from '../device/program-hooks.ts';
import { hasKernelCapability, type KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';

/**
 * Difference between a device and its pod's configuration. `repair` is null if Podlane must not fix the difference.
 */
export interface DeviceDrift {
  /** Key of the difference; the same difference always has the same key. */
  key: string;
  message: string;
  repair: (() => Promise<void>) | null;
}

interface DeviceState {
  kernel: KernelContext;
  namespace: PodNamespace;
  pod: PodRecord;
  device: DeviceRecord;
}

/** Compares an existing device with its pod's configuration. Repairs are in the order in which they must run. */
export async function detectDeviceDrift(
  place: DeviceState,
  primary: NetworkLink,
  peer: NetworkLink,
): Promise<DeviceDrift[]> {
  return [
    ...endDrift(place, primary, peer),
    ...(await programDrift(place)),
    ...policyDrift(place, primary),
    ...(await addressDrift(place)),
    ...(await routeDrift(place)),
    ...(await neighborDrift(place)),
  ];
}

function endDrift(
  { kernel, namespace, pod, device }: DeviceState,
  primary: NetworkLink,
  peer: NetworkLink,
): DeviceDrift[] {
  const { mtu, interface: name } = pod.network;
  const found: DeviceDrift[] = [];
  for (const [socket, link] of [
    [kernel.host, primary],
    [namespace.socket, peer],
  ] as const) {
    if (link.mtu !== mtu)
      found.push({
        key: `mtu ${link.ifindex}`,
        message: `the MTU of ${link.name} was changed to ${link.mtu}; the pod asked for ${mtu}`,
        repair: () => setLink(socket, link.ifindex, { mtu }),
      });
    if (!link.up)
      found.push({
        key: `down ${link.ifindex}`,
        message: `${link.name} was taken down`,
        repair: () => setLink(socket, link.ifindex, { up: true }),
      });
  }
  if (peer.name !== name && !peer.alternativeNames.includes(name))
    found.push({
      key: 'name',
      message: `the pod's interface ${name} is called ${peer.name}`,
      repair: () =>
        hasKernelCapability(kernel, 'live-rename')
          ? setLink(namespace.socket, slotToPeerIfindex(device.slot), { name })
          : addAlternativeNames(namespace.socket, slotToPeerIfindex(device.slot), [name]),
    });
  return found;
}

async function programDrift({ kernel, pod, device }: DeviceState): Promise<DeviceDrift[]> {
  const missing = await findHooksWithoutPodlaneProgram(kernel, device);
  const unpinned =
    device.hooks === 'tc'
      ? []
      : Object.values(podlaneProgramHooks[device.hooks]).filter(
          (hook) =>
            !missing.includes(hook) &&
            !kernel.programs.attachedLinks().some((link) => link.slot === device.slot && link.hook === hook),
        );
  const repair = () => attachPodlanePrograms(kernel, pod, device);
  return [
    { key: 'programs', what: 'Podlane’s program was detached from', hooks: missing },
    { key: 'pins', what: 'the pin of Podlane’s program was removed for', hooks: unpinned },
  ].flatMap(({ key, what, hooks }) =>
    hooks.length === 0
      ? []
      : [{ key, message: `${what} ${hooks.join(' and ')} of ${device.primaryName}`, repair }],
  );
}

function policyDrift({ kernel, pod, device }: DeviceState, primary: NetworkLink): DeviceDrift[] {
  if (device.kind !== 'netkit' || !primary.netkit) return [];
  const wanted = chooseNetkitPolicy(pod.network, device);
  const { policy, peerPolicy } = primary.netkit;
  if (policy === wanted.primary && peerPolicy === wanted.peer) return [];
  return [
    {
      key: 'policy',
      message: `the policy of ${device.primaryName} was changed to ${policy}, peer ${peerPolicy}; the pod asked for ${wanted.primary}, peer ${wanted.peer}`,
      repair: () => setNetkitPolicies(kernel.host, slotToPrimaryIfindex(device.slot), wanted),
    },
  ];
}

async function addressDrift({ namespace, pod, device }: DeviceState): Promise<DeviceDrift[]> {
  const wanted = pod.network.addresses;
  const present = (await listAddresses(namespace.socket, { ifindex: slotToPeerIfindex(device.slot) }))
    .filter((each) => each.scope === 'global')
    .map((each) => each.address);
  const missing = wanted.filter((address) => !present.includes(address));
  const added = present.filter((address) => !wanted.includes(address));
  return [
    ...(missing.length === 0
      ? []
      : [
          {
            key: `addresses ${missing.join(', ')}`,
            message: `${missing.join(', ')} was removed from ${pod.network.interface} in the pod`,
            repair: () => addPeerAddresses(namespace, device, missing),
          },
        ]),
    ...added.map((address) => ({
      key: `added ${address}`,
      message: `${address} was added to ${pod.network.interface} by another process; packets from it are dropped`,
      repair: null,
    })),
  ];
}

async function routeDrift({ kernel, namespace, pod, device }: DeviceState): Promise<DeviceDrift[]> {
  const { network } = pod;
  const onHost = await listRoutes(kernel.host, { ifindex: slotToPrimaryIfindex(device.slot) });
  const inPod = await listRoutes(namespace.socket, { ifindex: slotToPeerIfindex(device.slot) });
  const gone = [
    ...network.addresses
      .filter(
        (address) =>
          !onHost.some((route) => stripPrefixLength(route.destination) === stripPrefixLength(address)),
      )
      .map((address) => `the host's route to ${stripPrefixLength(address)}`),
    ...listPodGateways(network)
      .filter(
        (gateway) => !inPod.some((route) => route.destination === 'default' && route.gateway === gateway),
      )
      .map((gateway) => `the pod's default route via ${gateway}`),
    ...network.routes
      .filter(({ destination }) => !inPod.some((route) => sameDestination(route.destination, destination)))
      .map(({ destination }) => `the pod's route to ${destination}`),
  ];
  if (gone.length === 0) return [];
  return [
    {
      key: `routes ${gone.join(', ')}`,
      message: `${gone.join(', ')} was deleted`,
      repair: () => addPodRoutes(kernel, namespace, device.slot, network),
    },
  ];
}

/** Compares two destinations; the kernel reports the route to a single host without a prefix length. */
const sameDestination = (reported: string, wanted: string): boolean =>
  reported === wanted || (/\/(32|128)$/.test(wanted) && reported === stripPrefixLength(wanted));

async function neighborDrift({ kernel, namespace, pod, device }: DeviceState): Promise<DeviceDrift[]> {
  const missing = await findMissingNeighbors(kernel, namespace, pod, device);
  if (missing.length === 0) return [];
  return [
    {
      key: 'neighbors',
      message: `the permanent neighbor ${missing.length === 1 ? 'entry' : 'entries'} ${missing.join(', ')} of ${device.primaryName} ${missing.length === 1 ? 'was' : 'were'} changed`,
      repair: () => setPodNeighbors(kernel, namespace, pod, device, pod.network.addresses),
    },
  ];
}

/**
 * Lists addresses without a permanent neighbor entry, for a device with MAC addresses; those of the pod come first.
 */
export async function findMissingNeighbors(
  kernel: KernelContext,
  namespace: PodNamespace,
  { network }: PodRecord,
  { slot, primaryMac, peerMac }: DeviceRecord,
): Promise<string[]> {
  if (!primaryMac || !peerMac) return [];
  return [
    ...(await unknown(
      kernel.host,
      slotToPrimaryIfindex(slot),
      network.addresses.map(stripPrefixLength),
      peerMac,
    )),
    ...(await unknown(namespace.socket, slotToPeerIfindex(slot), listPodGateways(network), primaryMac)),
  ];
}

async function unknown(
  socket: NetlinkSocket,
  ifindex: number,
  expected: readonly string[],
  mac: string,
): Promise<string[]> {
  const present = await listNeighbors(socket, { ifindex });
  return expected.filter(
    (address) =>
      !present.some((each) => each.address === address && each.mac === mac && each.state === 'permanent'),
  );
}
