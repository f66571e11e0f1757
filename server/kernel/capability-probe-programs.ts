import { checkBpfResult } from '../bpf/bpf-error.ts';
import { bpf_attr } from '../bpf/bpf-structs.ts';
import { exitProgram, setRegister } from '../bpf/instructions.ts';
import { bpfSyscallNumber, callForeignAsync } from '../bpf/syscall.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { addressOf, errno, syscall } from '../ffi/libc.ts';

// Calls bpf(2) without libbpf, so that a probe's outcome depends on nothing but the kernel.

/** Commands of bpf(2), enum bpf_cmd, <linux/bpf.h>. */
const BPF_PROG_LOAD = 5;
const BPF_RAW_TRACEPOINT_OPEN = 17;
const BPF_LINK_CREATE = 28;
const BPF_ENABLE_STATS = 32;

/** Values of enum bpf_prog_type, <linux/bpf.h>. */
export const minimalProgramTypes = { schedulerClassifier: 3, tracing: 26 } as const;
/** Values of enum bpf_attach_type, <linux/bpf.h>. */
export const minimalProgramAttachTypes = {
  rawTracepoint: 23,
  tcxIngress: 46,
  tcxEgress: 47,
  netkitPrimary: 54,
  netkitPeer: 55,
} as const;

/** Attributes of a program to load. */
interface ProbeProgramOptions {
  /** Name in the kernel, of which it keeps 15 characters. */
  name?: string;
  /** What a program of type tracing attaches to. */
  expectedAttachType?: number;
  attachBtfId?: number;
}

/**
 * Loads the smallest program, `return result`, off the event loop. On tcx and netkit hooks -1 means "next program".
 * @returns its descriptor @throws BpfError
 */
export const loadMinimalProgram = (
  operation: string,
  type: number,
  { result = 0, ...options }: ProbeProgramOptions & { result?: number } = {},
): Promise<number> =>
  loadProbeProgram(operation, type, Buffer.concat([setRegister(0, result), exitProgram()]), options);

/**
 * Loads a program of a few instructions off the event loop, without licensing restrictions.
 * @param instructions an array of struct bpf_insn
 * @returns its descriptor @throws BpfError
 */
export async function loadProbeProgram(
  operation: string,
  type: number,
  instructions: Buffer,
  { name = 'podlane_probe', expectedAttachType = 0, attachBtfId = 0 }: ProbeProgramOptions = {},
): Promise<number> {
  const license = Buffer.from('GPL\0');
  const attr = Buffer.alloc(bpf_attr.bytes);
  attr.writeUInt32LE(type, bpf_attr.prog_type);
  attr.writeUInt32LE(instructions.length / 8, bpf_attr.insn_cnt);
  attr.writeBigUInt64LE(addressOf(instructions), bpf_attr.insns);
  attr.writeBigUInt64LE(addressOf(license), bpf_attr.license);
  attr.write(name.slice(0, 15), bpf_attr.prog_name);
  attr.writeUInt32LE(expectedAttachType, bpf_attr.expected_attach_type);
  attr.writeUInt32LE(attachBtfId, bpf_attr.attach_btf_id);
  const fd = await callForeignAsync(syscall, bpfSyscallNumber, BPF_PROG_LOAD, attr, attr.length);
  // The kernel reads both buffers inside the call: they must not be collected before.
  void [instructions, license];
  return recordOpenedDescriptor(checkBpfResult(operation, fd), `program: ${operation}`);
}

/**
 * Attaches a program to a device of this thread's network namespace, which is why it is synchronous.
 * @returns the link's descriptor @throws BpfError
 */
export function createBpfLinkSync(operation: string, program: number, ifindex: number, type: number): number {
  const attr = Buffer.alloc(bpf_attr.bytes);
  attr.writeUInt32LE(program, bpf_attr['link_create.prog_fd']);
  attr.writeUInt32LE(ifindex, bpf_attr['link_create.target_ifindex']);
  attr.writeUInt32LE(type, bpf_attr['link_create.attach_type']);
  const result = syscall(bpfSyscallNumber, BPF_LINK_CREATE, attr, attr.length);
  const fd = checkBpfResult(operation, result < 0 ? -errno() : result);
  return recordOpenedDescriptor(fd, `link: ${operation}`);
}

/** Attaches a tracing program to its tracepoint. @returns the link's descriptor @throws BpfError */
export async function attachToTracepoint(operation: string, program: number): Promise<number> {
  // Without a name the kernel takes the tracepoint that the program was loaded for.
  const attr = Buffer.alloc(bpf_attr.bytes);
  attr.writeUInt32LE(program, bpf_attr['raw_tracepoint.prog_fd']);
  const fd = await callForeignAsync(syscall, bpfSyscallNumber, BPF_RAW_TRACEPOINT_OPEN, attr, attr.length);
  return recordOpenedDescriptor(checkBpfResult(operation, fd), `link: ${operation}`);
}

/** Enables BPF run statistics while the returned descriptor is open. @throws BpfError */
export async function enableRunStatistics(operation: string): Promise<number> {
  const attr = Buffer.alloc(bpf_attr.bytes); // type 0, BPF_STATS_RUN_TIME
  const fd = await callForeignAsync(syscall, bpfSyscallNumber, BPF_ENABLE_STATS, attr, attr.length);
  return recordOpenedDescriptor(checkBpfResult(operation, fd), 'BPF run statistics');
}
