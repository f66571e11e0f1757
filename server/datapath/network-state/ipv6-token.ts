import { writeInterfaceSysctls } from '../../kernel/interface-sysctls.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import {
  encodeRawAttributes,
  getRawAttribute,
  getRawNested,
  parseRawAttributes,
} from '../../netlink/raw-object.ts';
import type { DeviceEndRef, EndState } from './end-state.ts';
import { buildLinkRequest } from './link-requests.ts';
import { addressFamilies } from './rtnetlink-constants.ts';

/** Attribute IFLA_INET6_TOKEN of the attributes of AF_INET6, <linux/if_link.h>. */
const tokenAttribute = 7;
const nested = 0x8000;

/** Returns the interface identifier for IPv6 autoconfiguration that was set (`ip token`), or null. */
export function readIpv6Token({ link }: Pick<EndState, 'link'>): Buffer | null {
  const value = getRawAttribute(
    { attributes: getRawNested(link, ifla.familySettings) },
    addressFamilies.ipv6,
  );
  const token =
    value === null ? null : getRawAttribute({ attributes: parseRawAttributes(value) }, tokenAttribute);
  return token?.some((byte) => byte !== 0) ? token : null;
}

/**
 * Gives an interface the token of another one. The kernel takes it only while router advertisements are accepted and
 * solicited, which are set for that moment; and are then as they were.
 */
export async function carryIpv6Token(from: EndState, to: EndState, end: DeviceEndRef): Promise<void> {
  const [wanted, present] = [readIpv6Token(from), readIpv6Token(to)];
  if (wanted === null || present?.equals(wanted)) return;
  const tree = 'net/ipv6/conf';
  const meanwhile = [
    { tree, name: 'accept_ra', value: '2' },
    { tree, name: 'router_solicitations', value: '1' },
  ];
  const before = to.sysctls.filter((sysctl) =>
    meanwhile.some((each) => each.tree === sysctl.tree && each.name === sysctl.name),
  );
  writeInterfaceSysctls(to.name, meanwhile, end.namespaceFd);
  const ofIpv6 = encodeRawAttributes([{ type: tokenAttribute, value: wanted }]);
  const value = encodeRawAttributes([{ type: addressFamilies.ipv6 | nested, value: ofIpv6 }]);
  await end.socket.batch([buildLinkRequest(end.ifindex, [{ type: ifla.familySettings | nested, value }])]);
  writeInterfaceSysctls(to.name, before, end.namespaceFd);
}
