/** Advice for the author of a refused program, by the verifier's message (kernel/bpf/verifier.c). */
const hints: readonly [RegExp, string][] = [
  [
    /invalid access to packet|outside of the packet/,
    'compare the packet pointer plus the size of the access with data_end, and read only if it is not beyond',
  ],
  [
    /(map_value|mem|sock|ptr)\w*_or_null/,
    'the pointer may be NULL: compare it with NULL before it is used, as after bpf_map_lookup_elem()',
  ],
  [
    /invalid mem access '(scalar|inv)'/,
    'a number is used as a pointer: packet pointers come from data and data_end, others from helpers',
  ],
  [/!read_ok/, 'the register is read before it is written: on some path a variable has no value'],
  [
    /unbounded|min value is negative|max value is outside/,
    'the verifier knows no bound for an offset or a size: compare it with a constant before it is used',
  ],
  [
    /back-edge|infinite loop|loop is not bounded/,
    'a loop must have a bound that the verifier can see: a constant, or bpf_loop()',
  ],
  [
    /too large|too many (states|instructions|jumps)|sequence of \d+ jumps/,
    'the program has too many paths: use fewer branches and shorter loops, or move parts into functions of their own',
  ],
  [
    /unknown func|program of this type cannot use helper|cannot call (kernel function|GPL)|helper access/,
    'traffic control programs may not call this helper, or not with this license',
  ],
  [
    /R0 .*should have been|At program exit the register R0/,
    'the program must return a verdict: a number on every path',
  ],
  [
    /[Uu]nreleased reference/,
    'a reference from a helper such as bpf_sk_lookup_tcp() must be released on every path',
  ],
  [
    /combined stack size|invalid.* stack|stack depth/,
    'the stack has 512 bytes, and may be read only where it was written',
  ],
  [/misaligned/, 'the access must be aligned to its size'],
  [/unreachable insn/, 'the program has instructions that no path reaches'],
  [
    /invalid bpf_context access/,
    'this field of __sk_buff does not exist for traffic control programs, or is read-only',
  ],
  [/invalid access to map value/, 'the access goes beyond the value: compare the index with its size'],
];

/** Returns advice for a message of the BPF verifier; null if the message is unknown. */
export const findVerifierHint = (message: string): string | null =>
  hints.find(([pattern]) => pattern.test(message))?.[1] ?? null;
