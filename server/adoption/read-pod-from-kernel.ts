import { randomBytes } from 'node:crypto';
import type { DeviceKind, HookFamily } from '../../contract/device.ts';
import { newPodSchema } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import { listPinnedLinks } from '../bpf/datapath-links.ts';
import { decodeEndpointEntry, decodeEndpointKey, slotToPeerIfindex } from '../bpf/datapath-structs.ts';
import { BpfHashMap } from '../bpf/hash-map.ts';
import { findNamespacesWithInterface } from '../kernel/namespace-search.ts';
import { openNetworkNamespace } from '../kernel/netns.ts';
import { getLink } from '../netlink/link.ts';
import { getNamespaceId } from '../netlink/namespace-id.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { StoredPod } from '../store/records.ts';
import { withPinnedMap } from './pinned-map.ts';
import { readSlotState } from './read-slot-state.ts';
import type { PinnedDevice } from './unknown-state.ts';

/**
 * Reads a pod without a record from what names it: the alias of its primary, the addresses that lead to its slot, and the
 * other end of its device. Its packet checks, and whether it is redirected, are those of the maps. Labels and routes of its own are not known then.
 * @throws ProblemError `unknown_state` if its name, addresses or namespace are not found
 */
export async function readPodFromKernel(pins: string, device: PinnedDevice): Promise<StoredPod> {
  const { slot, primary, owner } = device;
  const refuse = (why: string): never => {
    throw new ProblemError('unknown_state', `adopt ${primary.name} (ifindex ${primary.ifindex}): ${why}`, {
      hint: 'Nothing was changed. Give the --database that it belongs to, or remove everything with --reset.',
    });
  };
  const [, namespace, name] = /^([^/]+)\/([^/]+)$/.exec(primary.alias ?? '') ?? [];
  if (namespace === undefined || name === undefined || owner === 0)
    return refuse('it has no alias NAMESPACE/POD');
  const addresses = readAddresses(pins, owner);
  if (addresses.length === 0) return refuse('no address leads to it');
  const path = await findNamespaceOfPeer(device);
  if (path === null) return refuse('its network namespace is mounted nowhere, and no process is in it');
  using opened = openNetworkNamespace(path);
  using socket = NetlinkSocket.inNamespace(opened.fd);
  const peer = await getLink(socket, { ifindex: slotToPeerIfindex(slot) });
  if (peer === null) return refuse('its other end is gone');
  const kind = primary.kind as DeviceKind;
  const { checks, redirect } = readSlotState(pins, owner, slot);
  const parsed = newPodSchema.safeParse({
    namespace,
    name,
    netns: path,
    kind,
    addresses: addresses.map((address) => `${address}/${address.includes(':') ? 128 : 32}`),
    interface: peer.name,
    mtu: peer.mtu,
    checks,
    ...(kind === 'netkit' && primary.mac !== null ? { netkit: { mode: 'l2' } } : {}),
  });
  if (!parsed.success) return refuse(parsed.error.message);
  const { labels, netns, kind: _, namespace: __, name: ___, ...network } = parsed.data;
  const id = randomBytes(6).toString('hex');
  const createdAt = new Date();
  return {
    pod: {
      id,
      number: owner,
      namespace,
      name,
      labels,
      netnsPath: netns,
      netnsInode: opened.inode,
      network,
      adoption: null,
      createdAt,
      removedAt: null,
      carried: [],
    },
    settings: redirect ? {} : { redirect },
    devices: [
      {
        id: 0,
        podId: id,
        kind,
        hooks: readHooks(pins, slot),
        slot,
        primaryName: primary.name,
        primaryMac: primary.mac,
        peerMac: peer.mac,
        foreignIfindexes: null,
        createdAt,
      },
    ],
  };
}

/**
 * Finds the namespace of a device's other end by the number that the host has for it: other hosts on this machine may
 * have devices of the same indexes.
 */
async function findNamespaceOfPeer({ slot, primary }: PinnedDevice): Promise<string | null> {
  using host = NetlinkSocket.open();
  for (const path of findNamespacesWithInterface(slotToPeerIfindex(slot))) {
    using namespace = openNetworkNamespace(path);
    if ((await getNamespaceId(host, namespace.fd)) === primary.peerNamespaceId) return path;
  }
  return null;
}

/** Reads the addresses that lead to slots of a pod, IPv4 first. */
function readAddresses(pins: string, owner: number): string[] {
  return ['endpoints4', 'endpoints6'].flatMap(
    (name) =>
      withPinnedMap(pins, name, (fd) =>
        new BpfHashMap(fd, name)
          .entries()
          .filter(([, value]) => decodeEndpointEntry(value).owner === owner)
          .map(([key]) => decodeEndpointKey(key)),
      ) ?? [],
  );
}

/** Tells by the pinned links of a slot where its programs are; without a link they are clsact filters. */
function readHooks(pins: string, slot: number): HookFamily {
  const hook = listPinnedLinks(pins).find((link) => link.slot === slot)?.hook;
  if (hook === undefined) return 'tc';
  return hook.startsWith('netkit') ? 'netkit' : 'tcx';
}
