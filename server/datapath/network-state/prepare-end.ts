import { closeSync } from 'node:fs';
import { openProgramById } from '../../bpf/program-info.ts';
import { writeOffloadFeatures } from '../../kernel/ethtool-features.ts';
import { writeQueueSettings } from '../../kernel/interface-queues.ts';
import { type InterfaceSysctl, writeInterfaceSysctls } from '../../kernel/interface-sysctls.ts';
import { addLinkLayerGroup } from '../../kernel/link-layer-groups.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import { relabel } from './address-labels.ts';
import { isOwnEntry } from './bridge-entries.ts';
import { buildPortRequests, buildVlanRequests, listPortSettings, listPortVlans } from './bridge-port.ts';
import { buildAddressRequests } from './carry-addresses.ts';
import { buildLinkSettingRequests, buildMasterRequests } from './carry-link.ts';
import { buildNeighborRequests, isCarriedNeighbor } from './carry-neighbors.ts';
import { buildFilterRequests, buildQdiscRequests, filterProgramId } from './carry-traffic-control.ts';
import type { DeviceEndRef, EndState } from './end-state.ts';
import { carryToken } from './interface-token.ts';
import { hasLinkLayerAddresses, lateSysctls } from './list-settings.ts';
import { readEndState, readLink } from './read-end-state.ts';

/** Gives one end of a new device, whose present state is `to`, the settings of the old one: link, offloads, queues, sysctls, qdiscs and filters. */
export async function carrySettings(
  from: EndState,
  end: DeviceEndRef,
  to: EndState,
  carriesFilter: (filter: EndState['filters'][number]) => boolean,
): Promise<void> {
  const { socket, namespaceFd, ifindex } = end;
  await sendAll(socket, buildLinkSettingRequests(from, to));
  carryOffloads(from, to, namespaceFd);
  const present = new Map(to.queues.map(({ path, value }) => [path, value]));
  writeQueueSettings(
    to.name,
    from.queues.filter(({ path, value }) => present.has(path) && present.get(path) !== value),
    namespaceFd,
  );
  writeInterfaceSysctls(
    to.name,
    differingSysctls(from, to, (name) => !lateSysctls.has(name)),
    namespaceFd,
  );
  for (const group of from.linkLayerGroups)
    if (!to.linkLayerGroups.includes(group)) addLinkLayerGroup(to.name, group, namespaceFd);
  await sendAll(socket, buildQdiscRequests(from, ifindex));
  await carryFilters(socket, from.filters.filter(carriesFilter), ifindex);
}

/** Gives one end of a new device, whose present state is `to`, the addresses and neighbor entries of the old one. */
export async function carryAddresses(
  from: EndState,
  end: DeviceEndRef,
  to: Pick<EndState, 'name' | 'link'>,
): Promise<void> {
  const { socket, ifindex } = end;
  const addresses = from.addresses.map((address) => relabel(address, from.name, to.name));
  await sendAll(socket, buildAddressRequests(addresses, ifindex));
  // Between two devices with link-layer addresses only. Without them the kernel makes an entry for every address that is
  // sent to, with the device's own address, zeros: on a veth device it would take the place of the permanent one.
  const haveLinkLayer = hasLinkLayerAddresses(from) && hasLinkLayerAddresses(to);
  const neighbors = haveLinkLayer ? from.neighbors.filter(isCarriedNeighbor) : [];
  await sendAll(socket, buildNeighborRequests([...neighbors, ...from.proxyNeighbors], ifindex));
  await sendAll(socket, buildMasterRequests(from, { link: to.link, ifindex }));
  await carryBridgePort(from, end);
  await sendAll(socket, buildNeighborRequests(from.bridgeEntries.filter(isOwnEntry), ifindex));
}

/** Gives a port of a bridge the settings and VLANs of another port. */
async function carryBridgePort(from: EndState, { socket, ifindex }: DeviceEndRef): Promise<void> {
  if (listPortSettings(from.link).length === 0) return;
  await sendAll(socket, buildPortRequests(from.link, await readLink(socket, ifindex), ifindex));
  await sendAll(socket, buildVlanRequests(from.bridgeVlans, await listPortVlans(socket, ifindex), ifindex));
}

/**
 * Sets the sysctls that have to wait until traffic has moved: while both devices have the pod's addresses, a strict
 * reverse path filter drops what arrives on the other one, and IPv6 would make addresses of its own.
 * @param to present state of the new end
 */
export async function carryLateSettings(from: EndState, end: DeviceEndRef, before: EndState): Promise<void> {
  await carryToken(from, before, end);
  const to = await readEndState(end);
  writeInterfaceSysctls(
    to.name,
    differingSysctls(from, to, (name) => lateSysctls.has(name)),
    end.namespaceFd,
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
    await sendAll(
      socket,
      buildFilterRequests(filters, ifindex, (id) => open.get(id) ?? null),
    );
  } finally {
    for (const descriptor of open.values()) closeSync(descriptor);
  }
}

/**
 * Sends requests one by one. What the kernel refuses is missing on the interface, which the comparison of both states
 * finds: it knows what was named beforehand.
 */
export async function sendAll(socket: NetlinkSocket, requests: readonly NetlinkRequest[]): Promise<void> {
  if (requests.length > 0) await socket.batch(requests);
}
