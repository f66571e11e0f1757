import { addressOf } from '../ffi/libc.ts';
import { readObjectInfo } from './kernel-object.ts';

/** A program's translated instructions, and where its functions and its source lines begin. */
export interface XlatedProgram {
  /** struct bpf_insn, 8 bytes each; null where the kernel hides them. */
  instructions: Buffer | null;
  /** By the index of the instruction; types and strings are of the program's BTF. */
  functions: { index: number; typeId: number }[];
  lines: { index: number; file: number; text: number; line: number; column: number }[];
}

const infoBytes = 232;
const [functionBytes, lineBytes] = [8, 16];

/**
 * struct bpf_prog_info (linux/bpf.h): xlated_prog_len 20, xlated_prog_insns 32, func_info_rec_size 132, func_info 136,
 * nr_func_info 144, nr_line_info 148, line_info 152, line_info_rec_size 172. The kernel clears the pointer to
 * instructions that it does not give: those that it blinded, while kernel.kptr_restrict hides addresses.
 * struct bpf_func_info: u32 instruction, type; struct bpf_line_info: u32 instruction, file, text, line << 10 | column.
 */
export function readXlatedProgram(fd: number): XlatedProgram {
  const sizes = readObjectInfo('a program', fd, Buffer.alloc(infoBytes));
  const [bytes, functions, lines] = [20, 144, 148].map((at) => sizes.readUInt32LE(at)) as [
    number,
    number,
    number,
  ];
  const instructions = Buffer.alloc(bytes);
  const functionInfo = Buffer.alloc(functions * functionBytes);
  const lineInfo = Buffer.alloc(lines * lineBytes);
  const info = Buffer.alloc(infoBytes);
  info.writeUInt32LE(bytes, 20);
  info.writeBigUInt64LE(addressOf(instructions), 32);
  info.writeUInt32LE(functionBytes, 132);
  info.writeUInt32LE(functions, 144);
  if (functions > 0) info.writeBigUInt64LE(addressOf(functionInfo), 136);
  info.writeUInt32LE(lineBytes, 172);
  info.writeUInt32LE(lines, 148);
  if (lines > 0) info.writeBigUInt64LE(addressOf(lineInfo), 152);
  readObjectInfo('a program with its instructions', fd, info);
  const given = (from: number, most: number): number => Math.min(info.readUInt32LE(from), most);
  return {
    instructions: info.readBigUInt64LE(32) === 0n || bytes === 0 ? null : instructions,
    functions: Array.from({ length: given(144, functions) }, (_, i) => ({
      index: functionInfo.readUInt32LE(i * functionBytes),
      typeId: functionInfo.readUInt32LE(i * functionBytes + 4),
    })),
    lines: Array.from({ length: given(148, lines) }, (_, i) => {
      const at = i * lineBytes;
      const place = lineInfo.readUInt32LE(at + 12);
      return {
        index: lineInfo.readUInt32LE(at),
        file: lineInfo.readUInt32LE(at + 4),
        text: lineInfo.readUInt32LE(at + 8),
        line: place >>> 10,
        column: place & 0x3ff,
      };
    }),
  };
}
