import type { BpfInstruction, ProgramInstructions } from '../../../contract/program.ts';
import { requireValue } from '../../../contract/require-value.ts';
import { withBpfObjectById } from '../../bpf/bpf-object-info.ts';
import { Btf } from '../../bpf/btf.ts';
import { disassembleProgram } from '../../bpf/disassemble.ts';
import { findKernelFunctionNames, listCallImmediates } from '../../bpf/kernel-function-names.ts';
import { readLoadedBtf } from '../../bpf/loaded-btf.ts';
import { readBpfProgramInfo } from '../../bpf/program-info.ts';
import { readXlatedProgram, type XlatedProgram } from '../../bpf/xlated-program.ts';

/** Maximum number of listed instructions; such a list takes megabytes. */
const mostInstructions = 100_000;

/**
 * Disassembles the translated instructions of a BPF program, with functions and source lines; null if the program no
 * longer exists.
 */
export function readProgramInstructions(id: number): ProgramInstructions | null {
  const found = withBpfObjectById('program', id, (fd) => ({
    info: readBpfProgramInfo(fd),
    code: readXlatedProgram(fd),
  }));
  if (found === null) return null;
  const { info, code } = found;
  if (code.instructions === null)
    return {
      id,
      tag: info.tag,
      instructions: [],
      unavailable:
        'the kernel does not return them: it blinded the constants (net.core.bpf_jit_harden) and hides addresses (kernel.kptr_restrict)',
    };
  const btf = info.btfId === 0 ? null : btfOf(info.btfId);
  const bytes = code.instructions.subarray(0, mostInstructions * 8);
  const instructions = describe(bytes, code, btf);
  const left = code.instructions.length - bytes.length;
  const unavailable = left > 0 ? `${left / 8} more of ${code.instructions.length / 8} instructions` : null;
  return { id, tag: info.tag, instructions, unavailable };
}

function btfOf(id: number): Btf | null {
  const object = readLoadedBtf(id);
  return object === null ? null : new Btf(object.bytes);
}

function describe(bytes: Buffer, { functions, lines }: XlatedProgram, btf: Btf | null): BpfInstruction[] {
  const names = new Map(
    functions.map(({ index, typeId }, number) => [index, nameOf(btf, typeId) ?? `function ${number}`]),
  );
  const sources = new Map(btf === null ? [] : lines.map((line) => [line.index, line]));
  const helpers = findKernelFunctionNames(listCallImmediates(bytes));
  return disassembleProgram(bytes, {
    call: (immediate) => helpers.get(immediate),
    function: (index) => names.get(index),
  }).map(({ index, units, text, target }) => {
    const line = sources.get(index);
    return {
      index,
      hex: bytes
        .subarray(index * 8, (index + units) * 8)
        .toString('hex')
        .replace(/..(?=.)/g, '$& '),
      text,
      function: names.get(index) ?? null,
      source: line
        ? {
            file: requireValue(btf, 'BTF of the program').string(line.file),
            line: line.line,
            column: line.column,
            text: requireValue(btf, 'BTF of the program').string(line.text),
          }
        : null,
      target,
    };
  });
}

function nameOf(btf: Btf | null, typeId: number): string | null {
  try {
    return btf?.type(typeId).name || null;
  } catch {
    return null;
  }
}
