import { NetlinkError } from '../../netlink/netlink-error.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import type { NetlinkProtocol } from '../../netlink/transport.ts';
import type { DeviceEndRef } from './end-state.ts';

/** Opens a socket of another netlink protocol in the namespace of an end; null where the kernel lacks the protocol. */
export function openSocketOfProtocol(
  { namespaceFd }: Pick<DeviceEndRef, 'namespaceFd'>,
  protocol: NetlinkProtocol,
): NetlinkSocket | null {
  try {
    return namespaceFd === undefined
      ? NetlinkSocket.open(protocol)
      : NetlinkSocket.inNamespace(namespaceFd, protocol);
  } catch (error) {
    if (error instanceof NetlinkError) return null;
    throw error;
  }
}
