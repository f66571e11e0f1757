import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename } from 'node:path';

/** A process that has a socket open. */
export interface SocketOwner {
  pid: number;
  /** Program name from the command line, since a process may change its /proc/PID/comm. */
  name: string;
}

/**
 * Finds the first process of a network namespace that has each of these sockets open. It reads /proc, but no descriptors
 * of processes in other namespaces; a process that ends meanwhile is not found.
 * @param inodes as in `socket:[4711]` of /proc/PID/fd
 */
export async function findSocketOwners(
  netnsInode: bigint,
  inodes: ReadonlySet<number>,
): Promise<Map<number, SocketOwner>> {
  const owners = new Map<number, SocketOwner>();
  for (const name of await readdir('/proc')) {
    if (owners.size === inodes.size) break;
    if (!/^\d+$/.test(name)) continue;
    try {
      if ((await stat(`/proc/${name}/ns/net`, { bigint: true })).ino !== netnsInode) continue;
      for (const inode of await socketsOf(name))
        if (inodes.has(inode) && !owners.has(inode))
          owners.set(inode, { pid: Number(name), name: await programOf(name) });
    } catch {
      // The process has ended.
    }
  }
  return owners;
}

async function programOf(pid: string): Promise<string> {
  const [program = ''] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
  return basename(program) || (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
}

async function socketsOf(pid: string): Promise<number[]> {
  const found: number[] = [];
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) found.push(Number(inode));
  }
  return found;
}
