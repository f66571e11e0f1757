import type { CniResult } from '../../../contract/cni-result.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { openNetworkNamespace } from '../../kernel/netns.ts';
import { listAddresses } from '../../netlink/address.ts';
import { deleteLink, getLink, listLinks, setLink } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { listRoutes } from '../../netlink/route.ts';
import { routeProtocols } from '../../netlink/route-message.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import { hasKernelCapability, type KernelContext } from '../kernel-context.ts';

/** An interface that another plugin made, set aside under another name until it is replaced. */
export interface SetAsideInterface {
  /** Addresses, without prefix lengths. */
  addresses: string[];
  /** Destinations of routes besides the default ones. */
  destinations: string[];
  mtu: number;
  hostEnd: string;
  /** Deletes it once the pod has its own. */
  delete(): Promise<void>;
  /** Gives it its name back. */
  restore(): Promise<void>;
}

/**
 * Renames the interface that an earlier plugin of the chain made, so that the pod's own can have its name. It keeps its
 * addresses and routes meanwhile.
 * @throws ProblemError `not_convertible` if it is not a routed veth pair; nothing was changed then
 */
export async function setAsideInterface(
  kernel: KernelContext,
  netns: string,
  name: string,
  previous: CniResult,
): Promise<SetAsideInterface> {
  const refuse = (why: string, hint?: string): never => {
    throw new ProblemError('not_convertible', `replace ${name} in ${netns}: ${why}`, { hint });
  };
  if (!hasKernelCapability(kernel, 'live-rename'))
    return refuse('this kernel renames no interface that is up', 'It needs Linux 6.2 or a backport.');
  if (!previous.interfaces.some((each) => each.name === name && each.sandbox))
    return refuse('the previous result has no such interface');
  const namespace = openNetworkNamespace(netns);
  const socket = NetlinkSocket.inNamespace(namespace.fd);
  const close = (): void => {
    socket.close();
    namespace.close();
  };
  try {
    const link = (await getLink(socket, { name })) ?? (await findSetAside(socket));
    if (link === null) return refuse('it is not there');
    if (link.kind !== 'veth') return refuse(`it is a ${link.kind ?? 'physical'} interface, not veth`);
    const hostEnd =
      link.peerIfindex === null ? null : await getLink(kernel.host, { ifindex: link.peerIfindex });
    if (hostEnd?.kind !== 'veth' || hostEnd.peerIfindex !== link.ifindex)
      return refuse('its other end is not in the host’s namespace');
    if (hostEnd.master !== null)
      return refuse(
        `its other end ${hostEnd.name} is the port of a bridge`,
        'Other containers of the bridge would not find it any more; use mode observe.',
      );
    const found = await listAddresses(socket, { ifindex: link.ifindex });
    const addresses = found
      .filter(({ scope }) => scope === 'global')
      .map(({ address }) => stripPrefixLength(address));
    if (addresses.length === 0) return refuse('it has no address');
    const routes = await listRoutes(socket, { ifindex: link.ifindex });
    const destinations = routes
      .filter(({ protocol, destination, gateway }) => {
        // The routes to the plugin's own gateway are of no use afterwards.
        const internal = destination === 'default' || protocol === routeProtocols.kernel || gateway === null;
        return !internal;
      })
      .map(({ destination }) => withPrefixLength(destination));
    await setLink(socket, link.ifindex, { name: nameAside(link) });
    return {
      addresses,
      destinations,
      mtu: link.mtu,
      hostEnd: hostEnd.name,
      async delete() {
        try {
          await deleteLink(socket, link.ifindex);
        } catch (error) {
          if (!isNetlinkError(error, 'ENODEV')) throw error;
        } finally {
          close();
        }
      },
      async restore() {
        try {
          await setLink(socket, link.ifindex, { name });
        } finally {
          close();
        }
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

const nameAside = ({ ifindex }: Pick<NetworkLink, 'ifindex'>): string => `pc${ifindex}`;

/** Finds the interface that an agent had set aside when it was killed. */
const findSetAside = async (socket: NetlinkSocket): Promise<NetworkLink | null> =>
  (await listLinks(socket)).find((link) => link.name === nameAside(link)) ?? null;

const withPrefixLength = (destination: string): string =>
  destination.includes('/') ? destination : `${destination}/${destination.includes(':') ? 128 : 32}`;
