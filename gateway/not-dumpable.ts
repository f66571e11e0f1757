import koffi, { type KoffiFunc } from 'koffi';

/** PR_SET_DUMPABLE, <linux/prctl.h>. */
const PR_SET_DUMPABLE = 4;

/**
 * Makes this process one that others of its user can neither trace nor read: its memory, environment and descriptors in
 * /proc belong to root, and it leaves no core file. The setting ends with the next execve(2), so nobody can do it for us.
 * @throws Error if the kernel refuses
 */
export function makeProcessNotDumpable(): void {
  const libc = koffi.load('libc.so.6');
  const prctl: KoffiFunc<(option: number, a: number, b: number, c: number, d: number) => number> = libc.func(
    'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
  );
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) !== 0)
    throw new Error(`make the gateway not dumpable: errno ${koffi.errno()}`);
}
