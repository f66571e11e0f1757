import { readFileSync } from 'node:fs';

/** Names by the immediate of a call; the kernel's functions stay where they are until it is booted again. */
const known = new Map<number, string>();

/**
 * Returns the names of the kernel functions that calls lead to, by the immediates of the calls. An immediate is the
 * distance from __bpf_call_base; addresses are from /proc/kallsyms. Empty if the kernel hides addresses as zeros.
 */
export function findKernelFunctionNames(immediates: Iterable<number>): Map<number, string> {
  const wanted = new Set(immediates);
  const missing = [...wanted].filter((immediate) => !known.has(immediate));
  if (missing.length > 0) readNames(missing);
  return new Map(
    [...wanted].flatMap((immediate) => {
      const name = known.get(immediate);
      return name === undefined ? [] : [[immediate, name] as const];
    }),
  );
}

function readNames(immediates: readonly number[]): void {
  // Megabytes of lines `address type name`: searched as bytes, without splitting.
  const symbols = readFileSync('/proc/kallsyms');
  const base = addressBefore(symbols, symbols.indexOf(' __bpf_call_base\n'));
  if (base === 0n) return;
  for (const immediate of immediates) {
    const address = BigInt.asUintN(64, base + BigInt(immediate));
    const at = symbols.indexOf(`${address.toString(16).padStart(16, '0')} `);
    const line = at === -1 ? '' : symbols.toString('latin1', at, at + 256);
    const [, name] = /^\w+ \w (\S+)/.exec(line) ?? [];
    if (name !== undefined) known.set(immediate, name);
  }
}

/** Returns the address in the address list at this offset; 0 if there is none or the kernel hides it. */
function addressBefore(symbols: Buffer, at: number): bigint {
  if (at === -1) return 0n;
  const start = symbols.lastIndexOf('\n', at) + 1;
  return BigInt(`0x${symbols.toString('latin1', start, start + 16)}`);
}

/** Lists the immediates of the calls of helpers and kernel functions among instructions, not those of subprograms. */
export function listCallImmediates(instructions: Buffer): Set<number> {
  const immediates = new Set<number>();
  for (let at = 0; at + 8 <= instructions.length; at += 8)
    // BPF_JMP | BPF_CALL, whose source register tells what is called.
    if (instructions[at] === 0x85 && instructions.readUInt8(at + 1) >> 4 !== 1)
      immediates.add(instructions.readInt32LE(at + 4));
  return immediates;
}
