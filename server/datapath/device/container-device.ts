import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { isIpv6Text } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import type { InterfaceLookup } from '../../kernel/interface-lookup.ts';
import { openNetworkNamespace } from '../../kernel/netns.ts';
import { writeSysctl } from '../../kernel/sysctl.ts';
import { buildAddressRequest } from '../../netlink/address.ts';
import { buildAddClsactRequest } from '../../netlink/clsact.ts';
import { buildLinkChangeRequest, getLink } from '../../netlink/link.ts';
import {
  buildLinkChangeWithSysctls,
  buildLinkSysctls,
  type LinkSysctls,
  type SysctlValue,
} from '../../netlink/link-sysctls.ts';
import { buildNeighborRequest } from '../../netlink/neighbor.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { findRouteTo } from '../../netlink/route-lookup.ts';
import { type NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import {
  buildPairRequest,
  formatDeviceAlias,
  listPeerSysctls,
  listPrimarySysctls,
  orderAddressesForAssignment,
} from './device-pair.ts';
import { buildHostRouteRequests, buildPodRouteRequests } from './device-routes.ts';
import { enableHostForwarding } from './host-forwarding.ts';
import { hasIpv6Address, listPodGateways, podGatewayAddresses, stripPrefixLength } from './pod-gateways.ts';
import { buildPodlaneFilterRequest } from './podlane-tc-filter.ts';

/** How often the primary is looked at without a pause, and how long at all, in ms. */
const carrierLooks = 8;
const carrierLimitMs = 20;

/** Where the primary is. */
export interface HostNamespace {
  host: NetlinkSocket;
  interfaces: InterfaceLookup;
}

/** A device to create, with the descriptors of the programs for its hooks. */
export interface ContainerDevice {
  pod: PodRecord;
  device: DeviceRecord;
  programs: { 'tc/ingress': number; 'tc/egress': number };
  /** True if its addresses must not be routed to others: an IPAM plugin, and the plugin that is replaced, know better. */
  refuseRoutes: boolean;
}

/**
 * Creates the device of a container with what `createPodDevice` gives one, in as few requests as there are namespaces, and
 * with the programs in clsact filters: attaching them to tcx or netkit hooks waits for an RCU grace period each, 10 to
 * 25 ms, which the container would wait for. The programs are there before the device is up.
 * @throws ProblemError `interface_in_use`, `address_in_use`, `bad_netns`, NetlinkError; part of the device may exist then,
 * for the caller to delete
 */
export async function createContainerDevice(
  { host, interfaces }: HostNamespace,
  wanted: ContainerDevice,
): Promise<void> {
  const { pod, device } = wanted;
  const { network } = pod;
  const { slot, primaryName } = device;
  const six = hasIpv6Address(network);
  using namespace = openNetworkNamespace(pod.netnsPath);
  if (namespace.inode !== pod.netnsInode)
    throw new ProblemError('bad_netns', `open network namespace ${pod.netnsPath}: it is another one by now`);
  using inside = NetlinkSocket.inNamespace(namespace.fd, 'route', { blocking: true });
  await refuseForeignAddresses(host, wanted);
  enableHostForwarding(network);
  const names = { primary: primaryName, peer: network.interface };
  await host
    .request(buildPairRequest(namespace, pod, device, names))
    .catch((error: unknown) => explainRefusal(error, inside, pod));
  const outer = prepareSysctls(listPrimarySysctls(primaryName, six));
  const inner = prepareSysctls(listPeerSysctls(network.interface, six, namespace.fd), namespace.fd);
  // The primary first: what is set after it is up is set before the peer brings carrier.
  await requestAll(host, buildHostRequests(wanted, outer));
  await requestAll(inside, buildPodRequests(pod, device, inner));
  await waitUntilRunning(interfaces, slotToPrimaryIfindex(slot));
}

/**
 * Waits until the end that went up first has carrier, which the kernel tells it in a worker; until then it drops all packets.
 * The worker may have to wait for RTNL, for which the container does not.
 */
async function waitUntilRunning(interfaces: InterfaceLookup, ifindex: number): Promise<void> {
  const deadline = performance.now() + carrierLimitMs;
  for (let looks = 1; !interfaces.isRunning(ifindex) && performance.now() < deadline; looks++)
    await (looks < carrierLooks ? nextTurn() : sleep(1));
}

/**
 * Refuses addresses that the node has itself and, where Podlane chose them, those that others have a route to.
 * @throws ProblemError `address_in_use`
 */
export async function refuseForeignAddresses(
  host: NetlinkSocket,
  { pod, refuseRoutes }: Pick<ContainerDevice, 'pod' | 'refuseRoutes'>,
): Promise<void> {
  for (const address of pod.network.addresses.map(stripPrefixLength)) {
    const route = await findRouteTo(host, address);
    if (route?.destination !== address || !(refuseRoutes || route.type === 'local')) continue;
    throw new ProblemError(
      'address_in_use',
      `give a container the address ${address}: ${route.type === 'local' ? 'the node has it' : `others have a route to it, by the interface with index ${route.ifindex}`}`,
    );
  }
}

/** Writes the sysctls of an end that only files take. @returns the others */
function prepareSysctls(sysctls: readonly SysctlValue[], namespaceFd?: number): LinkSysctls {
  const prepared = buildLinkSysctls(sysctls);
  for (const [path, value] of prepared.left) writeSysctl(path, value, namespaceFd);
  return prepared;
}

/** Says why the kernel refused a pair, if it is for the name of the pod's interface. */
async function explainRefusal(error: unknown, inside: NetlinkSocket, pod: PodRecord): Promise<never> {
  const { interface: name } = pod.network;
  if (!isNetlinkError(error, 'EEXIST')) throw error;
  const existing = await getLink(inside, { name });
  if (existing === null) throw error;
  throw new ProblemError(
    'interface_in_use',
    `attach pod ${pod.namespace}/${pod.name}: its namespace has an interface ${name} (ifindex ${existing.ifindex})`,
    { cause: error, hint: 'Choose another interface name, or delete that one.' },
  );
}

function buildHostRequests(
  { pod, device, programs }: ContainerDevice,
  sysctls: LinkSysctls,
): NetlinkRequest[] {
  const { addresses } = pod.network;
  const { slot, peerMac } = device;
  const ifindex = slotToPrimaryIfindex(slot);
  return [
    buildAddClsactRequest(ifindex),
    ...(['tc/egress', 'tc/ingress'] as const).map((hook) =>
      buildPodlaneFilterRequest(ifindex, hook, programs[hook]),
    ),
    // The kernel takes no alias at creation.
    buildLinkChangeWithSysctls(ifindex, { up: true, alias: formatDeviceAlias(pod) }, sysctls),
    ...(addresses.some(isIpv6Text)
      ? [buildAddressRequest('replace', ifindex, `${podGatewayAddresses.ipv6}/128`)]
      : []),
    ...(peerMac === null
      ? []
      : addresses.map((address) =>
          buildNeighborRequest({ ifindex, address: stripPrefixLength(address), mac: peerMac }),
        )),
    ...buildHostRouteRequests(slot, addresses),
  ];
}

function buildPodRequests(
  { network }: PodRecord,
  { slot, primaryMac }: DeviceRecord,
  sysctls: LinkSysctls,
): NetlinkRequest[] {
  const ifindex = slotToPeerIfindex(slot);
  return [
    buildLinkChangeWithSysctls(ifindex, {}, sysctls),
    buildLinkChangeRequest(ifindex, { up: true }),
    ...orderAddressesForAssignment(network.addresses).map((address) =>
      buildAddressRequest('replace', ifindex, address),
    ),
    ...(primaryMac === null
      ? []
      : listPodGateways(network).map((address) =>
          buildNeighborRequest({ ifindex, address, mac: primaryMac }),
        )),
    ...buildPodRouteRequests(slot, network),
  ];
}

/** Sends requests at once. @throws NetlinkError the first refusal */
async function requestAll(socket: NetlinkSocket, requests: readonly NetlinkRequest[]): Promise<void> {
  const error = (await socket.batch(requests)).find((each) => each !== null);
  if (error) throw error;
}
