import { peerIfindex, primaryIfindex } from '../../bpf/layout.ts';
import { addresses } from '../../netlink/address.ts';
import { addAlternativeNames, type Link, setLink } from '../../netlink/link.ts';
import { neighbours } from '../../netlink/neighbour.ts';
import { setNetkitPolicy } from '../../netlink/netkit.ts';
import { routes } from '../../netlink/route.ts';
import type { RtnetlinkSocket } from '../../netlink/socket.ts';
import { devicePolicy, fixNeighbours, giveAddresses } from '../device/device.ts';
import { hooksOf } from '../device/hooks.ts';
import { routePod } from '../device/network-state.ts';
import { bare, gatewaysOf } from '../device/next-hops.ts';
import { attachPrograms, bareHooks } from '../device/our-programs.ts';
import { can, type Ground } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import type { DeviceRecord, PodRecord } from '../store.ts';

/** Something of a device that is not as its pod asked for. What is not ours to change has no `repair`. */
export interface Difference {
  /** The same difference has the same key when it is found again. */
  key: string;
  sentence: string;
  repair: (() => Promise<void>) | null;
}

interface Place {
  ground: Ground;
  namespace: PodNamespace;
  pod: PodRecord;
  device: DeviceRecord;
}

/** Compares a device that is there with what its pod asked for; repairs come in the order they have to be done. */
export async function findDrift(place: Place, primary: Link, peer: Link): Promise<Difference[]> {
  return [
    ...endDrift(place, primary, peer),
    ...(await programDrift(place)),
    ...policyDrift(place, primary),
    ...(await addressDrift(place)),
    ...(await routeDrift(place)),
    ...(await neighbourDrift(place)),
  ];
}

function endDrift({ ground, namespace, pod, device }: Place, primary: Link, peer: Link): Difference[] {
  const { mtu, interface: name } = pod.network;
  const found: Difference[] = [];
  for (const [socket, link] of [
    [ground.host, primary],
    [namespace.socket, peer],
  ] as const) {
    if (link.mtu !== mtu)
      found.push({
        key: `mtu ${link.ifindex}`,
        sentence: `the MTU of ${link.name} was changed to ${link.mtu}; the pod asked for ${mtu}`,
        repair: () => setLink(socket, link.ifindex, { mtu }),
      });
    if (!link.up)
      found.push({
        key: `down ${link.ifindex}`,
        sentence: `${link.name} was taken down`,
        repair: () => setLink(socket, link.ifindex, { up: true }),
      });
  }
  if (peer.name !== name && !peer.alternativeNames.includes(name))
    found.push({
      key: 'name',
      sentence: `the pod's interface ${name} is called ${peer.name}`,
      repair: () =>
        can(ground, 'live-rename')
          ? setLink(namespace.socket, peerIfindex(device.slot), { name })
          : addAlternativeNames(namespace.socket, peerIfindex(device.slot), [name]),
    });
  return found;
}

async function programDrift({ ground, pod, device }: Place): Promise<Difference[]> {
  const missing = await bareHooks(ground, device);
  const unpinned =
    device.hooks === 'tc'
      ? []
      : Object.values(hooksOf[device.hooks]).filter(
          (hook) =>
            !missing.includes(hook) &&
            !ground.programs.attachedLinks().some((link) => link.slot === device.slot && link.hook === hook),
        );
  const repair = () => attachPrograms(ground, pod, device);
  return [
    { key: 'programs', what: 'our program was taken from', hooks: missing },
    { key: 'pins', what: 'the pin of our program was removed from', hooks: unpinned },
  ].flatMap(({ key, what, hooks }) =>
    hooks.length === 0
      ? []
      : [{ key, sentence: `${what} ${hooks.join(' and ')} of ${device.primaryName}`, repair }],
  );
}

function policyDrift({ ground, pod, device }: Place, primary: Link): Difference[] {
  if (device.kind !== 'netkit' || !primary.netkit) return [];
  const wanted = devicePolicy(pod.network, device);
  const { policy, peerPolicy } = primary.netkit;
  if (policy === wanted.primary && peerPolicy === wanted.peer) return [];
  return [
    {
      key: 'policy',
      sentence: `the policy of ${device.primaryName} was changed to ${policy}, peer ${peerPolicy}; the pod asked for ${wanted.primary}, peer ${wanted.peer}`,
      repair: () => setNetkitPolicy(ground.host, primaryIfindex(device.slot), wanted),
    },
  ];
}

async function addressDrift({ namespace, pod, device }: Place): Promise<Difference[]> {
  const wanted = pod.network.addresses;
  const there = (await addresses(namespace.socket, { ifindex: peerIfindex(device.slot) }))
    .filter((each) => each.scope === 'global')
    .map((each) => each.address);
  const missing = wanted.filter((address) => !there.includes(address));
  const added = there.filter((address) => !wanted.includes(address));
  return [
    ...(missing.length === 0
      ? []
      : [
          {
            key: `addresses ${missing.join(', ')}`,
            sentence: `${missing.join(', ')} was taken from ${pod.network.interface} in the pod`,
            repair: () => giveAddresses(namespace, device, missing),
          },
        ]),
    ...added.map((address) => ({
      key: `added ${address}`,
      sentence: `${address} was added to ${pod.network.interface} by hand; what the pod sends from it is dropped`,
      repair: null,
    })),
  ];
}

async function routeDrift({ ground, namespace, pod, device }: Place): Promise<Difference[]> {
  const { network } = pod;
  const onHost = await routes(ground.host, { ifindex: primaryIfindex(device.slot) });
  const inPod = await routes(namespace.socket, { ifindex: peerIfindex(device.slot) });
  const gone = [
    ...network.addresses
      .filter((address) => !onHost.some((route) => bare(route.destination) === bare(address)))
      .map((address) => `the host's route to ${bare(address)}`),
    ...gatewaysOf(network)
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
      sentence: `${gone.join(', ')} was deleted`,
      repair: () => routePod(ground, namespace, device.slot, network),
    },
  ];
}

/** A route to one host is told without its length. */
const sameDestination = (told: string, wanted: string): boolean =>
  told === wanted || (/\/(32|128)$/.test(wanted) && told === bare(wanted));

async function neighbourDrift({ ground, namespace, pod, device }: Place): Promise<Difference[]> {
  const missing = await missingNeighbours(ground, namespace, pod, device);
  if (missing.length === 0) return [];
  return [
    {
      key: 'neighbours',
      sentence: `the permanent ${missing.length === 1 ? 'neighbour' : 'neighbours'} ${missing.join(', ')} of ${device.primaryName} ${missing.length === 1 ? 'was' : 'were'} changed`,
      repair: () => fixNeighbours(ground, namespace, pod, device, pod.network.addresses),
    },
  ];
}

/** Addresses that a device with MACs has no permanent neighbour for, the pod's own first. */
export async function missingNeighbours(
  ground: Ground,
  namespace: PodNamespace,
  { network }: PodRecord,
  { slot, primaryMac, peerMac }: DeviceRecord,
): Promise<string[]> {
  if (!primaryMac || !peerMac) return [];
  return [
    ...(await unknown(ground.host, primaryIfindex(slot), network.addresses.map(bare), peerMac)),
    ...(await unknown(namespace.socket, peerIfindex(slot), gatewaysOf(network), primaryMac)),
  ];
}

async function unknown(
  socket: RtnetlinkSocket,
  ifindex: number,
  expected: readonly string[],
  mac: string,
): Promise<string[]> {
  const there = await neighbours(socket, { ifindex });
  return expected.filter(
    (address) =>
      !there.some((each) => each.address === address && each.mac === mac && each.state === 'permanent'),
  );
}
