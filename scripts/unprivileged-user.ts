import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Ids between those of Debian's system and people's accounts and the subordinate ones of useradd(8). */
const ownIds = { from: 65_600, to: 99_999 } as const;

export interface UnprivilegedUser {
  uid: number;
  gid: number;
  /** Path that an unrelated user cannot read, if another user was chosen for that reason. */
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

let chosenId: number | undefined;

/**
 * Returns the id of a user and group of the gateway's own, the same for the life of this process: no account, no group
 * and no other process has it, so that nothing else can open the agent's socket or touch the gateway. An account
 * `nobody` would be shared with other services.
 */
function chooseOwnId(): number {
  if (chosenId !== undefined) return chosenId;
  const taken = new Set(
    ['/etc/passwd', '/etc/group']
      .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/^[^:]*:[^:]*:(\d+)(?::(\d+))?/gm)])
      .flatMap(([, id, group]) => [Number(id), Number(group ?? id)]),
  );
  const maps = ['uid_map', 'gid_map'].map((name) => readFileSync(`/proc/self/${name}`, 'utf8'));
  const isMapped = (id: number): boolean =>
    maps.every((map) =>
      map
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/).map(Number))
        .some(([inside = 0, , length = 0]) => id >= inside && id < inside + length),
    );
  let id = randomInt(ownIds.from, ownIds.to + 1);
  // A user namespace may have fewer ids: then its highest ones.
  if (!isMapped(id)) for (id = 65_533; id > 1 && !isMapped(id); ) id -= 1;
  while (taken.has(id)) id -= 1;
  chosenId = id;
  return id;
}

/**
 * Chooses the user to run the gateway as: one of its own, where that can read the installation; else the installation's
 * owner, which reads it without the capabilities that root would need for other people's files. The group, to which the
 * agent's socket belongs, is its own in both cases.
 */
export function chooseUnprivilegedUser(root: string): UnprivilegedUser {
  const own = chooseOwnId();
  const user = { uid: own, gid: own };
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
  return { uid: statSync(root).uid, gid: own, because: tried.stdout.trim() || tried.stderr.trim() };
}
