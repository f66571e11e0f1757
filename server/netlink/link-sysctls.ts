import { buildLinkChangeRequest, type NetworkLinkChange } from './link.ts';
import { ifla } from './link-attributes.ts';
import type { NetlinkMessageWriter } from './message.ts';
import type { NetlinkRequest } from './socket.ts';

/** Address families in IFLA_AF_SPEC, and what a request may set in them, <linux/if_link.h>. */
const families = { ipv4: 2, ipv6: 10 } as const;
const IFLA_INET_CONF = 1;
const IFLA_INET6_ADDR_GEN_MODE = 8;
/** Numbers IPV4_DEVCONF_* of sysctls below `net/ipv4/conf`, <linux/ip.h>. */
const ipv4Numbers: Readonly<Record<string, number>> = {
  accept_redirects: 4,
  send_redirects: 6,
  rp_filter: 8,
  accept_source_route: 9,
};

/** A sysctl by its path below /proc/sys, and its value. */
export type SysctlValue = readonly [path: string, value: string];

/** Sysctls of an interface: those that a request about the link can set, and those that are left for their files. */
export interface LinkSysctls {
  encode: (message: NetlinkMessageWriter) => void;
  left: SysctlValue[];
}

/**
 * Builds attributes that set sysctls of a link, as far as rtnetlink can: with others in one system call instead of three
 * for each file. The kernel sets them after the other attributes of the request, its flags included.
 */
export function buildLinkSysctls(sysctls: readonly SysctlValue[]): LinkSysctls {
  const ipv4: [number: number, value: number][] = [];
  let addressGeneration: number | null = null;
  const left: SysctlValue[] = [];
  for (const sysctl of sysctls) {
    const [, family, key = ''] = /^net\/(ipv[46])\/conf\/[^/]+\/(\w+)$/.exec(sysctl[0]) ?? [];
    const number = family === 'ipv4' ? ipv4Numbers[key] : undefined;
    if (number !== undefined) ipv4.push([number, Number(sysctl[1])]);
    else if (family === 'ipv6' && key === 'addr_gen_mode') addressGeneration = Number(sysctl[1]);
    else left.push(sysctl);
  }
  const mode = addressGeneration;
  return {
    left,
    encode: (message) => {
      const settings = message.openNest(ifla.familySettings);
      if (ipv4.length > 0) {
        const family = message.openNest(families.ipv4);
        const values = message.openNest(IFLA_INET_CONF);
        for (const [number, value] of ipv4) message.attributeI32(number, value);
        message.closeNest(values);
        message.closeNest(family);
      }
      if (mode !== null) {
        const family = message.openNest(families.ipv6);
        message.attributeU8(IFLA_INET6_ADDR_GEN_MODE, mode);
        message.closeNest(family);
      }
      message.closeNest(settings);
    },
  };
}

/** Builds a request that changes a link and sets sysctls of it. */
export const buildLinkChangeWithSysctls = (
  ifindex: number,
  change: NetworkLinkChange,
  { encode }: LinkSysctls,
): NetlinkRequest => {
  const request = buildLinkChangeRequest(ifindex, change);
  return {
    ...request,
    encode: (message) => {
      request.encode(message);
      encode(message);
    },
  };
};
