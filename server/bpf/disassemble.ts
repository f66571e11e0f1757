/** Resolves numbers in BPF instructions to names. Numbers without a name are printed as they are. */
export interface DisassemblySymbols {
  /** Returns the name of a helper or kernel function for the immediate value of a call instruction. */
  call?(immediate: number): string | undefined;
  /** Returns the name of a program's function for the index of its first instruction. */
  function?(index: number): string | undefined;
}

export interface DisassembledInstruction {
  /** Index of the instruction in the program, in units of 8 bytes. */
  index: number;
  /** Length of the instruction in units of 8 bytes: 2 for a 64-bit load, else 1. */
  units: number;
  text: string;
  /** Index of the instruction that a jump leads to; null for an instruction that is no jump. */
  target: number | null;
}

const classes = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;
const modes = { imm: 0, abs: 1, ind: 2, mem: 3, memSigned: 4, atomic: 6 } as const;
const sizes = ['u32', 'u16', 'u8', 'u64'];
const signedSizes = ['s32', 's16', 's8', 's64'];
const arithmetic = ['+=', '-=', '*=', '/=', '|=', '&=', '<<=', '>>=', 'neg', '%=', '^=', '=', 's>>='];
const [NEG, MOV, END, DIV, MOD] = [8, 11, 13, 3, 9];
/** Comparison operators by the upper four bits of a jump's opcode; 0 is goto, 8 call, 9 exit and 14 may_goto. */
const comparisons = ['', '==', '>', '>=', '&', '!=', 's>', 's>=', '', '', '<', '<=', 's<', 's<='];
/** Atomic operations by immediate value (BPF_ADD, BPF_OR, BPF_AND, BPF_XOR). With BPF_FETCH, the name is printed. */
const atomics: Record<number, [sign: string, name: string]> = {
  0: ['+=', 'add'],
  64: ['|=', 'or'],
  80: ['&=', 'and'],
  160: ['^=', 'xor'],
};
const [XCHG, CMPXCHG, LOAD_ACQUIRE, STORE_RELEASE] = [0xe1, 0xf1, 0x100, 0x110];
/** BPF_PSEUDO_* values in the source register of a 64-bit load or a call, <linux/bpf.h>. */
const pseudo = { map: 1, mapValue: 2, btf: 3, function: 4, mapIndex: 5, mapIndexValue: 6 } as const;
const pseudoCall = { function: 1, kernel: 2 } as const;

interface Fields {
  index: number;
  code: number;
  destination: number;
  source: number;
  offset: number;
  immediate: number;
}

const signed = (value: number): string => (value < 0 ? String(value) : `+${value}`);
const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/**
 * Formats eBPF instructions as the kernel does (kernel/bpf/disasm.c).
 * @param bytes an array of struct bpf_insn, <linux/bpf.h>: u8 code, 4 bits destination, 4 bits source, i16 offset, i32
 * immediate
 */
export function disassembleProgram(
  bytes: Buffer,
  symbols: DisassemblySymbols = {},
): DisassembledInstruction[] {
  const found: DisassembledInstruction[] = [];
  const count = Math.floor(bytes.length / 8);
  for (let index = 0, units = 1; index < count; index += units) {
    const at = index * 8;
    const fields: Fields = {
      index,
      code: bytes.readUInt8(at),
      destination: bytes.readUInt8(at + 1) & 15,
      source: bytes.readUInt8(at + 1) >> 4,
      offset: bytes.readInt16LE(at + 2),
      immediate: bytes.readInt32LE(at + 4),
    };
    // BPF_LD | BPF_DW | BPF_IMM: the upper half of the number is the immediate of the next instruction.
    const wide = fields.code === 0x18 && index + 1 < count;
    units = wide ? 2 : 1;
    found.push({
      index,
      units,
      text: wide ? loadImmediate(fields, bytes.readInt32LE(at + 12)) : instructionText(fields, symbols),
      target: jumpTarget(fields),
    });
  }
  return found;
}

function instructionText(fields: Fields, symbols: DisassemblySymbols): string {
  const { code } = fields;
  switch (code & 7) {
    case classes.alu:
    case classes.alu64:
      return arithmeticText(fields);
    case classes.jmp:
    case classes.jmp32:
      return jumpText(fields, symbols);
    default:
      return memoryText(fields) ?? `BUG_${code.toString(16).padStart(2, '0')}`;
  }
}

function loadImmediate({ destination, source, immediate }: Fields, upper: number): string {
  const to = `r${destination} = `;
  const [low, high] = [immediate >>> 0, upper >>> 0];
  if (source === pseudo.map) return `${to}map[id:${low}]`;
  if (source === pseudo.mapValue) return `${to}map[id:${low}][0]+${high}`;
  if (source === pseudo.mapIndex) return `${to}map[idx:${low}]`;
  if (source === pseudo.mapIndexValue) return `${to}map[idx:${low}]+${high}`;
  if (source === pseudo.function) return `${to}subprog[${signed(immediate)}]`;
  return `${to}${hex((BigInt(high) << 32n) | BigInt(low))}`;
}

function arithmeticText({ code, destination, source, offset, immediate }: Fields): string {
  const is64 = (code & 7) === classes.alu64;
  const operation = code >> 4;
  const register = (number: number): string => `${is64 ? 'r' : 'w'}${number}`;
  const [to, from] = [register(destination), register(source)];
  const bySource = (code & 8) !== 0;
  if (operation === END) {
    const order = is64 ? 'bswap' : bySource ? 'be' : 'le';
    return `r${destination} = ${order}${immediate} r${destination}`;
  }
  if (operation === NEG) return `${to} = -${to}`;
  if (operation === MOV && bySource && offset === -1 && is64) return `${to} = &(void __percpu *)(${from})`;
  if (operation === MOV && bySource && offset === 1 && is64)
    return `${to} = addr_space_cast(${from}, ${immediate >>> 16}, ${immediate & 0xffff})`;
  if (operation === MOV && bySource && [8, 16, 32].includes(offset)) return `${to} = (s${offset})${from}`;
  const sign = arithmetic[operation];
  if (sign === undefined) return `BUG_alu_${code.toString(16).padStart(2, '0')}`;
  const divides = (operation === DIV || operation === MOD) && offset === 1;
  return `${to} ${divides ? 's' : ''}${sign} ${bySource ? from : immediate}`;
}

function memoryText({ code, destination, source, offset, immediate }: Fields): string | null {
  const mode = code >> 5;
  const size = sizes[(code >> 3) & 3] ?? '';
  const at = (register: number): string => `*(${size} *)(r${register} ${signed(offset)})`;
  switch (code & 7) {
    case classes.ldx:
      if (mode === modes.mem) return `r${destination} = ${at(source)}`;
      if (mode === modes.memSigned)
        return `r${destination} = *(${signedSizes[(code >> 3) & 3]} *)(r${source} ${signed(offset)})`;
      return null;
    case classes.st:
      if (mode === modes.atomic) return 'nospec';
      return mode === modes.mem ? `${at(destination)} = ${immediate}` : null;
    case classes.stx:
      if (mode === modes.mem) return `${at(destination)} = r${source}`;
      return mode === modes.atomic ? atomicText(size, destination, source, offset, immediate) : null;
    default:
      if (mode === modes.abs) return `r0 = *(${size} *)skb[${immediate}]`;
      if (mode === modes.ind) return `r0 = *(${size} *)skb[r${source} + ${immediate}]`;
      return null;
  }
}

function atomicText(
  size: string,
  destination: number,
  source: number,
  offset: number,
  immediate: number,
): string | null {
  const wide = size === 'u64' ? '64' : '';
  const place = `(${size} *)(r${destination} ${signed(offset)})`;
  if (immediate === CMPXCHG) return `r0 = atomic${wide}_cmpxchg(${place}, r0, r${source})`;
  if (immediate === XCHG) return `r${source} = atomic${wide}_xchg(${place}, r${source})`;
  if (immediate === LOAD_ACQUIRE)
    return `r${destination} = load_acquire((${size} *)(r${source} ${signed(offset)}))`;
  if (immediate === STORE_RELEASE) return `store_release(${place}, r${source})`;
  const operation = atomics[immediate & ~1];
  if (operation === undefined) return null;
  return immediate & 1
    ? `r${source} = atomic${wide}_fetch_${operation[1]}(${place}, r${source})`
    : `lock *${place} ${operation[0]} r${source}`;
}

const [GOTO, CALL, EXIT, MAY_GOTO] = [0, 8, 9, 14];

function jumpText(
  { index, code, destination, source, offset, immediate }: Fields,
  symbols: DisassemblySymbols,
): string {
  const wide = (code & 7) === classes.jmp;
  const operation = code >> 4;
  if (operation === EXIT && wide) return 'exit';
  if (operation === CALL && wide) {
    if (source === pseudoCall.function) {
      // After JIT compilation the immediate is the function's number and the offset its distance.
      const distance = offset || immediate;
      const name = symbols.function?.(index + 1 + distance);
      return `call pc${signed(distance)}${name === undefined ? '' : `#${name}`}`;
    }
    if (code & 8) return `callx r${destination}`;
    return `call ${symbols.call?.(immediate) ?? (source === pseudoCall.kernel ? 'kernel-function' : 'unknown')}#${immediate}`;
  }
  if (operation === GOTO) {
    if (code & 8) return `gotox r${destination}`;
    return wide ? `goto pc${signed(offset)}` : `gotol pc${signed(immediate)}`;
  }
  if (operation === MAY_GOTO) return `may_goto pc${signed(offset)}`;
  const sign = comparisons[operation];
  if (!sign) return `BUG_jmp_${code.toString(16).padStart(2, '0')}`;
  const register = (number: number): string => `${wide ? 'r' : 'w'}${number}`;
  const with_ = code & 8 ? register(source) : hex(immediate >>> 0);
  return `if ${register(destination)} ${sign} ${with_} goto pc${signed(offset)}`;
}

function jumpTarget({ index, code, source, offset, immediate }: Fields): number | null {
  const kind = code & 7;
  const operation = code >> 4;
  if ((kind !== classes.jmp && kind !== classes.jmp32) || operation === EXIT) return null;
  if (operation === CALL) return source === pseudoCall.function ? index + 1 + (offset || immediate) : null;
  if (operation === GOTO && code & 8) return null;
  return index + 1 + (operation === GOTO && kind === classes.jmp32 ? immediate : offset);
}
