import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { syscall } from '../ffi/libc.ts';
import { BpfError, checkBpfResult } from './bpf-error.ts';
import { bpf_attr } from './bpf-structs.ts';
import type { DatapathPrograms } from './datapath.ts';
import { encodeDatapathFeatures } from './datapath-features.ts';
import { getMapNameInObject, reopenDatapathMaps } from './datapath-maps.ts';
import { datapathConfigFeaturesOffset } from './datapath-structs.ts';
import { loadBpfObject } from './object-loader.ts';
import { ensurePinDirectory, replacePin } from './pin.ts';
import { bpfSyscallNumber, callForeignAsync } from './syscall.ts';

const committedObject = new URL('../../bpf/objects/after-nat.bpf.o', import.meta.url);

const BPF_LINK_CREATE = 28;
/** BPF_PROG_TYPE_NETFILTER and BPF_NETFILTER, <linux/bpf.h>. */
const netfilterProgram = { type: 32, attachType: 45 } as const;
/** NFPROTO_IPV4 and NFPROTO_IPV6, NF_INET_LOCAL_IN and NF_INET_POST_ROUTING, <linux/netfilter.h>. */
const families = { ipv4: 2, ipv6: 10 } as const;
const hooks = { local_in: 1, post_routing: 4 } as const;
/**
 * Behind NF_IP_PRI_NAT_SRC (100), before connections are confirmed (INT_MAX). A hook has one BPF program of a priority, so
 * the link that replaces another one takes the next.
 */
const priorities = [200, 201, 202, 203];

/**
 * Attaches after_nat() of `bpf/after-nat.bpf.c` to netfilter's hooks of this network namespace and pins its links, in
 * place of those that an earlier agent pinned.
 * @throws ProblemError, BpfError where the kernel has no BPF programs at netfilter's hooks (6.4) or refuses it
 */
export async function attachAfterNat(programs: DatapathPrograms): Promise<void> {
  const maps = reopenDatapathMaps(programs.pins);
  try {
    const object = await loadBpfObject({
      name: 'after_nat',
      image: await readFile(committedObject),
      programType: netfilterProgram,
      maps: Object.fromEntries(
        Object.entries(maps).map(([name, fd]) => [
          getMapNameInObject(name as keyof typeof maps),
          { reuse: fd },
        ]),
      ),
      rodata(bytes) {
        bytes.writeUInt32LE(programs.maxSlots, 0);
        bytes.writeUInt32LE(encodeDatapathFeatures(programs.features), datapathConfigFeaturesOffset);
      },
    });
    try {
      await attachEverywhere(programs.pins, object.programs.get('after_nat') ?? -1);
    } finally {
      object.close();
    }
  } finally {
    for (const fd of Object.values(maps)) closeSync(fd);
  }
}

async function attachEverywhere(pins: string, program: number): Promise<void> {
  const directory = join(pins, 'netfilter');
  ensurePinDirectory(directory);
  for (const [family, pf] of Object.entries(families))
    for (const [hook, number] of Object.entries(hooks)) {
      const link = await createLinkOfFreePriority(
        `attach after_nat to ${family} ${hook}`,
        program,
        pf,
        number,
      );
      try {
        // The link before goes with its pin: for a moment both run, and the second finds nothing to do.
        replacePin(link, join(directory, `${family}-${hook}`));
      } finally {
        closeSync(link);
      }
    }
}

/** Creates a link of the first priority that is free. @throws BpfError */
async function createLinkOfFreePriority(
  operation: string,
  program: number,
  pf: number,
  hook: number,
): Promise<number> {
  let taken: unknown = null;
  for (const priority of priorities)
    try {
      return await createNetfilterLink(operation, program, { pf, hook, priority });
    } catch (error) {
      if (!(error instanceof BpfError && error.errnoName === 'EBUSY')) throw error;
      taken = error;
    }
  throw taken;
}

async function createNetfilterLink(
  operation: string,
  program: number,
  { pf, hook, priority }: { pf: number; hook: number; priority: number },
): Promise<number> {
  const attr = Buffer.alloc(bpf_attr.bytes);
  attr.writeUInt32LE(program, bpf_attr['link_create.prog_fd']);
  attr.writeUInt32LE(netfilterProgram.attachType, bpf_attr['link_create.attach_type']);
  attr.writeUInt32LE(pf, bpf_attr['link_create.netfilter.pf']);
  attr.writeUInt32LE(hook, bpf_attr['link_create.netfilter.hooknum']);
  attr.writeInt32LE(priority, bpf_attr['link_create.netfilter.priority']);
  const result = await callForeignAsync(syscall, bpfSyscallNumber, BPF_LINK_CREATE, attr, attr.length);
  return recordOpenedDescriptor(checkBpfResult(operation, result), `link: ${operation}`);
}
