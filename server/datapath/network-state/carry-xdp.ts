import { closeSync } from 'node:fs';
import { openProgramById } from '../../bpf/program-info.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import {
  encodeRawAttributes,
  getRawAttribute,
  getRawNested,
  type RawAttribute,
  rawU32,
} from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { EndState } from './end-state.ts';
import { buildLinkRequest } from './link-requests.ts';

/** Attributes IFLA_XDP_* and flags XDP_FLAGS_*, <linux/if_link.h>. */
const xdp = { fd: 1, attached: 2, flags: 3, programId: 4, driverId: 5, genericId: 6 } as const;
const modes = [
  { attribute: xdp.driverId, flag: 0x4, name: 'driver' },
  { attribute: xdp.genericId, flag: 0x2, name: 'generic' },
] as const;

/** XDP program of an interface, with the flag of its mode. */
export interface AttachedXdp {
  programId: number;
  flag: number;
  mode: 'driver' | 'generic';
}

/** Lists the XDP programs of an interface. */
export function listXdpPrograms({ link }: EndState): AttachedXdp[] {
  const attributes = { attributes: getRawNested(link, ifla.xdp) };
  return modes.flatMap(({ attribute, flag, name }) => {
    const id = getRawAttribute(attributes, attribute);
    return id === null || id.length < 4 ? [] : [{ programId: id.readUInt32LE(0), flag, mode: name }];
  });
}

/**
 * Attaches the XDP programs of the old interface to the new one, in the same mode. What the kernel refuses is missing,
 * which the comparison finds: netkit has no XDP.
 */
export async function carryXdpPrograms(
  from: EndState,
  socket: NetlinkSocket,
  ifindex: number,
): Promise<void> {
  for (const { programId, flag } of listXdpPrograms(from)) {
    const program = openProgramById(programId);
    if (program === null) continue;
    try {
      const nested: RawAttribute[] = [
        { type: xdp.fd, value: rawU32(program) },
        { type: xdp.flags, value: rawU32(flag) },
      ];
      const value = encodeRawAttributes(nested);
      await socket.batch([buildLinkRequest(ifindex, [{ type: ifla.xdp | 0x8000, value }])]);
    } finally {
      closeSync(program);
    }
  }
}
