import { formatIpAddressBytes } from '../../netlink/ip-address.ts';
import { xfrm_userpolicy_info } from '../../netlink/netlink-structs.ts';
import type { RawObject } from '../../netlink/raw-object.ts';
import { encodeRawAttributes, withBodyU32 } from '../../netlink/raw-object.ts';
import {
  buildPolicyDeletion,
  buildPolicyRequest,
  listSecurityPolicies,
} from '../../netlink/security-policy.ts';
import type { DeviceEndRef } from './end-state.ts';
import { openSocketOfProtocol } from './open-netlink-protocol.ts';

/** Reads the IPsec policies (XFRM) that apply to an interface only. */
export async function readSecurityPolicies(end: DeviceEndRef): Promise<RawObject[]> {
  using socket = openSocketOfProtocol(end, 'xfrm');
  if (socket === null) return [];
  return (await listSecurityPolicies(socket)).filter((policy) => policyInterface(policy) === end.ifindex);
}

/**
 * Gives an interface the IPsec policies of another one: policies that differ in the interface alone stand side by side,
 * so that packets match on whichever they leave by. Idempotent.
 * @param gone policies that the other interface had before and no longer has
 */
export async function carrySecurityPolicies(
  policies: readonly RawObject[],
  end: DeviceEndRef,
  gone: readonly RawObject[] = [],
): Promise<void> {
  using socket = openSocketOfProtocol(end, 'xfrm');
  if (socket === null) return;
  const wanted = new Set(policies.map(policyIdentity));
  await removeSecurityPolicies(
    end,
    gone.filter((policy) => !wanted.has(policyIdentity(policy))),
  );
  const known = new Set((await readSecurityPolicies(end)).map(policyIdentity));
  // The kernel lists the last added first.
  const missing = policies.filter((policy) => !known.has(policyIdentity(policy))).toReversed();
  await socket.batch(missing.map((policy) => buildPolicyRequest(ofInterface(policy, end.ifindex))));
}

/**
 * Deletes the IPsec policies of an interface, which may be gone already: they outlive it.
 * @param carried only those that are equal to one of these apart from the interface; default all
 */
export async function removeSecurityPolicies(
  end: DeviceEndRef,
  carried?: readonly RawObject[],
): Promise<void> {
  using socket = openSocketOfProtocol(end, 'xfrm');
  if (socket === null) return;
  const known = carried && new Set(carried.map(policyIdentity));
  const present = await readSecurityPolicies(end);
  await socket.batch(
    present.filter((policy) => known?.has(policyIdentity(policy)) ?? true).map(buildPolicyDeletion),
  );
}

/** Returns what identifies a policy and what it does, apart from its interface, index and counters. */
export function policyIdentity(policy: RawObject): string {
  const { body, attributes } = ofInterface(policy, 0);
  return `${body.toString('hex')} ${encodeRawAttributes(attributes).toString('hex')}`;
}

const policyInterface = ({ body }: RawObject): number =>
  body.readInt32LE(xfrm_userpolicy_info['sel.ifindex']);

/** Returns a policy for an interface, without its index and counters: another policy may have that index. */
function ofInterface(policy: RawObject, ifindex: number): RawObject {
  const body = Buffer.from(policy.body);
  body.fill(0, xfrm_userpolicy_info.curlft, xfrm_userpolicy_info.priority);
  body.writeUInt32LE(0, xfrm_userpolicy_info.index);
  return withBodyU32({ ...policy, body }, xfrm_userpolicy_info['sel.ifindex'], ifindex);
}

const directions = ['in', 'out', 'fwd'];

/** Returns a policy as `ip xfrm policy` names it, such as `xfrm policy src 10.0.0.0/8 dst 192.0.2.0/24 dir out`. */
export function describePolicy({ body }: RawObject): string {
  const ipv4 = body.readUInt16LE(xfrm_userpolicy_info['sel.family']) === 2;
  const address = (at: number): string => formatIpAddressBytes(body.subarray(at, at + (ipv4 ? 4 : 16)));
  const source = `${address(16)}/${body[xfrm_userpolicy_info['sel.prefixlen_s']]}`;
  const destination = `${address(0)}/${body[xfrm_userpolicy_info['sel.prefixlen_d']]}`;
  return `xfrm policy src ${source} dst ${destination} dir ${directions[body[xfrm_userpolicy_info.dir] ?? 3] ?? '?'}`;
}
