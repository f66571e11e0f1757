import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { listAddresses } from '../../netlink/address.ts';
import { addAlternativeNames, setLink } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { setNetkitPolicies } from '../../netlink/netkit.ts';
import { listRoutes } from '../../netlink/route.ts';
import { addPeerAddresses, chooseNetkitPolicy } from '../device/device-pair.ts';
import { addPodRoutes } from '../device/device-routes.ts';
import { listPodGateways, stripPrefixLength } from '../device/pod-gateways.ts';
import {
  attachPodlanePrograms,
  findHooksWithoutPodlaneProgram,
  listUnpinnedHooks,
} from '../device/podlane-programs.ts';
import { hasKernelCapability } from '../kernel-context.ts';
import { detectAdoptedDeviceDrift } from './adopted-device-drift.ts';
import type { Drift, DriftContext } from './drift.ts';
import { detectNeighborDrift } from './neighbor-drift.ts';
import { detectSysctlDrift } from './sysctl-drift.ts';

/** Compares an existing device with its pod's configuration. Repairs are in the order in which they must run. */
export async function detectDeviceDrift(
  state: DriftContext,
  primary: NetworkLink,
  peer: NetworkLink,
): Promise<Drift[]> {
  if (state.pod.record.adoption !== null)
    return [
      ...(await programDrift(state)),
      ...policyDrift(state, primary),
      ...detectAdoptedDeviceDrift(state, primary, peer),
    ];
  return [
    ...endDrift(state, primary, peer),
    ...(await programDrift(state)),
    ...policyDrift(state, primary),
    ...detectSysctlDrift(state, primary),
    ...(await addressDrift(state)),
    ...(await routeDrift(state)),
    ...(await detectNeighborDrift(state, primary, peer)),
  ];
}

function endDrift(
  { context: { kernel }, namespace, pod, device }: DriftContext,
  primary: NetworkLink,
  peer: NetworkLink,
): Drift[] {
  const { mtu, interface: name } = pod.record.network;
  const found: Drift[] = [];
  for (const [socket, link] of [
    [kernel.host, primary],
    [namespace.socket, peer],
  ] as const) {
    if (link.mtu !== mtu)
      found.push({
        key: `mtu ${link.ifindex}`,
        reason: 'mtu_changed',
        remedy: `Find the program that changes it, then run: ip link set ${link.name} mtu ${mtu}`,
        message: `the MTU of ${link.name} was changed to ${link.mtu}; the pod asked for ${mtu}`,
        repair: () => setLink(socket, link.ifindex, { mtu }),
      });
    if (!link.up)
      found.push({
        key: `down ${link.ifindex}`,
        reason: 'link_down',
        remedy: `Run: ip link set ${link.name} up`,
        message: `${link.name} was taken down`,
        repair: () => setLink(socket, link.ifindex, { up: true }),
      });
  }
  if (peer.name !== name && !peer.alternativeNames.includes(name))
    found.push({
      key: 'name',
      reason: 'interface_renamed',
      remedy: `Run in the pod: ip link set ${peer.name} name ${name}`,
      message: `the pod's interface ${name} is called ${peer.name}`,
      repair: () =>
        hasKernelCapability(kernel, 'live-rename')
          ? setLink(namespace.socket, slotToPeerIfindex(device.slot), { name })
          : addAlternativeNames(namespace.socket, slotToPeerIfindex(device.slot), [name]),
    });
  return found;
}

async function programDrift({ context: { kernel }, pod, device }: DriftContext): Promise<Drift[]> {
  const missing = await findHooksWithoutPodlaneProgram(kernel, device);
  const unpinned = listUnpinnedHooks(kernel, device).filter((hook) => !missing.includes(hook));
  const repair = async () => {
    kernel.programs.restorePins();
    await attachPodlanePrograms(kernel, pod.record, device);
  };
  return [
    { key: 'programs', what: 'Podlane’s program was detached from', hooks: missing },
    { key: 'pins', what: 'the pin of Podlane’s program was removed for', hooks: unpinned },
  ].flatMap(({ key, what, hooks }) =>
    hooks.length === 0
      ? []
      : {
          key,
          reason: 'programs_missing' as const,
          message: `${what} ${hooks.join(' and ')} of ${device.primaryName}`,
          repair,
          remedy: `Find the program that detaches them; bpftool net show dev ${device.primaryName} lists what is attached. Rules do not hold for this pod meanwhile.`,
        },
  );
}

function policyDrift({ context: { kernel }, pod, device }: DriftContext, primary: NetworkLink): Drift[] {
  if (device.kind !== 'netkit' || !primary.netkit) return [];
  const wanted = chooseNetkitPolicy(pod.record.network, device);
  const { policy, peerPolicy } = primary.netkit;
  if (policy === wanted.primary && peerPolicy === wanted.peer) return [];
  return [
    {
      key: 'policy',
      reason: 'policy_changed',
      remedy: `Find the program that changes it with: ip monitor link dev ${device.primaryName}`,
      message: `the policy of ${device.primaryName} was changed to ${policy}, peer ${peerPolicy}; the pod asked for ${wanted.primary}, peer ${wanted.peer}`,
      repair: () => setNetkitPolicies(kernel.host, slotToPrimaryIfindex(device.slot), wanted),
    },
  ];
}

async function addressDrift({ namespace, pod, device }: DriftContext): Promise<Drift[]> {
  const { interface: name, addresses: wanted } = pod.record.network;
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
            reason: 'address_missing' as const,
            remedy: `Run in the pod: ip address add ${missing[0]} dev ${name}`,
            message: `${missing.join(', ')} was removed from ${name} in the pod`,
            repair: () => addPeerAddresses(namespace, device, missing),
          },
        ]),
    ...added.map((address) => ({
      key: `added ${address}`,
      reason: 'address_added' as const,
      remedy: `Attach the pod with this address, or run in the pod: ip address delete ${address} dev ${name}`,
      message: `${address} was added to ${name} by another process; packets from it are dropped`,
      repair: null,
    })),
  ];
}

async function routeDrift({ context: { kernel }, namespace, pod, device }: DriftContext): Promise<Drift[]> {
  const { network } = pod.record;
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
      reason: 'route_missing',
      remedy: 'Find the program that deletes it with: ip monitor route',
      message: `${gone.join(', ')} was deleted`,
      repair: () => addPodRoutes(kernel, namespace, device.slot, network),
    },
  ];
}

/** Compares two destinations; the kernel reports the route to a single host without a prefix length. */
const sameDestination = (reported: string, wanted: string): boolean =>
  reported === wanted || (/\/(32|128)$/.test(wanted) && reported === stripPrefixLength(wanted));
