import type { BpfInstruction } from '../../../contract/program.ts';

export type InstructionListingLine =
  | { kind: 'function'; name: string }
  | { kind: 'source'; file: string; line: number; text: string }
  | { kind: 'instruction'; instruction: BpfInstruction };

/** Builds the lines of a program listing: function names, source lines and instructions. */
export function buildInstructionListingLines(
  instructions: readonly BpfInstruction[],
  withSource: boolean,
): InstructionListingLine[] {
  const lines: InstructionListingLine[] = [];
  for (const instruction of instructions) {
    const { function: name, source } = instruction;
    if (name !== null) lines.push({ kind: 'function', name });
    if (withSource && source !== null)
      lines.push({ kind: 'source', file: source.file, line: source.line, text: source.text.trim() });
    lines.push({ kind: 'instruction', instruction });
  }
  return lines;
}

/** Formats instructions like `bpftool prog dump xlated`. */
export const formatInstructionListing = (instructions: readonly BpfInstruction[]): string =>
  buildInstructionListingLines(instructions, true)
    .map((line) => {
      if (line.kind === 'function') return `${line.name}:`;
      if (line.kind === 'source') return `; ${line.text}`;
      return `${String(line.instruction.index).padStart(4)}: ${line.instruction.text}`;
    })
    .join('\n');
