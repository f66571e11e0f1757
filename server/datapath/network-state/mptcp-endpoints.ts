import { listMptcpEndpoints, type MptcpEndpoint, moveMptcpEndpoints } from '../../netlink/mptcp-endpoint.ts';
import type { DeviceEndRef } from './end-state.ts';
import { openSocketOfProtocol } from './open-netlink-protocol.ts';

/** Reads the MPTCP endpoints of an interface. */
export async function readMptcpEndpoints(end: DeviceEndRef): Promise<MptcpEndpoint[]> {
  using socket = openSocketOfProtocol(end, 'generic');
  if (socket === null) return [];
  return (await listMptcpEndpoints(socket)).filter(({ ifindex }) => ifindex === end.ifindex);
}

/**
 * Moves the MPTCP endpoints of the old interface, which may be gone already, to the new one, with their ids.
 * Idempotent.
 */
export async function carryMptcpEndpoints(old: DeviceEndRef, fresh: DeviceEndRef): Promise<void> {
  using socket = openSocketOfProtocol(old, 'generic');
  if (socket === null) return;
  await moveMptcpEndpoints(socket, await readMptcpEndpoints(old), fresh.ifindex);
}
