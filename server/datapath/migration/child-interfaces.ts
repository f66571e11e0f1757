import { readdir, stat } from 'node:fs/promises';
import type { MigrationItem } from '../../../contract/migration.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { namedNetnsDirectory, openCurrentNamespace, openNetworkNamespace } from '../../kernel/netns.ts';
import { listLinks } from '../../netlink/link.ts';
import { getNamespaceId } from '../../netlink/namespace-id.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import type { DeviceState } from '../network-state/end-state.ts';
import { createMigrationItem } from './plan-items.ts';

/** Maximum number of network namespaces in which interfaces on top of the pod's are looked for. */
const maxNamespaces = 4096;

/** One end of a device: its interface, and the namespace that it is in. */
interface ParentEnd {
  end: MigrationItem['end'];
  ifindex: number;
  otherIfindex: number;
  namespaceFd: number;
}

/** An interface that is on top of another one, which may be in another namespace. */
interface UpperInterface {
  name: string;
  kind: string | null;
  ifindex: number;
  lower: number;
  /** Number of the lower interface's namespace; null for the interface's own. */
  lowerNamespaceId: number | null;
  path: string;
  inode: bigint;
}

/** Milliseconds for which a scan of all namespaces is used again: a batch plans many pods at once. */
const scanAgeMs = 1000;
let lastScan: { time: number; result: Promise<UpperInterface[]> } | null = null;

/**
 * Finds the interfaces on top of a pod's device in every network namespace: macvlan, ipvlan, VLAN, and tunnels that
 * are bound to it. They cannot be moved to another device (IFLA_LINK cannot be changed), and would be deleted with the
 * old one, so each refuses the migration.
 */
export async function findChildInterfaces(
  state: DeviceState,
  podNamespaceFd: number,
): Promise<MigrationItem[]> {
  using host = openCurrentNamespace();
  const ends: ParentEnd[] = [
    { end: 'pod', ifindex: state.pod.ifindex, otherIfindex: state.host.ifindex, namespaceFd: podNamespaceFd },
    { end: 'host', ifindex: state.host.ifindex, otherIfindex: state.pod.ifindex, namespaceFd: host.fd },
  ];
  const found: MigrationItem[] = [];
  for (const upper of await scanNamespaces())
    for (const parent of ends)
      if (
        upper.lower === parent.ifindex &&
        upper.ifindex !== parent.otherIfindex &&
        (await isIn(upper, parent))
      )
        found.push(
          createMigrationItem(
            parent.end,
            'child interface',
            upper.name,
            `${upper.kind ?? 'interface'} ${upper.name} in ${upper.path}`,
            'refused',
            'the kernel would delete it with the old device; delete it, or migrate when it is gone',
          ),
        );
  return found;
}

/** Lists the interfaces on top of others in all namespaces. */
function scanNamespaces(): Promise<UpperInterface[]> {
  const now = performance.now();
  if (lastScan && now - lastScan.time < scanAgeMs) return lastScan.result;
  lastScan = { time: now, result: scan() };
  return lastScan.result;
}

async function scan(): Promise<UpperInterface[]> {
  const paths = await listNamespacePaths();
  if (paths.length > maxNamespaces)
    throw new ProblemError(
      'too_many',
      `look for interfaces on top of a pod's device in ${paths.length} network namespaces, at most ${maxNamespaces}`,
    );
  const found: UpperInterface[] = [];
  for (const path of paths) {
    try {
      using namespace = openNetworkNamespace(path);
      using socket = NetlinkSocket.inNamespace(namespace.fd);
      for (const { name, kind, ifindex, peerIfindex, peerNamespaceId } of await listLinks(socket))
        if (peerIfindex !== null && peerIfindex !== 0 && kind !== 'veth' && kind !== 'netkit')
          found.push({
            name,
            kind,
            ifindex,
            lower: peerIfindex,
            lowerNamespaceId: peerNamespaceId,
            path,
            inode: namespace.inode,
          });
    } catch {
      // The namespace has ended meanwhile.
    }
  }
  return found;
}

/** Tells whether the lower interface is in the parent's namespace. */
async function isIn(
  { lowerNamespaceId, path, inode }: UpperInterface,
  { namespaceFd }: ParentEnd,
): Promise<boolean> {
  if (lowerNamespaceId === null) {
    const parent = await stat(`/proc/self/fd/${namespaceFd}`, { bigint: true });
    return parent.ino === inode;
  }
  try {
    using socket = NetlinkSocket.inNamespace(path);
    return (await getNamespaceId(socket, namespaceFd)) === lowerNamespaceId;
  } catch {
    return false; // the namespace has ended meanwhile
  }
}

/** Lists one path for each network namespace that has a name or a process. */
async function listNamespacePaths(): Promise<string[]> {
  const found = new Map<bigint, string>();
  const named = await readdir(namedNetnsDirectory).catch(() => []);
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const path of [
    ...named.map((name) => `${namedNetnsDirectory}/${name}`),
    ...processes.map((pid) => `/proc/${pid}/ns/net`),
  ]) {
    const inode = await stat(path, { bigint: true }).then(
      ({ ino }) => ino,
      () => null,
    );
    if (inode !== null && !found.has(inode)) found.set(inode, path);
  }
  return [...found.values()];
}
