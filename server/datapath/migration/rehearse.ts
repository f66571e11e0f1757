import type { DeviceKind } from '../../../contract/device.ts';
import type { MigrationItem } from '../../../contract/migration.ts';
import { createUnnamedNamespace } from '../../kernel/netns.ts';
import { getLink, setLink } from '../../netlink/link.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import { addNetkit } from '../../netlink/netkit.ts';
import { getRawU32 } from '../../netlink/raw-object.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { addVeth } from '../../netlink/veth.ts';
import type { PodRecord } from '../../store/records.ts';
import { compareStates } from '../network-state/compare-states.ts';
import type { DeviceState } from '../network-state/end-state.ts';
import type { SettingKind } from '../network-state/list-settings.ts';
import { carryLateSettings, carrySettings } from '../network-state/prepare-end.ts';
import { readEndState } from '../network-state/read-end-state.ts';
import { groupItems } from './plan-items.ts';

/** Kinds of settings that a device takes or refuses by itself, whatever else is in its namespace. */
const tried = new Set<SettingKind>(['link setting', 'qdisc', 'traffic class', 'offload', 'sysctl']);
const names = { pod: 'end0', host: 'end1' } as const;

/**
 * Tries in a namespace of its own which settings the new kind of device takes: the kernel is asked instead of a table
 * of what it could do. Nothing of the pod or the host is changed.
 * @returns an item for each setting that the new device would not have
 */
export async function rehearseSettings(
  pod: PodRecord,
  state: DeviceState,
  to: DeviceKind,
): Promise<MigrationItem[]> {
  using namespace = createUnnamedNamespace();
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  await createPair(socket, pod, state, to);
  const items: MigrationItem[] = [];
  for (const end of ['pod', 'host'] as const) {
    const link = await getLink(socket, { name: names[end] });
    if (!link) continue;
    const there = { socket, namespaceFd: namespace.fd, ifindex: link.ifindex };
    await carrySettings(state[end], there, await readEndState(there), () => false);
    await carryLateSettings(state[end], there, await readEndState(there));
    const now = await readEndState(there);
    const differences = compareStates(state[end], now).filter(
      ({ kind, key, before }) => tried.has(kind) && before !== null && !isOfPlace(kind, key),
    );
    items.push(
      ...groupItems(
        end,
        differences.map(({ kind, key, before }) => ({ kind, key, text: before ?? '' })),
        `a new ${to} device does not take it on this kernel`,
      ),
    );
  }
  return items;
}

/** Settings that depend on the namespace: bridge membership, names, and sysctls that are set once traffic has moved. */
const isOfPlace = (kind: SettingKind, key: string): boolean =>
  (kind === 'link setting' && (key.startsWith('bridge') || key.startsWith('altname '))) ||
  (kind === 'sysctl' &&
    /\/(rp_filter|addr_gen_mode|accept_dad|accept_ra|use_tempaddr|dad_transmits|stable_secret)$/.test(key));

async function createPair(
  socket: NetlinkSocket,
  { network }: PodRecord,
  { pod, host }: DeviceState,
  to: DeviceKind,
): Promise<void> {
  const mtuOf = (end: DeviceState['pod']): number => getRawU32(end.link, ifla.mtu) ?? network.mtu;
  const primary = { name: names.host, mtu: mtuOf(host) };
  const peer = { name: names.pod, mtu: mtuOf(pod) };
  if (to === 'veth') await addVeth(socket, { primary, peer });
  else await addNetkit(socket, { mode: network.netkit.mode, primary, peer });
  for (const name of Object.values(names)) {
    const link = await getLink(socket, { name });
    if (link) await setLink(socket, link.ifindex, { up: true });
  }
}
