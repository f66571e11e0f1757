import type { KoffiFunc } from 'koffi';
import { ProblemError } from '../../contract/problem.ts';
import { errno, errnoName, strerror } from '../ffi/libc.ts';

/** The number of bpf(2), for what libbpf 1.1 cannot say. */
export const bpfSyscallNumber = process.arch === 'arm64' ? 280 : 321;

/** The kernel's answer to a BPF call: `errno` positive, its name in `reason`. */
export class BpfError extends ProblemError {
  readonly errno: number;
  readonly errnoName: string;
  constructor(tried: string, number: number, more: { hint?: string; code?: 'no_netkit' | 'no_tcx' } = {}) {
    const reason = errnoName(number);
    const hint = more.hint ?? (reason === 'EPERM' ? 'run the agent as root' : undefined);
    super(
      more.code ?? 'kernel_refused',
      `${tried}: ${strerror(number)} (${reason})`,
      hint === undefined ? {} : { hint },
    );
    this.name = 'BpfRefusal';
    this.errno = number;
    this.errnoName = reason;
  }
}

/** `answer` of a libbpf call, or its negative errno thrown. `tried` says what was tried on what. */
export function checkResult(tried: string, answer: number): number {
  if (answer < 0) throw new BpfError(tried, -answer);
  return answer;
}

/**
 * Runs a call on a pool thread, so that what waits for RTNL or the verifier does not stop the event loop.
 * Buffers among the arguments live until it has answered.
 */
export function callAsync<Arguments extends unknown[]>(
  call: KoffiFunc<(...args: Arguments) => number>,
  ...args: Arguments
): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown, answer: number): void => {
      if (error) reject(error);
      // A system call says −1 and errno, which is this thread's only inside the callback; libbpf says −errno.
      else resolve(answer === -1 ? -errno() || -1 : answer);
      void args;
    };
    (call.async as (...all: unknown[]) => void)(...args, done);
  });
}
