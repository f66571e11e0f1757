import { ProblemError } from '../../../contract/problem.ts';
import { readOffloadFeatures } from '../../kernel/ethtool-features.ts';
import { readQueueSettings } from '../../kernel/interface-queues.ts';
import { readInterfaceSysctls } from '../../kernel/interface-sysctls.ts';
import { listLinkLayerGroups } from '../../kernel/link-layer-groups.ts';
import { ifla, skipProtocolStatsFlag } from '../../netlink/link-attributes.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import { emptyListIfDeviceGone, isNetlinkError } from '../../netlink/netlink-error.ts';
import { ifaddrmsg, ifinfomsg, ndmsg, rtmsg, tcmsg } from '../../netlink/netlink-structs.ts';
import {
  copyRawObject,
  dumpRawObjects,
  getRawAttribute,
  getRawString,
  getRawU32,
  type RawObject,
  rawU32,
} from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { listBridgeEntries } from './bridge-entries.ts';
import { listPortVlans } from './bridge-port.ts';
import type { DeviceEndRef, EndState } from './end-state.ts';
import { listMirredActions } from './mirred-actions.ts';
import { readMptcpEndpoints } from './mptcp-endpoints.ts';
import { listGroupMembers } from './next-hop-groups.ts';
import {
  addressFamilies,
  neighborFlags,
  nha,
  nhmsg,
  routeProtocolKernel,
  rta,
  tca,
} from './rtnetlink-constants.ts';
import { readSecurityPolicies } from './security-policies.ts';
import { isConfiguredClass } from './traffic-control-requests.ts';

/** Parents of the filters of clsact and ingress: TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of ffff:, <linux/pkt_sched.h>. */
const clsactParents = [0xffff_fff2, 0xffff_fff3];
const maxObjects = 200_000;

/**
 * Reads the network state of one end of a device.
 * @throws ProblemError `device_missing` without the interface, `too_large` beyond 200,000 routes, addresses,
 * neighbors and filters
 */
export async function readEndState(end: DeviceEndRef): Promise<EndState> {
  const { socket, namespaceFd, ifindex } = end;
  const { link, name } = await readEndLink(end);
  const { nextHops, nextHopGroups } = await listNextHops(socket, ifindex);
  const routes = await listRoutes(socket, ifindex);
  const state: EndState = {
    ifindex,
    name,
    link,
    addresses: await listRawAddresses(socket, ifindex),
    ...splitRoutes(routes),
    kernelRoutes: routes.filter((route) => route.body[rtmsg.rtm_protocol] === routeProtocolKernel),
    nextHops,
    nextHopGroups,
    neighbors: await listNeighbors(socket, ifindex, 0),
    proxyNeighbors: await listNeighbors(socket, ifindex, neighborFlags.proxy),
    bridgeEntries: await listBridgeEntries(socket, ifindex, link),
    bridgeVlans: getRawU32(link, ifla.master) === null ? [] : await listPortVlans(socket, ifindex),
    ...(await readTrafficControl(socket, ifindex)),
    sysctls: readInterfaceSysctls(name, namespaceFd),
    offloads: readOffloadFeatures(name, namespaceFd),
    queues: readQueueSettings(name, namespaceFd),
    linkLayerGroups: listLinkLayerGroups(ifindex, namespaceFd),
    redirects: (await listMirredActions(socket)).filter((action) => action.ifindex === ifindex),
    securityPolicies: await readSecurityPolicies(end),
    mptcpEndpoints: await readMptcpEndpoints(end),
  };
  const count = routes.length + state.addresses.length + state.neighbors.length + state.filters.length;
  if (count > maxObjects)
    throw new ProblemError(
      'too_large',
      `read the network state of ${name}: ${count} routes, addresses, neighbors and filters, at most ${maxObjects}`,
      { hint: 'Remove routes or neighbors of the interface, then migrate.' },
    );
  return state;
}

/** Reads the routes and next hop objects of an interface that somebody added: those that a migration moves. */
export const readMovableRoutes = async (
  socket: NetlinkSocket,
  ifindex: number,
): Promise<Pick<EndState, 'routes' | 'nextHopRoutes' | 'nextHops' | 'nextHopGroups'>> => ({
  ...splitRoutes(await listRoutes(socket, ifindex)),
  ...(await listNextHops(socket, ifindex)),
});

/** Splits the routes that somebody added into those that have next hops of their own and those through objects. */
function splitRoutes(routes: readonly RawObject[]): Pick<EndState, 'routes' | 'nextHopRoutes'> {
  const byHand = routes.filter((route) => route.body[rtmsg.rtm_protocol] !== routeProtocolKernel);
  return {
    routes: byHand.filter((route) => getRawAttribute(route, rta.nextHopId) === null),
    nextHopRoutes: byHand.filter((route) => getRawAttribute(route, rta.nextHopId) !== null),
  };
}

/** Reads the link of one end alone. @throws ProblemError `device_missing` */
export async function readEndLink({
  socket,
  ifindex,
}: Pick<DeviceEndRef, 'socket' | 'ifindex'>): Promise<Pick<EndState, 'link' | 'name'>> {
  const link = await readLink(socket, ifindex);
  return { link, name: getRawString(link, ifla.name) ?? '' };
}

/** Reads an interface with all its attributes. @throws ProblemError `device_missing` without it */
export async function readLink(socket: NetlinkSocket, ifindex: number): Promise<RawObject> {
  const body = Buffer.alloc(ifinfomsg.bytes);
  body.writeInt32LE(ifindex, ifinfomsg.ifi_index);
  try {
    return await socket.get(
      {
        operation: `get link ifindex ${ifindex}`,
        type: rtmTypes.getLink,
        encode: (message) => {
          message.bytes(body);
          message.attributeU32(ifla.extendedMask, skipProtocolStatsFlag);
        },
      },
      (message) => copyRawObject(message, ifinfomsg.bytes),
    );
  } catch (error) {
    if (!isNetlinkError(error, 'ENODEV')) throw error;
    throw new ProblemError('device_missing', `read the network state of ifindex ${ifindex}: it is gone`, {
      hint: 'See `ip link`; another program may have deleted it.',
    });
  }
}

/** Lists the addresses of an interface, in the kernel's order; empty if it is gone. */
export async function listRawAddresses(socket: NetlinkSocket, ifindex: number): Promise<RawObject[]> {
  const body = Buffer.alloc(ifaddrmsg.bytes);
  body.writeUInt32LE(ifindex, ifaddrmsg.ifa_index);
  const found: RawObject[] = [];
  for (const family of [addressFamilies.ipv4, addressFamilies.ipv6]) {
    body[ifaddrmsg.ifa_family] = family;
    found.push(
      ...(await dumpRawObjects(socket, 'dump addresses', rtmTypes.getAddress, Buffer.from(body)).catch(
        emptyListIfDeviceGone<RawObject>,
      )),
    );
  }
  return found.filter(({ body: each }) => each.readUInt32LE(ifaddrmsg.ifa_index) === ifindex);
}

async function listRoutes(socket: NetlinkSocket, ifindex: number): Promise<RawObject[]> {
  const found: RawObject[] = [];
  for (const family of [addressFamilies.ipv4, addressFamilies.ipv6]) {
    const body = Buffer.alloc(rtmsg.bytes);
    body[rtmsg.rtm_family] = family;
    const device = [{ type: rta.device, value: rawU32(ifindex) }];
    found.push(
      ...(await dumpRawObjects(socket, 'dump routes', rtmTypes.getRoute, body, device).catch(
        emptyListIfDeviceGone<RawObject>,
      )),
    );
  }
  return found;
}

/** Lists the next hop objects through an interface, and the groups that have some of them as members. */
async function listNextHops(
  socket: NetlinkSocket,
  ifindex: number,
): Promise<Pick<EndState, 'nextHops' | 'nextHopGroups'>> {
  const all = await listAllNextHops(socket);
  const nextHops = all.filter((each) => getRawU32(each, nha.device) === ifindex);
  const ids = new Set(nextHops.map((hop) => getRawU32(hop, nha.id)));
  return {
    nextHops,
    nextHopGroups: all.filter((each) => listGroupMembers(each).some(({ id }) => ids.has(id))),
  };
}

/** Lists the next hop objects and groups of a namespace; empty on kernels without such objects. */
export async function listAllNextHops(socket: NetlinkSocket): Promise<RawObject[]> {
  try {
    return await dumpRawObjects(
      socket,
      'dump next hop objects',
      rtmTypes.getNextHop,
      Buffer.alloc(nhmsg.bytes),
    );
  } catch (error) {
    if (isNetlinkError(error, 'EOPNOTSUPP')) return [];
    throw error;
  }
}

async function listNeighbors(socket: NetlinkSocket, ifindex: number, flags: number): Promise<RawObject[]> {
  const found: RawObject[] = [];
  for (const family of [addressFamilies.ipv4, addressFamilies.ipv6]) {
    const body = Buffer.alloc(ndmsg.bytes);
    body[ndmsg.ndm_family] = family;
    body[ndmsg.ndm_flags] = flags;
    found.push(...(await dumpRawObjects(socket, 'dump neighbors', rtmTypes.getNeighbor, body)));
  }
  return found.filter(({ body }) => body.readInt32LE(ndmsg.ndm_ifindex) === ifindex);
}

async function readTrafficControl(
  socket: NetlinkSocket,
  ifindex: number,
): Promise<Pick<EndState, 'qdiscs' | 'trafficClasses' | 'filters'>> {
  const body = Buffer.alloc(tcmsg.bytes);
  const all = await dumpRawObjects(socket, 'dump qdiscs', rtmTypes.getQdisc, Buffer.from(body));
  const qdiscs = all.filter((each) => each.body.readInt32LE(tcmsg.tcm_ifindex) === ifindex);
  body.writeInt32LE(ifindex, tcmsg.tcm_ifindex);
  const classes = await dumpRawObjects(
    socket,
    'dump traffic classes',
    rtmTypes.getTrafficClass,
    Buffer.from(body),
  );
  const trafficClasses = classes.filter(isConfiguredClass);
  const filters: RawObject[] = [];
  for (const parent of filterParents(qdiscs, trafficClasses)) {
    body.writeUInt32LE(parent, tcmsg.tcm_parent);
    filters.push(...(await dumpRawObjects(socket, 'dump filters', rtmTypes.getFilter, Buffer.from(body))));
  }
  return { qdiscs, trafficClasses, filters };
}

/** Lists what may have filters: the hooks of clsact, qdiscs with a handle, and traffic classes. */
function filterParents(qdiscs: readonly RawObject[], classes: readonly RawObject[]): Set<number> {
  const parents = new Set(classes.map((each) => each.body.readUInt32LE(tcmsg.tcm_handle)));
  for (const qdisc of qdiscs) {
    const kind = getRawString(qdisc, tca.kind);
    const handle = qdisc.body.readUInt32LE(tcmsg.tcm_handle);
    if (kind === 'clsact' || kind === 'ingress') for (const parent of clsactParents) parents.add(parent);
    else if (handle !== 0) parents.add(handle);
  }
  return parents;
}
