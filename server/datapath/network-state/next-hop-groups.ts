import { nlmsgFlags, rtmTypes } from '../../netlink/message-constants.ts';
import {
  buildRawRequest,
  encodeRawAttributes,
  getRawAttribute,
  getRawU32,
  mapRawAttribute,
  parseRawAttributes,
  type RawObject,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import { nha, nhmsg, onlinkFlag, settableNextHopAttributes } from './rtnetlink-constants.ts';

/** Struct nexthop_grp: the id of a member, and its weight less one, whose high byte older kernels reserve. <linux/nexthop.h> */
const nexthopGroup = { bytes: 8, id: 0, weight: 4 } as const;
/** Attribute NHA_RES_GROUP_UNBALANCED_TIME: for how long a resilient group has not been balanced. <linux/nexthop.h> */
const unbalancedTime = 4;

/** Member of a next hop group: the id of a next hop object, its weight, and both as the kernel has them. */
interface NextHopGroupMember {
  id: number;
  weight: number;
  bytes: Buffer;
}

/** Lists the members of a next hop group, in order; empty for a next hop object that is no group. */
export function listGroupMembers(group: RawObject): NextHopGroupMember[] {
  const all = getRawAttribute(group, nha.group) ?? Buffer.alloc(0);
  const members: NextHopGroupMember[] = [];
  for (let at = 0; all.length - at >= nexthopGroup.bytes; at += nexthopGroup.bytes) {
    const bytes = all.subarray(at, at + nexthopGroup.bytes);
    members.push({
      id: bytes.readUInt32LE(nexthopGroup.id),
      weight: bytes.readUInt16LE(nexthopGroup.weight) + 1,
      bytes,
    });
  }
  return members;
}

/** Returns a next hop group as it can be sent to the kernel, without what that only reports. */
export function withoutGroupState(group: RawObject): RawObject {
  const body = Buffer.from(group.body);
  body[nhmsg.scope] = 0; // EINVAL otherwise
  body.writeUInt32LE(body.readUInt32LE(nhmsg.flags) & onlinkFlag, nhmsg.flags);
  const attributes = group.attributes.filter(({ type }) => settableNextHopAttributes.includes(type & 0x3fff));
  return mapRawAttribute({ ...group, body, attributes }, nha.resilientGroup, (value) =>
    encodeRawAttributes(
      // Type 0 is padding, NHA_RES_GROUP_PAD.
      parseRawAttributes(value).filter(({ type }) => ![0, unbalancedTime].includes(type & 0x3fff)),
    ),
  );
}

/**
 * Builds the requests that give groups back the members that they lost when next hops were deleted with their
 * interface; a group that lost all was deleted itself. Members that others have added since stay, at the end; members
 * that are not there any more are left out.
 * @param recorded groups as they were
 * @param present the namespace's next hop objects @param existing ids of those and of the ones that are made again
 */
export function buildGroupRestorations(
  recorded: readonly RawObject[],
  present: readonly RawObject[],
  existing: ReadonlySet<number>,
): NetlinkRequest[] {
  const presentById = new Map(present.map((each) => [getRawU32(each, nha.id), each]));
  return recorded.flatMap((group) => {
    const id = getRawU32(group, nha.id);
    const now = presentById.get(id);
    const left = now === undefined ? [] : listGroupMembers(now);
    const was = listGroupMembers(group).filter((member) => existing.has(member.id));
    const kept = new Set(left.map((member) => member.id));
    if (was.length === 0 || was.every((member) => kept.has(member.id))) return [];
    const ids = new Set(was.map((member) => member.id));
    const members = [...was, ...left.filter((member) => !ids.has(member.id))];
    return [
      buildRawRequest(
        `restore next hop group ${id}`,
        rtmTypes.newNextHop,
        nlmsgFlags.create | nlmsgFlags.replace,
        mapRawAttribute(withoutGroupState(group), nha.group, () =>
          Buffer.concat(members.map(({ bytes }) => bytes)),
        ),
      ),
    ];
  });
}
