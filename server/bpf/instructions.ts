/**
 * Encoders of eBPF instructions, struct bpf_insn of <linux/bpf.h>: u8 code, 4 bits destination, 4 bits source, i16 offset,
 * i32 immediate. For programs of a few instructions, which need no compiler.
 */

type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;
const widths = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
type Width = keyof typeof widths;
/** BPF_PSEUDO_MAP_VALUE: the immediate is a map's descriptor, the next one an offset in its value. */
const pseudoMapValue = 2;

function encode(code: number, to: number, from: number, offset: number, immediate: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8((from << 4) | to, 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(immediate, 4);
  return bytes;
}

/** `rTO = value` */
export const setRegister = (to: Register, value: number): Buffer => encode(0xb7, to, 0, 0, value);
/** `rTO = rFROM` */
export const copyRegister = (to: Register, from: Register): Buffer => encode(0xbf, to, from, 0, 0);
/** `rTO += value` */
export const addToRegister = (to: Register, value: number): Buffer => encode(0x07, to, 0, 0, value);
/** `*(rTO + offset) = value` */
export const storeValue = (width: Width, to: Register, offset: number, value: number): Buffer =>
  encode(0x62 | widths[width], to, 0, offset, value);
/** `*(rTO + offset) = rFROM` */
export const storeRegister = (width: Width, to: Register, offset: number, from: Register): Buffer =>
  encode(0x63 | widths[width], to, from, offset, 0);
/** `rTO = address of the first value of an array map` */
export const loadMapValueAddress = (to: Register, mapFd: number): Buffer =>
  Buffer.concat([encode(0x18, to, pseudoMapValue, 0, mapFd), encode(0, 0, 0, 0, 0)]);
/** Calls a helper by its number, enum bpf_func_id. */
export const callHelper = (helper: number): Buffer => encode(0x85, 0, 0, 0, helper);
/** Skips `count` instructions if `rREGISTER == value`. */
export const skipIfEqual = (register: Register, value: number, count: number): Buffer =>
  encode(0x15, register, 0, count, value);
export const exitProgram = (): Buffer => encode(0x95, 0, 0, 0, 0);
