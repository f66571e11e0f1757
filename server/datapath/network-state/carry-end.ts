import { closeSync } from 'node:fs';
import { openProgramById } from '../../bpf/program-info.ts';
import { writeOffloadFeatures } from '../../kernel/ethtool-features.ts';
import { writeQueueSettings } from '../../kernel/interface-queues.ts';
import { type InterfaceSysctl, writeInterfaceSysctls } from '../../kernel/interface-sysctls.ts';
import { addLinkLayerGroup } from '../../kernel/link-layer-groups.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import { replaceAddressLabel } from './address-labels.ts';
import { buildAddressDeletion, buildAddressRequests, isLinkLocalIpv6 } from './address-requests.ts';
import { isOwnEntry } from './bridge-entries.ts';
import { buildPortRequests, buildVlanRequests, listPortSettings, listPortVlans } from './bridge-port.ts';
import { buildConnectedRouteDeletions } from './connected-routes.ts';
import { describeAddress } from './describe-object.ts';
import { type DeviceEndRef, type EndState, hasLinkLayerAddresses } from './end-state.ts';
import { carryIpv6Token } from './ipv6-token.ts';
import { buildLinkSettingRequests, buildMasterRequests, buildNoArpRequests } from './link-requests.ts';
import { sysctlsSetAfterTraffic } from './list-settings.ts';
import { buildNeighborRequests, isCarriedNeighbor } from './neighbor-requests.ts';
import { listRawAddresses, readLink } from './read-end-state.ts';
import { buildFilterRequests, buildQdiscRequests, filterProgramId } from './traffic-control-requests.ts';

/**
 * Gives one end of a new device the settings of the old one that do not depend on traffic: link, offloads, queues,
 * sysctls but `sysctlsSetAfterTraffic`, multicast addresses, qdiscs, classes and filters.
 * @param from state of the old end @param to present state of the new end
 */
export async function carrySettings(
  from: EndState,
  end: DeviceEndRef,
  to: EndState,
  carriesFilter: (filter: EndState['filters'][number]) => boolean,
): Promise<void> {
  const { socket, namespaceFd, ifindex } = end;
  await sendIgnoringRefusals(socket, buildLinkSettingRequests(from, to));
  carryOffloads(from, to, namespaceFd);
  const present = new Map(to.queues.map(({ path, value }) => [path, value]));
  writeQueueSettings(
    to.name,
    from.queues.filter(({ path, value }) => present.has(path) && present.get(path) !== value),
    namespaceFd,
  );
  writeInterfaceSysctls(
    to.name,
    differingSysctls(from, to, (name) => !sysctlsSetAfterTraffic.has(name)),
    namespaceFd,
  );
  for (const group of from.linkLayerGroups)
    if (!to.linkLayerGroups.includes(group)) addLinkLayerGroup(to.name, group, namespaceFd);
  await sendIgnoringRefusals(socket, buildQdiscRequests(from, ifindex));
  await carryFilters(socket, from.filters.filter(carriesFilter), ifindex);
}

/**
 * Gives one end of a new device the addresses, neighbor entries and proxy entries of the old one, and makes it a port
 * of the same bridge, bond or VRF with the same port settings.
 * @param from state of the old end @param to present state of the new end
 */
export async function carryAddresses(
  from: EndState,
  end: DeviceEndRef,
  to: Pick<EndState, 'name' | 'link'>,
): Promise<void> {
  const { socket, ifindex } = end;
  const addresses = from.addresses.map((address) => replaceAddressLabel(address, from.name, to.name));
  await sendIgnoringRefusals(socket, [
    ...buildAddressRequests(addresses, ifindex),
    ...buildConnectedRouteDeletions(from, ifindex),
  ]);
  await sendIgnoringRefusals(socket, buildNoArpRequests(from, to, ifindex));
  // Between two devices with link-layer addresses only. Without them the kernel makes an entry for every address that is
  // sent to, with the device's own address, zeros: on a veth device it would take the place of the permanent one.
  const haveLinkLayer = hasLinkLayerAddresses(from) && hasLinkLayerAddresses(to);
  const neighbors = haveLinkLayer ? from.neighbors.filter(isCarriedNeighbor) : [];
  await sendIgnoringRefusals(socket, buildNeighborRequests([...neighbors, ...from.proxyNeighbors], ifindex));
  await sendIgnoringRefusals(socket, buildMasterRequests(from, { link: to.link, ifindex }));
  await carryBridgePort(from, end);
  await sendIgnoringRefusals(socket, buildNeighborRequests(from.bridgeEntries.filter(isOwnEntry), ifindex));
}

/** Gives a port of a bridge the settings and VLANs of another port. */
async function carryBridgePort(from: EndState, { socket, ifindex }: DeviceEndRef): Promise<void> {
  if (listPortSettings(from.link).length === 0) return;
  await sendIgnoringRefusals(socket, buildPortRequests(from.link, await readLink(socket, ifindex), ifindex));
  await sendIgnoringRefusals(
    socket,
    buildVlanRequests(from.bridgeVlans, await listPortVlans(socket, ifindex), ifindex),
  );
}

/**
 * Sets the sysctls that have to wait until traffic has moved: while both devices have the pod's addresses, a strict
 * reverse path filter drops what arrives on the other one, and IPv6 would make addresses of its own. Sets the token for
 * IPv6 autoconfiguration as well.
 * @param before state of the new end before the call
 */
export async function carrySettingsAfterTraffic(
  from: EndState,
  end: DeviceEndRef,
  before: EndState,
): Promise<void> {
  await carryIpv6Token(from, before, end);
  const { socket, namespaceFd, ifindex } = end;
  const known = await listRawAddresses(socket, ifindex);
  writeInterfaceSysctls(
    before.name,
    differingSysctls(from, before, (name) => sysctlsSetAfterTraffic.has(name)),
    namespaceFd,
  );
  // A mode of address generation makes the kernel add a link-local address of its own, which the old end need not have.
  const added = (await listRawAddresses(socket, ifindex)).filter(
    (address) =>
      isLinkLocalIpv6(address) &&
      ![...known, ...from.addresses].some((other) => describeAddress(other) === describeAddress(address)),
  );
  await sendIgnoringRefusals(
    socket,
    added.map((address) => buildAddressDeletion(address, ifindex)),
  );
}

function differingSysctls(
  from: EndState,
  to: EndState,
  wanted: (name: string) => boolean,
): InterfaceSysctl[] {
  const present = new Map(to.sysctls.map(({ tree, name, value }) => [`${tree}/${name}`, value]));
  return from.sysctls.filter(
    ({ tree, name, value }) => wanted(name) && present.get(`${tree}/${name}`) !== value,
  );
}

function carryOffloads(from: EndState, to: EndState, namespaceFd: number | undefined): void {
  const present = new Map(to.offloads.map((feature) => [feature.name, feature]));
  const wanted = from.offloads.filter(({ name, wanted: value }) => {
    const feature = present.get(name);
    return feature?.changeable === true && feature.wanted !== value;
  });
  if (wanted.length > 0)
    writeOffloadFeatures(
      to.name,
      new Map(wanted.map(({ name, wanted: value }) => [name, value])),
      namespaceFd,
    );
}

async function carryFilters(
  socket: NetlinkSocket,
  filters: readonly EndState['filters'][number][],
  ifindex: number,
): Promise<void> {
  const open = new Map<number, number>();
  try {
    for (const filter of filters) {
      const id = filterProgramId(filter);
      const descriptor = id === null || open.has(id) ? null : openProgramById(id);
      if (id !== null && descriptor !== null) open.set(id, descriptor);
    }
    await sendIgnoringRefusals(
      socket,
      buildFilterRequests(filters, ifindex, (id) => open.get(id) ?? null),
    );
  } finally {
    for (const descriptor of open.values()) closeSync(descriptor);
  }
}

/**
 * Sends requests and ignores refusals. What the kernel refuses is then missing on the new interface, and the comparison
 * with the old one finds it, unless the user accepted its loss in the plan.
 */
export async function sendIgnoringRefusals(
  socket: NetlinkSocket,
  requests: readonly NetlinkRequest[],
): Promise<void> {
  if (requests.length > 0) await socket.batch(requests);
}
