import type { AttachedProgram } from '../../contract/device.ts';
import { ProblemError } from '../../contract/problem.ts';
import { addressOf, errno, syscall } from '../ffi/libc.ts';
import { BpfError, bpfSyscallNumber, callAsync } from './syscall.ts';
import { netkitAttachTypes } from './netkit-hook.ts';
import { programInfoById } from './program-info.ts';
import { runStatisticsHeld } from './run-statistics.ts';
import { tcxAttachTypes } from './tcx-hook.ts';

export type LinkHook = keyof typeof netkitAttachTypes | keyof typeof tcxAttachTypes;
export const attachTypes: Record<LinkHook, number> = { ...netkitAttachTypes, ...tcxAttachTypes };

const progQuery = 16;
/** BPF_MPROG_MAX (kernel/bpf/mprog.c): more cannot be attached to one hook. */
const maxPrograms = 64;

/** Who runs at a hook: ids in the order of execution. `linkId` is null for a program attached without a link. */
export interface HookedProgram {
  programId: number;
  linkId: number | null;
}

/** Room for a query's answer. union bpf_attr: target_ifindex or target_fd 0, attach_type 4, prog_ids 16, count 24, link_ids 40. */
class Query {
  readonly attr = Buffer.alloc(64);
  readonly #programs = Buffer.alloc(maxPrograms * 4);
  readonly #links = Buffer.alloc(maxPrograms * 4);

  constructor(target: number, attachType: number) {
    this.attr.writeUInt32LE(target, 0);
    this.attr.writeUInt32LE(attachType, 4);
    this.attr.writeBigUInt64LE(addressOf(this.#programs), 16);
    this.attr.writeUInt32LE(maxPrograms, 24);
    this.attr.writeBigUInt64LE(addressOf(this.#links), 40);
  }

  get entries(): HookedProgram[] {
    return Array.from({ length: this.attr.readUInt32LE(24) }, (_, i) => ({
      programId: this.#programs.readUInt32LE(i * 4),
      linkId: this.#links.readUInt32LE(i * 4) || null,
    }));
  }
}

/**
 * BPF_PROG_QUERY of `hook` at device `ifindex` of the caller's namespace (the primary, for netkit hooks too).
 * A kernel or device without such a hook has nothing there. Takes RTNL.
 * @throws ProblemError `device_missing`, `kernel_refused`
 */
export async function queryHook(ifindex: number, hook: LinkHook): Promise<HookedProgram[]> {
  const query = new Query(ifindex, attachTypes[hook]);
  const answer = await callAsync(syscall, bpfSyscallNumber, progQuery, query.attr, query.attr.length);
  if (answer < 0) {
    const refusal = new BpfError(`list the programs at ${hook} of ifindex ${ifindex}`, -answer);
    if (refusal.errnoName === 'EINVAL' || refusal.errnoName === 'ENXIO') return [];
    if (refusal.errnoName === 'ENODEV') throw new ProblemError('device_missing', refusal.message);
    throw refusal;
  }
  return query.entries;
}

/** What a kernel answers that has nothing of the kind at a place: no such hook, no such device, no more. */
const nothingThere = new Set(['EINVAL', 'ENXIO', 'ENODEV', 'ENOENT', 'EOPNOTSUPP', 'EACCES', 'EBADF']);

/**
 * Who runs at a place of any kind, in the order of execution: `target` is an ifindex of this thread's namespace, or
 * a descriptor of a cgroup, a network namespace or a map. Blocks, under RTNL for devices: for worker threads.
 * @throws BpfError
 */
export function queryHookSync(target: number, attachType: number): HookedProgram[] {
  const query = new Query(target, attachType);
  if (syscall(bpfSyscallNumber, progQuery, query.attr, query.attr.length) >= 0) return query.entries;
  const refusal = new BpfError(`list the programs of attach type ${attachType} at ${target}`, errno());
  if (nothingThere.has(refusal.errnoName)) return [];
  throw refusal;
}

/** `queryHook` with what the kernel knows of each program; `ours` are the ids of our own. */
export async function listAttachedPrograms(
  ifindex: number,
  hook: LinkHook,
  ours: ReadonlySet<number>,
): Promise<AttachedProgram[]> {
  const entries = await queryHook(ifindex, hook);
  return entries.flatMap((entry, position) => describeAttachedProgram({ hook, position, ...entry }, ours) ?? []);
}

/** What the kernel knows of a program at its place on a hook; null when it is gone meanwhile. */
export function describeAttachedProgram(
  { hook, position, programId, linkId }: HookedProgram & Pick<AttachedProgram, 'hook' | 'position'>,
  ours: ReadonlySet<number>,
): AttachedProgram | null {
  const info = programInfoById(programId);
  if (info === null) return null;
  const counted = runStatisticsHeld() || info.runCount > 0;
  return {
    hook,
    position,
    id: info.id,
    name: info.name,
    tag: info.tag,
    ours: ours.has(info.id),
    linkId,
    loadedAt: info.loadedAt.toISOString(),
    runCount: counted ? info.runCount : null,
    runTimeNs: counted ? info.runTimeNs : null,
    nsPerRun: info.runCount > 0 ? info.runTimeNs / info.runCount : null,
    verifiedInstructions: info.verifiedInstructions || null,
    jitedBytes: info.jitedBytes,
  };
}
