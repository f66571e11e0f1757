import { nlmsgFlags } from './message-constants.ts';
import { isNetlinkError } from './netlink-error.ts';
import { xfrm_userpolicy_id, xfrm_userpolicy_info, xfrm_usersa_info } from './netlink-structs.ts';
import { buildRawRequest, copyRawObject, getRawAttribute, type RawObject } from './raw-object.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Message types XFRM_MSG_*, <linux/xfrm.h>. */
const xfrmTypes = { newPolicy: 19, delPolicy: 20, getPolicy: 21, getAssociation: 18 } as const;
/** Attributes XFRMA_* by which the kernel finds a policy: type, mark, interface id. <linux/xfrm.h> */
const identifying = new Set<number>([16, 21, 31]);

/** Lists the IPsec policies of the socket's namespace, the last added first; empty on a kernel without XFRM. */
export const listSecurityPolicies = (socket: NetlinkSocket): Promise<RawObject[]> =>
  list(socket, 'dump IPsec policies', xfrmTypes.getPolicy, xfrm_userpolicy_info.bytes);

/** IPsec security association that applies to one interface. */
interface BoundAssociation {
  spi: number;
  ifindex: number;
}

/** Lists the IPsec security associations of the socket's namespace that name an interface; empty without XFRM. */
export async function listBoundAssociations(socket: NetlinkSocket): Promise<BoundAssociation[]> {
  const all = await list(
    socket,
    'dump IPsec security associations',
    xfrmTypes.getAssociation,
    xfrm_usersa_info.bytes,
  );
  return all.flatMap((association) => {
    const { body } = association;
    const offload = getRawAttribute(association, offloadDevice);
    return [body.readInt32LE(xfrm_usersa_info['sel.ifindex']), offload?.readInt32LE(0) ?? 0]
      .filter((ifindex) => ifindex !== 0)
      .map((ifindex) => ({ spi: body.readUInt32BE(xfrm_usersa_info['id.spi']), ifindex }));
  });
}

/** Attribute XFRMA_OFFLOAD_DEV with struct xfrm_user_offload: int ifindex first. */
const offloadDevice = 28;

/** Builds a request that adds a policy; one with the same selector and interface is refused (EEXIST). */
export const buildPolicyRequest = (policy: RawObject): NetlinkRequest =>
  buildRawRequest(
    'add an IPsec policy',
    xfrmTypes.newPolicy,
    nlmsgFlags.create | nlmsgFlags.exclusive,
    policy,
  );

/** Builds a request that deletes a policy by its index. */
export function buildPolicyDeletion({ body, attributes }: RawObject): NetlinkRequest {
  const id = Buffer.alloc(xfrm_userpolicy_id.bytes); // begins with the selector as well
  body.copy(id, 0, 0, xfrm_userpolicy_id.index);
  id.writeUInt32LE(body.readUInt32LE(xfrm_userpolicy_info.index), xfrm_userpolicy_id.index);
  id[xfrm_userpolicy_id.dir] = body[xfrm_userpolicy_info.dir] ?? 0;
  return buildRawRequest('delete an IPsec policy', xfrmTypes.delPolicy, 0, {
    body: id,
    attributes: attributes.filter(({ type }) => identifying.has(type)),
  });
}

async function list(
  socket: NetlinkSocket,
  operation: string,
  type: number,
  bytes: number,
): Promise<RawObject[]> {
  try {
    return await socket.dump({ operation, type, encode: () => {} }, (message) =>
      copyRawObject(message, bytes),
    );
  } catch (error) {
    if (isNetlinkError(error, 'EINVAL', 'EOPNOTSUPP')) return [];
    throw error;
  }
}
