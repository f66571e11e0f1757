import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** Runs a program, its complaints on the terminal. */
export const run = (command: string, ...args: string[]): void => {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
};

/** Calls `act` with a descriptor of the namespace at this path. */
export function within<T>(namespace: string, act: (fd: number) => T): T {
  const fd = openSync(namespace, 'r');
  try {
    return act(fd);
  } finally {
    closeSync(fd);
  }
}
