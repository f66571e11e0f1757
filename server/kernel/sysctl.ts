import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';

/**
 * Reads a sysctl of the current network namespace or the one of `namespaceFd`.
 * @param path as in `net/ipv4/conf/pl0/rp_filter`, since interface names may contain dots
 * @throws ProblemError `kernel_refused`
 */
export const readSysctl = (path: string, namespaceFd?: number): string =>
  inNamespace(`read sysctl ${path}`, path, namespaceFd, (file) => readFileSync(file, 'latin1').trim());

/** Sets a sysctl of a network namespace. @throws ProblemError `kernel_refused` */
export const writeSysctl = (path: string, value: string | number, namespaceFd?: number): void =>
  // Without O_CREAT and O_TRUNC, which procfs files do not take.
  inNamespace(`set sysctl ${path} to ${value}`, path, namespaceFd, (file) =>
    writeFileSync(file, `${value}\n`, { flag: 'r+' }),
  );

function inNamespace<T>(
  operation: string,
  path: string,
  namespaceFd: number | undefined,
  act: (file: string) => T,
): T {
  if (!/^[\w-]+(\/[^/\0]+)*$/.test(path) || path.split('/').includes('..'))
    throw new ProblemError('unprocessable', `${operation}: not the path of a sysctl`);
  const file = join('/proc/sys', path);
  try {
    return namespaceFd === undefined ? act(file) : runInNetworkNamespace(namespaceFd, () => act(file));
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new ProblemError('kernel_refused', `${operation}: ${reason}`, { cause });
  }
}
