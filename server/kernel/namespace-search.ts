import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ioctl } from '../ffi/libc.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';
import { openNetlinkDescriptor } from '../netlink/transport.ts';
import { openNetworkNamespace } from './netns.ts';

/** Maximum number of processes whose namespace a search reads. */
const maxProcesses = 65_536;
/**
 * The result of a search is used again for at least this time, and for many times what the search took: a node that
 * drains loses many pods at once, and may have thousands of processes.
 */
const minReuseMs = 100;
const reuseFactor = 20;
/** Maximum number of paths that a search keeps for one namespace. */
const maxPaths = 4;
/** SIOCGIFNAME, <linux/sockios.h>, and the size of its argument, struct ifreq of <linux/if.h>. */
const SIOCGIFNAME = 0x8910;
const ifreq = { bytes: 40, ifr_ifindex: 16 } as const;

let last: { until: number; paths: Map<bigint, string[]> } | null = null;

/**
 * Finds paths at which a network namespace can be opened other than the known one: where it is mounted, and as
 * `/proc/PID/ns/net` of a process in it. The caller checks what it opens, since a process may end in between, and since
 * the kernel reuses the inode number of a namespace that is gone. Bounded to 65,536 processes of the own PID namespace.
 * @param inode as in `net:[4026531840]`
 */
export function findNamespacePaths(inode: bigint): readonly string[] {
  const start = performance.now();
  if (last === null || start > last.until) {
    const paths = searchNamespaces();
    const end = performance.now();
    last = { until: end + Math.max(minReuseMs, reuseFactor * (end - start)), paths };
  }
  return last.paths.get(inode) ?? [];
}

function searchNamespaces(): Map<bigint, string[]> {
  const found = new Map<bigint, string[]>();
  const add = (inode: string, path: string): void => {
    const paths = found.get(BigInt(inode)) ?? [];
    if (paths.length < maxPaths) found.set(BigInt(inode), [...paths, path]);
  };
  for (const { inode, path } of listMountedNamespaces(readFileSync('/proc/self/mountinfo', 'utf8')))
    add(inode, path);
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of processes.slice(0, maxProcesses)) {
    const inode = /^net:\[(\d+)\]$/.exec(readNamespaceLink(pid))?.[1];
    if (inode !== undefined) add(inode, `/proc/${pid}/ns/net`);
  }
  return found;
}

/**
 * Lists the network namespaces mounted in the agent's mount namespace: field 4 is `net:[INODE]`, field 5 where
 * (proc(5)).
 */
export function listMountedNamespaces(mountinfo: string): { inode: string; path: string }[] {
  return Array.from(
    mountinfo.matchAll(/^\d+ \d+ \d+:\d+ net:\[(\d+)\] (\S+) /gm),
    ([, inode = '', path = '']) => ({
      inode,
      // Blanks and backslashes of a path are written in octal.
      path: path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    }),
  );
}

/**
 * Reads where a process's namespace link points; empty if it ended, is a zombie or belongs to another user namespace.
 */
function readNamespaceLink(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return '';
  }
}

/** Finds paths of network namespaces that have an interface of this index, one path for each namespace. */
export function findNamespacesWithInterface(ifindex: number): string[] {
  return [...searchNamespaces().values()].flatMap((paths) => {
    const found = paths.find((path) => {
      try {
        using namespace = openNetworkNamespace(path);
        return namespaceHasInterface(namespace.fd, ifindex);
      } catch {
        // It ended in the meantime.
        return false;
      }
    });
    return found === undefined ? [] : [found];
  });
}

/** Returns true if a network namespace has an interface of this index. */
export function namespaceHasInterface(namespaceFd: number, ifindex: number): boolean {
  const socket = runInNetworkNamespace(namespaceFd, () => openNetlinkDescriptor());
  try {
    const argument = Buffer.alloc(ifreq.bytes);
    argument.writeInt32LE(ifindex, ifreq.ifr_ifindex);
    return ioctl(socket, SIOCGIFNAME, argument) === 0;
  } finally {
    closeSync(socket);
  }
}
