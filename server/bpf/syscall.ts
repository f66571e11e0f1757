import type { KoffiFunc } from 'koffi';
import { errno } from '../ffi/libc.ts';

/** System call number of bpf(2), for commands and fields that libbpf 1.1 lacks. */
export const bpfSyscallNumber = process.arch === 'arm64' ? 280 : 321;

/**
 * Runs a call on a pool thread, so that waiting for RTNL or the verifier does not block the event loop. It keeps the
 * buffers among the arguments alive.
 * @returns the call's result; of a system call that failed, the negative errno
 */
export function callForeignAsync<Arguments extends unknown[]>(
  call: KoffiFunc<(...args: Arguments) => number>,
  ...args: Arguments
): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown, result: number): void => {
      if (error) reject(error);
      // A system call returns -1 with errno, which is this thread's only inside the callback; libbpf returns -errno.
      else resolve(result === -1 ? -errno() || -1 : result);
      void args;
    };
    (call.async as (...all: unknown[]) => void)(...args, done);
  });
}
