import { ProblemError } from '../../contract/problem.ts';
import { errnoName, strerror } from '../ffi/libc.ts';

interface BpfErrorOptions {
  hint?: string;
  code?: 'no_netkit' | 'no_tcx';
}

/** Error of a BPF system call, with the attempted operation, the errno as a positive number, and the errno's name. */
export class BpfError extends ProblemError {
  readonly operation: string;
  readonly errno: number;
  readonly errnoName: string;

  constructor(operation: string, errno: number, { hint, code }: BpfErrorOptions = {}) {
    const name = errnoName(errno);
    const advice = hint ?? (name === 'EPERM' ? 'run the agent as root' : undefined);
    super(
      code ?? 'kernel_refused',
      `${operation}: ${strerror(errno)} (${name})`,
      advice === undefined ? {} : { hint: advice },
    );
    this.name = 'BpfError';
    this.operation = operation;
    this.errno = errno;
    this.errnoName = name;
  }

  /** Returns a copy of the error with a hint, or the error itself if there is no hint. */
  withHint(hint: string | undefined): BpfError {
    return hint === undefined ? this : new BpfError(this.operation, this.errno, { hint });
  }
}

/**
 * Returns the result of a libbpf call unless it is a negative errno.
 * @param operation begins the error's sentence, as in `pin /sys/fs/bpf/podlane/links/3`
 * @throws BpfError
 */
export function checkBpfResult(operation: string, result: number): number {
  if (result < 0) throw new BpfError(operation, -result);
  return result;
}

/** True if a libbpf call failed with one of the named errnos; libbpf returns them as negative numbers. */
export const failedWithErrno = (result: number, ...names: string[]): boolean =>
  result < 0 && names.includes(errnoName(-result));
