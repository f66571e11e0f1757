import { z } from 'zod';
import { isIpv6Text } from './cidr.ts';
import { netkitPolicySchema, netkitScrubSchema } from './device.ts';
import { packetChecksSchema } from './packet-checks.ts';

/** Formats an IPv6 address in the canonical form of RFC 5952. */
const canonical6 = (address: string): string => {
  try {
    return new URL(`http://[${address}]/`).hostname.slice(1, -1);
  } catch {
    return address;
  }
};

/** Returns an IPv6 CIDR with its address in canonical form, e.g. `2001:db8::1/64`, and an IPv4 CIDR unchanged. */
const canonicalCidr = (cidr: string): string => {
  const [address = '', length = ''] = cidr.split('/');
  return address.includes(':') ? `${canonical6(address)}/${length}` : cidr;
};

/**
 * Returns true if a pod can have the address: no loopback, multicast, link-local, reserved, mapped or unspecified one.
 */
const unicast = (cidr: string): boolean =>
  isIpv6Text(cidr)
    ? !/^(ff|fe[89ab]|::ffff:)/.test(cidr) && !['::', '::1'].includes(cidr.split('/', 1).join(''))
    : !/^(0|127|169\.254|22[4-9]|23\d|24\d|25[0-5])\./.test(cidr);

const podAddress = z
  .union([z.cidrv4(), z.cidrv6()])
  .overwrite(canonicalCidr)
  .refine((cidr) => cidr.endsWith(isIpv6Text(cidr) ? '/128' : '/32'), {
    error: 'a pod’s address is a single one: /32, or /128 for IPv6',
  })
  .refine(unicast, { error: 'not an address that a pod can have' });

const mac = z
  .string()
  .toLowerCase()
  .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, 'six octets in hex: 02:00:00:00:00:01')
  .refine((text) => (Number.parseInt(text.slice(0, 2), 16) & 1) === 0, {
    error: 'a multicast address names no single interface',
  })
  .refine((text) => text !== '00:00:00:00:00:00', { error: 'all zero is no address' });

/** A route of the pod through its device, in addition to its default routes. */
export const extraRouteSchema = z.strictObject({
  destination: z.union([z.cidrv4(), z.cidrv6()]).overwrite(canonicalCidr),
  metric: z.number().int().min(1).max(4294967295).optional(),
  mtu: z.number().int().min(68).max(65535).optional().describe('Path MTU of this destination, bytes'),
});
export type ExtraRoute = z.infer<typeof extraRouteSchema>;

/** Options of a pod's netkit device, which are kept while a fallback uses veth. */
export const netkitOptionsSchema = z.strictObject({
  mode: z.enum(['l3', 'l2']).default('l3'),
  policy: z
    .strictObject({
      primary: netkitPolicySchema.default('forward'),
      peer: netkitPolicySchema.default('blackhole'),
    })
    .prefault({})
    .describe('Fate of packets at an end without a program'),
  scrub: z
    .strictObject({
      primary: netkitScrubSchema.default('default'),
      peer: netkitScrubSchema.default('default'),
    })
    .prefault({})
    .describe('Clears mark and priority of packets between the namespaces (default), or keeps them (none)'),
});
export type NetkitOptions = z.infer<typeof netkitOptionsSchema>;

/** Network configuration of a pod, which is the same for netkit and veth. */
export const podNetworkSchema = z.object({
  addresses: z
    .array(podAddress)
    .min(1)
    .max(16)
    .refine((all) => new Set(all).size === all.length, { error: 'an address is given twice' })
    .describe('CIDRs of either family, /32 and /128; the first of each family is the preferred source'),
  routes: z.array(extraRouteSchema).max(64).default([]),
  interface: z
    .string()
    .min(1)
    .max(15)
    .regex(/^(?!\.{1,2}$)(?!lo$)[^\s/:%]+$/, 'a name that the kernel takes: no space, / or :')
    .default('eth0'),
  mtu: z.number().int().min(576).max(65535).default(1500).describe('Bytes; at least 1280 with IPv6'),
  netkit: netkitOptionsSchema.prefault({}),
  checks: packetChecksSchema.prefault({}),
  macs: z
    .strictObject({ primary: mac, peer: mac })
    .optional()
    .describe(
      'MAC addresses of both ends, for devices that have them (veth, netkit L2); default: derived from the index',
    ),
});
export type PodNetwork = z.infer<typeof podNetworkSchema>;

/**
 * Checks that the MTU is at least 1280 for IPv6 (RFC 8200, section 5) and that each route has an address of its family.
 */
export function checkPodNetwork(
  network: Pick<PodNetwork, 'addresses' | 'routes' | 'mtu' | 'macs'>,
  context: z.RefinementCtx,
): void {
  const families = new Set(network.addresses.map(isIpv6Text));
  const refuse = (path: (string | number)[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  if (families.has(true) && network.mtu < 1280) refuse(['mtu'], 'IPv6 needs an MTU of at least 1280 bytes');
  network.routes.forEach(({ destination, mtu }, index) => {
    if (!families.has(isIpv6Text(destination)))
      refuse(
        ['routes', index, 'destination'],
        `the pod has no ${isIpv6Text(destination) ? 'IPv6' : 'IPv4'} address`,
      );
    if (/\/0$/.test(destination))
      refuse(['routes', index, 'destination'], 'a pod has a default route of each of its families already');
    if (mtu !== undefined && mtu > network.mtu)
      refuse(['routes', index, 'mtu'], `more than the device’s MTU of ${network.mtu} bytes`);
  });
  if (network.macs && network.macs.primary === network.macs.peer)
    refuse(['macs', 'peer'], 'both ends have the same MAC address');
}
