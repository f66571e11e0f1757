import { encodeGenericHeader, findGenericFamily, genericHeaderBytes } from './generic-family.ts';
import { formatIpAddressBytes } from './ip-address.ts';
import {
  copyRawObject,
  encodeRawAttributes,
  getRawAttribute,
  getRawNested,
  type RawAttribute,
  rawU32,
} from './raw-object.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Commands MPTCP_PM_CMD_* of the family mptcp_pm, its attributes, and those of an address. <linux/mptcp_pm.h> */
const command = { add: 1, delete: 2, get: 3 } as const;
const addressAttribute = 1;
const member = { family: 1, id: 2, ipv4: 3, ipv6: 4, flags: 6, ifindex: 7 } as const;
const nested = 0x8000;
const version = 1;
/** Flag MPTCP_PM_ADDR_FLAG_IMPLICIT of an endpoint that the kernel made for a subflow. */
const implicitFlag = 0x10;

/** Address that MPTCP announces or makes subflows from, with the attributes that the kernel reported. */
export interface MptcpEndpoint {
  id: number;
  address: string;
  ifindex: number;
  attributes: readonly RawAttribute[];
}

/**
 * Lists the MPTCP endpoints of a generic netlink socket's namespace that somebody added; empty without MPTCP.
 */
export async function listMptcpEndpoints(socket: NetlinkSocket): Promise<MptcpEndpoint[]> {
  const type = await findGenericFamily(socket, 'mptcp_pm');
  if (type === null) return [];
  return socket.dump(
    {
      operation: 'dump MPTCP endpoints',
      type,
      encode: (message) => encodeGenericHeader(message, command.get, version),
    },
    (message) => {
      const attributes = getRawNested(copyRawObject(message, genericHeaderBytes), addressAttribute);
      const object = { attributes };
      const flags = getRawAttribute(object, member.flags)?.readUInt32LE(0) ?? 0;
      const bytes = getRawAttribute(object, member.ipv4) ?? getRawAttribute(object, member.ipv6);
      if (flags & implicitFlag || bytes === null) return null;
      return {
        id: getRawAttribute(object, member.id)?.readUInt8(0) ?? 0,
        address: formatIpAddressBytes(bytes),
        ifindex: getRawAttribute(object, member.ifindex)?.readInt32LE(0) ?? 0,
        attributes,
      };
    },
  );
}

/**
 * Gives endpoints another interface, each with its id: the kernel has no two of one address, so it is deleted and added
 * in one send. The subflows of an endpoint end.
 * @throws NetlinkError if the kernel refuses one
 */
export async function moveMptcpEndpoints(
  socket: NetlinkSocket,
  endpoints: readonly MptcpEndpoint[],
  ifindex: number,
): Promise<void> {
  const type = endpoints.length === 0 ? null : await findGenericFamily(socket, 'mptcp_pm');
  if (type === null) return;
  const answers = await socket.batch(
    endpoints.flatMap(({ attributes, address }): NetlinkRequest[] => [
      buildRequest(`delete MPTCP endpoint ${address}`, type, command.delete, attributes),
      buildRequest(
        `add MPTCP endpoint ${address} on ifindex ${ifindex}`,
        type,
        command.add,
        attributes.map((each) => (each.type === member.ifindex ? { ...each, value: rawU32(ifindex) } : each)),
      ),
    ]),
  );
  const refused = answers.find((answer, index) => answer !== null && index % 2 === 1);
  if (refused) throw refused;
}

const buildRequest = (
  operation: string,
  type: number,
  does: number,
  attributes: readonly RawAttribute[],
): NetlinkRequest => ({
  operation,
  type,
  encode: (message) => {
    encodeGenericHeader(message, does, version);
    message.attributeBytes(addressAttribute | nested, encodeRawAttributes(attributes));
  },
});
