import { TaskScope } from '../../async/task-scope.ts';
import { listAddresses } from '../../netlink/address.ts';
import { type NetworkEvent, watchNetwork } from '../../netlink/monitor.ts';
import { listRoutes } from '../../netlink/route.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';

/** Delay in ms after an address change before the addresses are read, because tools change them one at a time. */
const settleMs = 50;

/** Addresses of the node without prefix lengths. */
export interface NodeAddresses {
  all: string[];
  /**
   * Those of the interfaces with a default route: the addresses that a cluster knows the node by (kubelet's choice of
   * its node address), not those of its bridges and tunnels.
   */
  routed: string[];
}

/**
 * Publishes the addresses of the current namespace: once now, and again after each change.
 * @param failed receives errors of later reads
 * @returns after the first read, a function that stops watching
 */
export async function watchNodeAddresses(
  publish: (addresses: NodeAddresses) => void,
  failed: (error: unknown) => void,
): Promise<() => Promise<void>> {
  const scope = new TaskScope(failed);
  const socket = NetlinkSocket.open();
  /** Indexes of the interfaces with a default route; null while they have to be read. */
  let routed: ReadonlySet<number> | null = null;
  const read = async () => {
    const devices = routed ?? (await listDefaultRouteDevices(socket));
    routed = devices;
    publish(await listNodeAddresses(socket, devices));
  };
  let scheduled = false;
  const watch = watchNetwork(['addresses', 'routes'], (event) => {
    if (!concerns(event)) return;
    if (event.type !== 'address') routed = null;
    if (scheduled) return;
    scheduled = true;
    scope.after(settleMs, () => {
      scheduled = false;
      return read();
    });
  });
  const stop = async () => {
    watch.close();
    await scope.close();
    socket.close();
  };
  try {
    await scope.run(read);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** Reads the addresses of the current namespace. @throws NetlinkError */
export async function readNodeAddresses(): Promise<NodeAddresses> {
  const socket = NetlinkSocket.open();
  try {
    return await listNodeAddresses(socket, await listDefaultRouteDevices(socket));
  } finally {
    socket.close();
  }
}

async function listNodeAddresses(socket: NetlinkSocket, routed: ReadonlySet<number>): Promise<NodeAddresses> {
  const found = await listAddresses(socket);
  const distinct = (addresses: typeof found): string[] =>
    [...new Set(addresses.map(({ address }) => address.replace(/\/.*/, '')))].sort();
  return { all: distinct(found), routed: distinct(found.filter(({ ifindex }) => routed.has(ifindex))) };
}

/** Returns false for changes of routes to pods and other destinations, which are many. */
const concerns = (event: NetworkEvent): boolean =>
  event.type !== 'route' || event.route.destination === 'default';

async function listDefaultRouteDevices(socket: NetlinkSocket): Promise<Set<number>> {
  const routes = await listRoutes(socket);
  return new Set(
    routes
      .filter(({ destination, type }) => destination === 'default' && type === 'unicast')
      .flatMap(({ nextHops }) => nextHops.flatMap(({ ifindex }) => ifindex ?? [])),
  );
}
