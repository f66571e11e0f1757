import { type Problem, type ProblemCode, ProblemError } from '../../contract/problem.ts';
import { NetlinkError } from '../netlink/netlink-error.ts';

/** Converts any error to a ProblemError. A NetlinkError becomes `kernel_refused` and keeps its message and hint. */
export function wrapAsProblemError(error: unknown, otherwise: ProblemCode = 'internal'): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof NetlinkError)
    return new ProblemError('kernel_refused', error.message, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  return new ProblemError(otherwise, error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

export const toMigrationProblem = (error: unknown): Problem =>
  wrapAsProblemError(error, 'migration_failed').toProblem();
