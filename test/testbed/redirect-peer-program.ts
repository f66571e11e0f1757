import { checkBpfResult } from '../../server/bpf/bpf-error.ts';
import { bpf_attr } from '../../server/bpf/bpf-structs.ts';
import { bpfSyscallNumber, callForeignAsync } from '../../server/bpf/syscall.ts';
import { addressOf, syscall } from '../../server/ffi/libc.ts';
import { minimalProgramTypes } from '../../server/kernel/capability-probe-programs.ts';

const BPF_PROG_LOAD = 5;
/** bpf_redirect_peer of enum bpf_func_id, <linux/bpf.h>. */
const redirectPeer = 155;

/**
 * Loads a program that hands every packet to the other end of a device past the device itself, as CNIs do on the way into a
 * pod: `return bpf_redirect_peer(ifindex, 0)`. @returns its descriptor
 */
export async function loadRedirectPeerProgram(ifindex: number): Promise<number> {
  // struct bpf_insn: u8 code, u8 registers (destination in the low half), i16 offset, i32 immediate.
  const list = [
    { code: 0xb7, registers: 1, immediate: ifindex },
    { code: 0xb7, registers: 2, immediate: 0 },
    { code: 0x85, registers: 0, immediate: redirectPeer },
    { code: 0x95, registers: 0, immediate: 0 },
  ];
  const instructions = Buffer.alloc(8 * list.length);
  for (const [at, { code, registers, immediate }] of list.entries()) {
    instructions.writeUInt8(code, 8 * at);
    instructions.writeUInt8(registers, 8 * at + 1);
    instructions.writeInt32LE(immediate, 8 * at + 4);
  }
  const license = Buffer.from('GPL\0');
  const attr = Buffer.alloc(bpf_attr.bytes);
  attr.writeUInt32LE(minimalProgramTypes.schedulerClassifier, bpf_attr.prog_type);
  attr.writeUInt32LE(list.length, bpf_attr.insn_cnt);
  attr.writeBigUInt64LE(addressOf(instructions), bpf_attr.insns);
  attr.writeBigUInt64LE(addressOf(license), bpf_attr.license);
  attr.write('redirect_peer', bpf_attr.prog_name);
  const fd = await callForeignAsync(syscall, bpfSyscallNumber, BPF_PROG_LOAD, attr, attr.length);
  void [instructions, license];
  return checkBpfResult('load redirect_peer', fd);
}
