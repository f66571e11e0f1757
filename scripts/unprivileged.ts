import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

/** User and group id of `nobody` and `nogroup` on Debian. */
const nobody = 65534;

export interface UnprivilegedUser {
  uid: number;
  gid: number;
  /** Path that `nobody` cannot read, if another user was chosen for that reason. */
  because: string | null;
}

/** Returns setpriv(1) arguments that drop all capabilities for good; without root, the user stays the same. */
export function dropPrivilegesArguments({ uid, gid }: { uid: number; gid: number }): string[] {
  if (process.getuid?.() !== 0) return ['--no-new-privs'];
  return [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--bounding-set=-all',
    '--no-new-privs',
  ];
}

/**
 * The user to run the gateway as: nobody, where nobody can read the installation; else the installation's owner,
 * which reads it without the capabilities that root would need for other people's files.
 */
export function chooseUnprivilegedUser(root: string): UnprivilegedUser {
  const user = { uid: nobody, gid: nobody };
  const files = [
    process.execPath,
    'gateway/main.ts',
    'contract/problem.ts',
    'node_modules/next/package.json',
  ];
  const script = 'for file do test -r "$file" || { echo "$file"; exit 1; }; done';
  const paths = [...files, '.next'].map((file) => (file.startsWith('/') ? file : join(root, file)));
  const tried = spawnSync('setpriv', [...dropPrivilegesArguments(user), 'sh', '-c', script, 'sh', ...paths], {
    encoding: 'utf8',
  });
  if (tried.error !== undefined)
    throw new Error(`setpriv: ${tried.error.message}. Install the package util-linux.`);
  if (tried.status === 0) return { ...user, because: null };
  const { uid, gid } = statSync(root);
  return { uid, gid, because: tried.stdout.trim() || tried.stderr.trim() };
}
