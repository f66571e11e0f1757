import type { AdoptionForm } from '../../../contract/adoption.ts';
import { parseIpPrefix } from '../../netlink/ip-address.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { HostEnd, ObservedInterface } from '../observed-pod.ts';
import { isWithin } from '../path/nat-rules.ts';

/** How a pod is connected to the node, or why it cannot be adopted for that. */
export type DeviceForm = { form: AdoptionForm; detail: string } | { form: null; detail: string };

/** Finds out how an interface of a pod with a host end is connected to the node. */
export async function readDeviceForm(
  host: NetlinkSocket,
  { addresses }: Pick<ObservedInterface, 'addresses'>,
  { name, ifindex, bridge, link }: HostEnd,
): Promise<DeviceForm> {
  if (bridge !== null) return { form: 'bridged', detail: `${name} is a port of bridge ${bridge.name}` };
  if (link.master !== null)
    return {
      form: null,
      detail: `${name} is a port of ifindex ${link.master}, which is no bridge of the kernel: what forwards there knows the device by more than its name`,
    };
  const routes = await listRoutes(host, { ifindex });
  const unreached = addresses.filter((cidr) => {
    const { address } = parseIpPrefix(cidr);
    return !routes.some(({ destination }) => destination !== 'default' && isWithin(destination, address));
  });
  return unreached.length === 0
    ? { form: 'routed', detail: `the node routes ${addresses.join(', ')} by ${name}` }
    : { form: null, detail: `the node has no route to ${unreached.join(', ')} by ${name}` };
}
