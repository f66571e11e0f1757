/** What the verifier's complaints (kernel/bpf/verifier.c) mean for whoever wrote the program. */
const meanings: readonly [RegExp, string][] = [
  [
    /invalid access to packet|outside of the packet/,
    'compare the packet pointer plus the size of the access with data_end, and read only where it is not beyond',
  ],
  [
    /(map_value|mem|sock|ptr)\w*_or_null/,
    'the pointer may be NULL: compare it with NULL before it is used, as after bpf_map_lookup_elem()',
  ],
  [
    /invalid mem access '(scalar|inv)'/,
    'a number is used as a pointer: pointers of the packet come from data and data_end, others from helpers',
  ],
  [/!read_ok/, 'the register is read before the program has written it: a path gives a variable no value'],
  [
    /unbounded|min value is negative|max value is outside/,
    'the verifier knows no bound of an offset or a size: compare it with a constant before it is used',
  ],
  [
    /back-edge|infinite loop|loop is not bounded/,
    'a loop must have a bound that the verifier can see: a constant, or bpf_loop()',
  ],
  [
    /too large|too many (states|instructions|jumps)|sequence of \d+ jumps/,
    'there are too many ways through the program: fewer branches and shorter loops, or parts in functions of their own',
  ],
  [
    /unknown func|program of this type cannot use helper|cannot call (kernel function|GPL)|helper access/,
    'programs of traffic control may not call this helper, or not with this licence',
  ],
  [
    /R0 .*should have been|At program exit the register R0/,
    'the program must return a verdict: a number on every path',
  ],
  [
    /[Uu]nreleased reference/,
    'what a helper gave out, as bpf_sk_lookup_tcp(), must be released on every path',
  ],
  [
    /combined stack size|invalid.* stack|stack depth/,
    'the stack has 512 bytes, and is read only where it was written',
  ],
  [/misaligned/, 'the access must be aligned to its size'],
  [/unreachable insn/, 'the program has instructions that no path leads to'],
  [
    /invalid bpf_context access/,
    'this field of __sk_buff does not exist for traffic control, or cannot be written',
  ],
  [/invalid access to map value/, 'the access goes beyond the value: compare the index with its size'],
];

/** The meaning of a complaint, as a sentence that says what to do; null for one that is not known here. */
export const verifierHint = (message: string): string | null =>
  meanings.find(([pattern]) => pattern.test(message))?.[1] ?? null;
