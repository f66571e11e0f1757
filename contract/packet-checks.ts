import { z } from 'zod';
import { formatCidr, parseCidr } from './cidr.ts';
import { directionSchema } from './direction.ts';
import { anyEthertype, formatEthertype, parseEthertype } from './ethertypes.ts';

/** Maximum number of source prefixes, and of ethertypes, of a pod. */
export const maxPacketCheckItems = 32;

/** Ethertypes that no choice concerns: IP has its own checks, and ARP always passes. */
const alwaysChecked = new Set(['ipv4', 'ipv6', 'arp']);

/** Returns the CIDR without host bits, and the text unchanged if it is not one. */
function canonicalPrefix(text: string): string {
  try {
    return formatCidr(parseCidr(text));
  } catch {
    return text;
  }
}

function isPrefix(text: string): boolean {
  try {
    const { family, address, length } = parseCidr(text);
    return family === 4 || length < 96 || address >> 32n !== 0xffffn;
  } catch {
    return false;
  }
}

const sourcePrefix = z
  .string()
  .max(64)
  .overwrite(canonicalPrefix)
  .refine(isPrefix, 'not an address or CIDR such as 10.8.0.0/24');

const canonicalEthertype = (text: string): string => {
  if (text.toLowerCase() === anyEthertype) return anyEthertype;
  const type = parseEthertype(text);
  return type === null ? text : formatEthertype(type);
};

const ethertype = z
  .string()
  .max(32)
  .overwrite(canonicalEthertype)
  .refine(
    (text) => text === anyEthertype || parseEthertype(text) !== null,
    'not an ethertype: a name such as lldp, 0x0600 to 0xffff, or any',
  )
  .refine(
    (text) => !alwaysChecked.has(text),
    'not a choice: IP has checks of its own, and ARP always passes',
  );

const distinct = (items: readonly string[]): boolean => new Set(items).size === items.length;

/** Packets that a pod may send, and frames other than IP and ARP that it may send and receive. */
export const packetChecksSchema = z
  .strictObject({
    source: z
      .enum(['strict', 'off'])
      .default('strict')
      .describe(
        'strict: packets leave the pod only from its addresses and `sourcePrefixes`; off: from any address',
      ),
    sourcePrefixes: z
      .array(sourcePrefix)
      .max(maxPacketCheckItems)
      .refine(distinct, 'a prefix is given twice')
      .default([])
      .describe(
        'further sources, e.g. of a VPN or of containers in the pod; never the address of another pod of the node',
      ),
    ethertypes: z
      .array(ethertype)
      .max(maxPacketCheckItems)
      .refine(distinct, 'an ethertype is given twice')
      .default([])
      .describe(
        'frames other than IP and ARP that pass in both directions, by name (vlan, qinq, lldp, ptp, pppoe, …) or number (0x88cc), or `any`; access rules do not see them',
      ),
  })
  .superRefine(({ source, sourcePrefixes }, context) => {
    if (source === 'off' && sourcePrefixes.length > 0)
      context.addIssue({
        code: 'custom',
        path: ['sourcePrefixes'],
        message: 'without a source check, prefixes change nothing',
      });
  });
export type PacketChecks = z.infer<typeof packetChecksSchema>;

/** Strict checks, which a pod has unless others are chosen. */
export const defaultPacketChecks: PacketChecks = { source: 'strict', sourcePrefixes: [], ethertypes: [] };

const lost = {
  packets: z.int().describe('seen in the verdict log'),
  lastSeen: z.iso.datetime(),
  direction: directionSchema,
};

/** The packet checks of a pod, and what the pod loses by them. */
export const podPacketChecksSchema = z.object({
  checks: packetChecksSchema,
  lost: z.object({
    sources: z
      .array(z.object({ address: z.string(), ...lost }))
      .describe('sources that are not the pod’s, most packets first, up to 50'),
    ethertypes: z
      .array(z.object({ ethertype: z.string().describe('name or number'), ...lost }))
      .describe('frames other than IP and ARP, most packets first, up to 50'),
    counted: z
      .object({ spoofedSource: z.int(), unknownProtocol: z.int() })
      .describe('all such packets since the pod was attached; the log keeps the latest, up to a rate'),
  }),
});
export type PodPacketChecks = z.infer<typeof podPacketChecksSchema>;
