import { writeInterfaceSysctls } from '../../kernel/interface-sysctls.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import {
  encodeRawAttributes,
  getRawAttribute,
  getRawNested,
  parseRawAttributes,
} from '../../netlink/raw-object.ts';
import { buildLinkRequest } from './carry-link.ts';
import type { DeviceEndRef, EndState } from './end-state.ts';
import { families } from './raw-attributes.ts';

/** Attribute IFLA_INET6_TOKEN of the attributes of AF_INET6, <linux/if_link.h>. */
const tokenAttribute = 7;
const nested = 0x8000;

/** Returns the interface identifier for IPv6 autoconfiguration that was set (`ip token`), or null. */
export function readToken({ link }: Pick<EndState, 'link'>): Buffer | null {
  const value = getRawAttribute({ attributes: getRawNested(link, ifla.familySettings) }, families.ipv6);
  const token =
    value === null ? null : getRawAttribute({ attributes: parseRawAttributes(value) }, tokenAttribute);
  return token?.some((byte) => byte !== 0) ? token : null;
}

/**
 * Gives an interface the token of another one. The kernel takes it only while router advertisements are accepted and
 * solicited, which are set for that moment; the caller sets them as they were afterwards.
 */
export async function carryToken(from: EndState, to: EndState, end: DeviceEndRef): Promise<void> {
  const [wanted, present] = [readToken(from), readToken(to)];
  if (wanted === null || present?.equals(wanted)) return;
  const tree = 'net/ipv6/conf';
  writeInterfaceSysctls(
    to.name,
    [
      { tree, name: 'accept_ra', value: '2' },
      { tree, name: 'router_solicitations', value: '1' },
    ],
    end.namespaceFd,
  );
  const ofIpv6 = encodeRawAttributes([{ type: tokenAttribute, value: wanted }]);
  const value = encodeRawAttributes([{ type: families.ipv6 | nested, value: ofIpv6 }]);
  await end.socket.batch([buildLinkRequest(end.ifindex, [{ type: ifla.familySettings | nested, value }])]);
}
