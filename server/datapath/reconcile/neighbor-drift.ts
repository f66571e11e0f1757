import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { setLink } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { listNeighbors } from '../../netlink/neighbor.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import { setPodNeighbors } from '../device/device-pair.ts';
import { listPodGateways, stripPrefixLength } from '../device/pod-gateways.ts';
import { writeSlotEntry } from '../device/podlane-programs.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import type { Drift, DriftContext } from './drift.ts';

/**
 * Compares the MACs of both ends with the record, and the permanent neighbor entries with the MACs. The MAC in the pod
 * is the pod's: a virtual machine brings its own, so entries and redirect follow it. The MAC of the primary is
 * Podlane's, and the pod's neighbors may have it in their caches, so it is set back. The kernel flushes an interface's
 * entries, permanent ones included, when its MAC changes (net/ipv4/arp.c, NETDEV_CHANGEADDR): they are set again.
 */
export async function detectNeighborDrift(
  state: DriftContext,
  primary: NetworkLink,
  peer: NetworkLink,
): Promise<Drift[]> {
  const { primaryMac, peerMac } = state.device;
  if (primaryMac === null || peerMac === null) return [];
  const macs = [...primaryMacDrift(state, primary, primaryMac), ...peerMacDrift(state, peer, peerMac)];
  // Their repairs set the neighbor entries too.
  return macs.some(({ repair }) => repair !== null) ? macs : [...macs, ...(await entryDrift(state))];
}

function primaryMacDrift(state: DriftContext, { name, mac, ifindex }: NetworkLink, wanted: string): Drift[] {
  if (mac === wanted) return [];
  const { kernel } = state.context;
  return [
    {
      key: `mac ${ifindex}`,
      reason: 'mac_changed',
      message: `the MAC of ${name} was changed to ${mac ?? 'none'}; it was ${wanted}`,
      repair: async () => {
        await setLink(kernel.host, ifindex, { mac: wanted });
        await setNeighbors(state);
      },
      remedy: `Keep other programs from changing it: MACAddressPolicy=none in a systemd .link file that matches ${name}. Set it back with: ip link set ${name} address ${wanted}`,
    },
  ];
}

function peerMacDrift(
  state: DriftContext,
  { name, mac, ifindex, master }: NetworkLink,
  known: string,
): Drift[] {
  if (mac === known) return [];
  const key = `mac ${ifindex}`;
  const message = `the MAC of ${name} was changed to ${mac ?? 'none'} in the pod; it was ${known}`;
  // The frames of a bridge's port are for what is behind the bridge, which may go on using the old MAC.
  if (mac === null || master !== null)
    return [
      {
        key,
        reason: 'mac_changed',
        message: `${message}${master === null ? '' : `, and ${name} is a port of ifindex ${master} there`}; the host goes on sending to ${known}`,
        repair: null,
        remedy: `If the pod receives at another MAC than ${known}, set it back with: ip link set ${name} address ${known}`,
      },
    ];
  return [
    {
      key,
      reason: 'mac_changed',
      message,
      repaired: 'the host’s neighbor entries follow it',
      repair: async () => {
        const { context, pod, device } = state;
        const macs = { primaryMac: device.primaryMac ?? '', peerMac: mac };
        await context.store.saveDeviceMacs(device.id, macs);
        device.peerMac = mac;
        writeSlotEntry(context.kernel, pod.record, device);
        await setNeighbors(state);
      },
      remedy: `Set it back in the pod with: ip link set ${name} address ${known}`,
    },
  ];
}

const setNeighbors = ({ context, namespace, pod, device }: DriftContext): Promise<void> =>
  setPodNeighbors(context.kernel, namespace, pod.record, device, pod.record.network.addresses);

async function entryDrift(state: DriftContext): Promise<Drift[]> {
  const { context, namespace, pod, device } = state;
  const missing = await findMissingNeighbors(context.kernel, namespace, pod.record, device);
  if (missing.length === 0) return [];
  return [
    {
      key: 'neighbors',
      reason: 'neighbor_changed',
      message: `the permanent neighbor ${missing.length === 1 ? 'entry' : 'entries'} ${missing.join(', ')} of ${device.primaryName} ${missing.length === 1 ? 'was' : 'were'} changed`,
      repair: () => setNeighbors(state),
      remedy: `Find the program that changes them with: ip monitor neigh dev ${device.primaryName}`,
    },
  ];
}

/**
 * Lists addresses without a permanent neighbor entry, for a device with MAC addresses; those of the pod come first. None
 * for an adopted pod, whose neighbors are learned.
 */
export async function findMissingNeighbors(
  kernel: KernelContext,
  namespace: PodNamespace,
  { network, adoption }: PodRecord,
  { slot, primaryMac, peerMac }: DeviceRecord,
): Promise<string[]> {
  if (!primaryMac || !peerMac || adoption !== null) return [];
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
