import { ProblemError } from '../../contract/problem.ts';
import { errnoName } from '../ffi/libc.ts';

const shownLines = 12;

/**
 * The verifier's refusal as an error a person can read: the sentence first, then the instructions before it.
 * The log's form (kernel/bpf/verifier.c): instructions and states, the reason, then a line of statistics.
 * The whole log is the error's cause.
 */
export function verifierProblem(object: string, program: string, log: string, errno: number): ProblemError {
  const lines = log
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !/^(processed \d+ insns|verification time|stack depth)/.test(line));
  const reason = lines.at(-1) ?? 'it gave no reason';
  const before = lines.slice(-shownLines - 1, -1);
  return new ProblemError(
    'verifier_refused',
    [`load ${object}: the verifier refused ${program} (${errnoName(errno)}): ${reason}`, ...before].join(
      '\n  ',
    ),
    {
      hint: 'report it with the kernel’s release; the whole log is in the agent’s log',
      cause: new Error(log),
    },
  );
}
