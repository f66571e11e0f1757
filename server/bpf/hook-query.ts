import type { AttachedProgram } from '../../contract/device.ts';
import { ProblemError } from '../../contract/problem.ts';
import { addressOf, errno, syscall } from '../ffi/libc.ts';
import { BpfError } from './bpf-error.ts';
import { bpf_attr } from './bpf-structs.ts';
import { hookAttachTypes, type LinkHook } from './hook.ts';
import { readBpfProgramInfoById } from './program-info.ts';
import { isHoldingRunStatistics } from './run-statistics.ts';
import { bpfSyscallNumber, callForeignAsync } from './syscall.ts';

const BPF_PROG_QUERY = 16;
/** Maximum number of programs on a hook: BPF_MPROG_MAX, kernel/bpf/mprog.c. */
const maxPrograms = 64;

/** A program on a hook. `linkId` is null if it was attached without a link. */
export interface ProgramOnHook {
  programId: number;
  linkId: number | null;
}

/** Argument of BPF_PROG_QUERY, with buffers for the kernel's reply. */
class Query {
  readonly attr = Buffer.alloc(bpf_attr.bytes);
  readonly #programs = Buffer.alloc(maxPrograms * 4);
  readonly #links = Buffer.alloc(maxPrograms * 4);

  constructor(target: number, attachType: number) {
    this.attr.writeUInt32LE(target, bpf_attr['query.target_ifindex']);
    this.attr.writeUInt32LE(attachType, bpf_attr['query.attach_type']);
    this.attr.writeBigUInt64LE(addressOf(this.#programs), bpf_attr['query.prog_ids']);
    this.attr.writeUInt32LE(maxPrograms, bpf_attr['query.count']);
    this.attr.writeBigUInt64LE(addressOf(this.#links), bpf_attr['query.link_ids']);
  }

  get programs(): ProgramOnHook[] {
    return Array.from({ length: this.attr.readUInt32LE(bpf_attr['query.count']) }, (_, i) => ({
      programId: this.#programs.readUInt32LE(i * 4),
      linkId: this.#links.readUInt32LE(i * 4) || null,
    }));
  }
}

/**
 * Lists the programs on `hook` of device `ifindex` of the caller's namespace (the primary, for netkit hooks too) in
 * execution order; none on a kernel or device without such a hook. It takes RTNL.
 * @throws ProblemError `device_missing`, `kernel_refused`
 */
export async function queryHookPrograms(ifindex: number, hook: LinkHook): Promise<ProgramOnHook[]> {
  const query = new Query(ifindex, hookAttachTypes[hook]);
  const result = await callForeignAsync(
    syscall,
    bpfSyscallNumber,
    BPF_PROG_QUERY,
    query.attr,
    query.attr.length,
  );
  if (result < 0) {
    const error = new BpfError(`list the programs at ${hook} of ifindex ${ifindex}`, -result);
    if (error.errnoName === 'EINVAL' || error.errnoName === 'ENXIO') return [];
    if (error.errnoName === 'ENODEV') throw new ProblemError('device_missing', error.message);
    throw error;
  }
  return query.programs;
}

/** Errnos of a query for a target that has no programs, because it does not support the hook or no longer exists. */
const nothingAttached = new Set(['EINVAL', 'ENXIO', 'ENODEV', 'ENOENT', 'EOPNOTSUPP', 'EACCES', 'EBADF']);

/**
 * Lists the programs of any attach type in execution order. It blocks, for devices under RTNL, so it is for worker
 * threads.
 * @param target an ifindex of this thread's namespace, or a descriptor of a cgroup, a network namespace or a map
 * @throws BpfError
 */
export function queryHookProgramsSync(target: number, attachType: number): ProgramOnHook[] {
  const query = new Query(target, attachType);
  if (syscall(bpfSyscallNumber, BPF_PROG_QUERY, query.attr, query.attr.length) >= 0) return query.programs;
  const error = new BpfError(`list the programs of attach type ${attachType} at ${target}`, errno());
  if (nothingAttached.has(error.errnoName)) return [];
  throw error;
}

/** Lists the programs on a hook with their kernel info. @param ours ids of Podlane's programs */
export async function listAttachedPrograms(
  ifindex: number,
  hook: LinkHook,
  ours: ReadonlySet<number>,
): Promise<AttachedProgram[]> {
  const entries = await queryHookPrograms(ifindex, hook);
  return entries.flatMap(
    (entry, position) => describeAttachedProgram({ hook, position, ...entry }, ours) ?? [],
  );
}

/** Describes a program on a hook by its position and its kernel info; null if the program no longer exists. */
export function describeAttachedProgram(
  { hook, position, programId, linkId }: ProgramOnHook & Pick<AttachedProgram, 'hook' | 'position'>,
  ours: ReadonlySet<number>,
): AttachedProgram | null {
  const info = readBpfProgramInfoById(programId);
  if (info === null) return null;
  const counted = isHoldingRunStatistics() || info.runCount > 0;
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
