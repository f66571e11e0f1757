import { checkResult, callAsync } from '../bpf/syscall.ts';
import { addressOf, errno, syscall } from '../ffi/libc.ts';

/** bpf(2) by hand, for probes: nothing but the kernel decides. Commands of enum bpf_cmd, <linux/bpf.h>. */
const SYS_bpf: Record<string, number> = { x64: 321, arm64: 280 };
const BPF_PROG_LOAD = 5;
const BPF_RAW_TRACEPOINT_OPEN = 17;
const BPF_LINK_CREATE = 28;
const BPF_ENABLE_STATS = 32;

export const programType = { schedulerClassifier: 3, tracing: 26 } as const;
export const attachType = { rawTracepoint: 23, tcxIngress: 46, netkitPeer: 55 } as const;

const number = (): number => {
  const known = SYS_bpf[process.arch];
  if (known === undefined) throw new Error(`the number of bpf(2) is not known on ${process.arch}`);
  return known;
};

/**
 * Loads the smallest program, `return result`, off the event loop. On tcx and netkit -1 means "next program".
 * @returns its descriptor @throws BpfRefusal
 */
export async function loadMinimalProgram(
  tried: string,
  type: number,
  { result = 0, expectedAttachType = 0, attachBtfId = 0 } = {},
): Promise<number> {
  // struct bpf_insn: u8 code, u8 registers, i16 offset, i32 immediate: r0 = result; exit.
  const instructions = Buffer.alloc(16);
  instructions.writeUInt8(0xb7, 0);
  instructions.writeInt32LE(result, 4);
  instructions.writeUInt8(0x95, 8);
  const license = Buffer.from('GPL\0');
  // union bpf_attr: prog_type 0, insn_cnt 4, insns 8, license 16, prog_name 48, expected_attach_type 68, attach_btf_id 108
  const attributes = Buffer.alloc(120);
  attributes.writeUInt32LE(type, 0);
  attributes.writeUInt32LE(2, 4);
  attributes.writeBigUInt64LE(addressOf(instructions), 8);
  attributes.writeBigUInt64LE(addressOf(license), 16);
  attributes.write('podlane_probe', 48);
  attributes.writeUInt32LE(expectedAttachType, 68);
  attributes.writeUInt32LE(attachBtfId, 108);
  const answer = await callAsync(syscall, number(), BPF_PROG_LOAD, attributes, attributes.length);
  // The kernel reads both buffers inside the call: they must not be collected before.
  void [instructions, license];
  return checkResult(tried, answer);
}

/**
 * Attaches to a device of the namespace this thread is in, which is why it is synchronous.
 * @returns the link's descriptor @throws BpfRefusal
 */
export function createLinkSync(tried: string, program: number, ifindex: number, type: number): number {
  // union bpf_attr: link_create.prog_fd 0, target_ifindex 4, attach_type 8
  const attributes = Buffer.alloc(64);
  attributes.writeUInt32LE(program, 0);
  attributes.writeUInt32LE(ifindex, 4);
  attributes.writeUInt32LE(type, 8);
  const answer = syscall(number(), BPF_LINK_CREATE, attributes, attributes.length);
  return checkResult(tried, answer < 0 ? -errno() : answer);
}

/** Attaches a tracing program to its tracepoint. @returns the link's descriptor @throws BpfRefusal */
export async function openTracepoint(tried: string, program: number): Promise<number> {
  // union bpf_attr: raw_tracepoint.name 0 (none: the program's own), prog_fd 8
  const attributes = Buffer.alloc(24);
  attributes.writeUInt32LE(program, 8);
  return checkResult(
    tried,
    await callAsync(syscall, number(), BPF_RAW_TRACEPOINT_OPEN, attributes, attributes.length),
  );
}

/** Run statistics are on while the answered descriptor is open. @throws BpfRefusal */
export async function enableRunStatistics(tried: string): Promise<number> {
  const attributes = Buffer.alloc(4); // BPF_STATS_RUN_TIME
  return checkResult(tried, await callAsync(syscall, number(), BPF_ENABLE_STATS, attributes, attributes.length));
}
