import { addressOf } from '../ffi/libc.ts';
import { readBpfObjectInfo } from './bpf-object-info.ts';
import { bpf_func_info, bpf_line_info, bpf_prog_info as field } from './bpf-structs.ts';

/** The translated instructions of a program, with the indexes at which its functions and source lines begin. */
export interface XlatedProgram {
  /** Instructions as 8-byte struct bpf_insn; null if the kernel withholds them. */
  instructions: Buffer | null;
  /** Functions of the program: index of the first instruction, and type id in the program's BTF. */
  functions: { index: number; typeId: number }[];
  lines: { index: number; file: number; text: number; line: number; column: number }[];
}

/**
 * Reads a program's translated instructions, struct bpf_func_info and struct bpf_line_info, <linux/bpf.h>. The kernel
 * clears the pointer to instructions that it withholds: blinded ones, while kernel.kptr_restrict hides addresses.
 */
export function readXlatedProgram(fd: number): XlatedProgram {
  const sizes = readBpfObjectInfo('a program', fd, Buffer.alloc(field.bytes));
  const bytes = sizes.readUInt32LE(field.xlated_prog_len);
  const functions = sizes.readUInt32LE(field.nr_func_info);
  const lines = sizes.readUInt32LE(field.nr_line_info);
  const instructions = Buffer.alloc(bytes);
  const functionInfo = Buffer.alloc(functions * bpf_func_info.bytes);
  const lineInfo = Buffer.alloc(lines * bpf_line_info.bytes);
  const info = Buffer.alloc(field.bytes);
  info.writeUInt32LE(bytes, field.xlated_prog_len);
  info.writeBigUInt64LE(addressOf(instructions), field.xlated_prog_insns);
  info.writeUInt32LE(bpf_func_info.bytes, field.func_info_rec_size);
  info.writeUInt32LE(functions, field.nr_func_info);
  if (functions > 0) info.writeBigUInt64LE(addressOf(functionInfo), field.func_info);
  info.writeUInt32LE(bpf_line_info.bytes, field.line_info_rec_size);
  info.writeUInt32LE(lines, field.nr_line_info);
  if (lines > 0) info.writeBigUInt64LE(addressOf(lineInfo), field.line_info);
  readBpfObjectInfo('a program with its instructions', fd, info);
  const withheld = info.readBigUInt64LE(field.xlated_prog_insns) === 0n;
  return {
    instructions: withheld || bytes === 0 ? null : instructions,
    functions: Array.from({ length: Math.min(info.readUInt32LE(field.nr_func_info), functions) }, (_, i) => {
      const at = i * bpf_func_info.bytes;
      return {
        index: functionInfo.readUInt32LE(at + bpf_func_info.insn_off),
        typeId: functionInfo.readUInt32LE(at + bpf_func_info.type_id),
      };
    }),
    lines: Array.from({ length: Math.min(info.readUInt32LE(field.nr_line_info), lines) }, (_, i) => {
      const at = i * bpf_line_info.bytes;
      // line << 10 | column
      const position = lineInfo.readUInt32LE(at + bpf_line_info.line_col);
      return {
        index: lineInfo.readUInt32LE(at + bpf_line_info.insn_off),
        file: lineInfo.readUInt32LE(at + bpf_line_info.file_name_off),
        text: lineInfo.readUInt32LE(at + bpf_line_info.line_off),
        line: position >>> 10,
        column: position & 0x3ff,
      };
    }),
  };
}
