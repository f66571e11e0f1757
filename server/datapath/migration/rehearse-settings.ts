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
import {
  carrySettings,
  carrySettingsAfterTraffic,
  sendIgnoringRefusals,
} from '../network-state/carry-end.ts';
import { compareStates } from '../network-state/compare-states.ts';
import type { DeviceState } from '../network-state/end-state.ts';
import { buildNoArpRequests } from '../network-state/link-requests.ts';
import { sysctlsSetAfterTraffic } from '../network-state/list-settings.ts';
import { readEndState } from '../network-state/read-end-state.ts';
import type { SettingKind } from '../network-state/setting.ts';
import { groupItems } from './plan-items.ts';

/**
 * Kinds of settings that `rehearseSettings` compares: those that a device takes or refuses wherever it is. Addresses,
 * routes and the like depend on what else is in the namespace.
 */
const rehearsedKinds = new Set<SettingKind>(['link setting', 'qdisc', 'traffic class', 'offload', 'sysctl']);
const names = { pod: 'end0', host: 'end1' } as const;

/**
 * Finds out which settings a new device would not take: creates a device of the new kind in a network namespace made
 * for that, gives it the settings of the old one, and compares. Nothing of the pod or the host is changed.
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
    const fresh = await readEndState(there);
    await carrySettings(state[end], there, fresh, () => false);
    await sendIgnoringRefusals(socket, buildNoArpRequests(state[end], fresh, link.ifindex));
    await carrySettingsAfterTraffic(state[end], there, fresh);
    const now = await readEndState(there);
    const differences = compareStates(state[end], now).filter(
      ({ kind, key, old }) => rehearsedKinds.has(kind) && old !== null && !dependsOnNamespace(kind, key),
    );
    items.push(
      ...groupItems(
        end,
        differences.map(({ kind, key, old }) => ({ kind, key, text: old ?? '' })),
        `a new ${to} device does not take it on this kernel`,
      ),
    );
  }
  return items;
}

/**
 * Settings that differ in the rehearsal for lack of the bridge and the names, or with its namespace:
 * `sysctlsSetAfterTraffic`.
 */
const dependsOnNamespace = (kind: SettingKind, key: string): boolean =>
  (kind === 'link setting' && (key.startsWith('bridge') || key.startsWith('altname '))) ||
  (kind === 'sysctl' && sysctlsSetAfterTraffic.has(key.slice(key.lastIndexOf('/') + 1)));

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
