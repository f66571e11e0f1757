import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BpfDevice, NamespaceReference } from '../../../contract/program.ts';
import { queryHookProgramsSync } from '../../bpf/hook-query.ts';
import type { BpfLinkInfo } from '../../bpf/link-info.ts';
import { type NetworkNamespace, namedNetnsDirectory, openNetworkNamespace } from '../../kernel/netns.ts';
import { listIngressQdiscs } from '../../netlink/clsact.ts';
import { type LinkWithXdp, listLinksWithXdp } from '../../netlink/link-xdp.ts';
import { runInNetworkNamespace } from '../../netlink/setns.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { listTcBpfFilters } from '../../netlink/tc-filter.ts';
import { createProgramAttachment } from './attachment.ts';
import type { ProgramAttachment, ScannedNamespace } from './node-scan.ts';

/** Maximum number of scanned network namespaces other than those of the host and the pods. */
const mostOthers = 256;

/** A network namespace that exists, found by its inode without opening it. */
export interface FoundNamespace extends ScannedNamespace {
  inode: bigint;
}

export interface OpenScannedNamespace extends NetworkNamespace, ScannedNamespace {}

/** Finds each network namespace once, without those that no longer exist. */
export function findScannedNamespaces(
  known: readonly ScannedNamespace[],
  ofProcesses: ReadonlyMap<bigint, string>,
  unread: string[],
): FoundNamespace[] {
  const found: FoundNamespace[] = [];
  const seen = new Set<string>();
  const add = (path: string, ref: NamespaceReference | null): void => {
    try {
      const { dev, ino } = statSync(path, { bigint: true });
      if (seen.has(`${dev} ${ino}`)) return;
      seen.add(`${dev} ${ino}`);
      const unknown = { inode: String(ino), host: false, pod: null, name: null };
      found.push({ path, ref: ref ?? unknown, inode: ino });
    } catch {
      // The namespace was removed.
    }
  };
  for (const { path, ref } of known) add(path, ref);
  const inodes = new Set(found.map(({ inode }) => inode));
  const others = [...ofProcesses].filter(([inode]) => !inodes.has(inode)).map(([, path]) => path);
  others.push(...namedNamespaces());
  for (const path of others.slice(0, mostOthers)) add(path, null);
  if (others.length > mostOthers)
    unread.push(
      `${others.length - mostOthers} network namespaces besides those of the host and the pods: the limit is ${mostOthers}`,
    );
  return found;
}

/** Opens a namespace that was found; null if it no longer exists, or another one is at its path. */
export function openScannedNamespace({ path, ref, inode }: FoundNamespace): OpenScannedNamespace | null {
  try {
    const namespace = openNetworkNamespace(path);
    if (namespace.inode === inode) return Object.assign(namespace, { path, ref });
    namespace.close();
  } catch {
    // It was removed, or is no network namespace.
  }
  return null;
}

function namedNamespaces(): string[] {
  try {
    return readdirSync(namedNetnsDirectory).map((name) => join(namedNetnsDirectory, name));
  } catch {
    return [];
  }
}

/** Values of enum bpf_attach_type for the hooks of devices and of network namespaces, <linux/bpf.h>. */
const tcxTypes = { 'tcx/ingress': 46, 'tcx/egress': 47 } as const;
const netkitTypes = { 'netkit/primary': 54, 'netkit/peer': 55 } as const;
const netnsTypes = { flow_dissector: 17, sk_lookup: 36 } as const;

/** Finds the programs attached to a network namespace and to its devices, in execution order. */
export async function scanNamespaceAttachments(
  namespace: OpenScannedNamespace,
  links: readonly BpfLinkInfo[],
  types: ReadonlySet<string>,
): Promise<ProgramAttachment[]> {
  const found: ProgramAttachment[] = [];
  if (types.has('flow_dissector') || types.has('sk_lookup'))
    for (const [hook, type] of Object.entries(netnsTypes))
      found.push(
        ...ordered(queryHookProgramsSync(namespace.fd, type), (programId, rest) =>
          createProgramAttachment(programId, {
            kind: 'netns',
            hook,
            target: formatNamespaceReference(namespace.ref),
            ...rest,
          }),
        ),
      );
  // No other program type is attached to devices.
  if (!types.has('sched_cls') && !types.has('xdp')) return found;
  using socket = NetlinkSocket.inNamespace(namespace.fd, 'route', { blocking: true });
  const devices = await listLinksWithXdp(socket);
  for (const device of devices) found.push(...xdpAttachments(device, deviceIn(namespace, device), links));
  if (!types.has('sched_cls')) return found;
  runInNetworkNamespace(namespace.fd, () => {
    for (const device of devices)
      for (const [hook, type] of hooksOf(device))
        found.push(
          ...ordered(queryHookProgramsSync(device.ifindex, type), (programId, rest) =>
            createProgramAttachment(programId, {
              kind: hook.startsWith('netkit') ? 'netkit' : 'tcx',
              hook,
              target: device.name,
              device: deviceIn(namespace, device),
              ...rest,
            }),
          ),
        );
  });
  for (const [ifindex, qdisc] of await listIngressQdiscs(socket)) {
    const device = devices.find((each) => each.ifindex === ifindex);
    if (device) found.push(...(await filterAttachments(socket, device, deviceIn(namespace, device), qdisc)));
  }
  return found;
}

const hooksOf = ({ kind }: LinkWithXdp): [hook: string, type: number][] =>
  Object.entries(kind === 'netkit' ? { ...netkitTypes, ...tcxTypes } : tcxTypes);

const deviceIn = ({ ref }: OpenScannedNamespace, { ifindex, name }: LinkWithXdp): BpfDevice => ({
  ifindex,
  name,
  namespace: ref,
});

export const formatNamespaceReference = (ref: NamespaceReference): string =>
  ref.name === null ? `network namespace ${ref.inode}` : `network namespace of ${ref.name}`;

const ordered = (
  entries: { programId: number; linkId: number | null }[],
  place: (
    programId: number,
    order: { position: number; of: number; linkId: number | null },
  ) => ProgramAttachment,
): ProgramAttachment[] =>
  entries.map(({ programId, linkId }, position) =>
    place(programId, { position, of: entries.length, linkId }),
  );

/**
 * Returns the XDP programs of a device, one per mode. Netlink reports no link id, so links are matched by device and
 * program.
 */
const xdpAttachments = (
  link: LinkWithXdp,
  device: BpfDevice,
  links: readonly BpfLinkInfo[],
): ProgramAttachment[] =>
  link.xdp.map(({ mode, programId }) =>
    createProgramAttachment(programId, {
      kind: 'xdp',
      hook: `xdp/${mode}`,
      target: link.name,
      device,
      position: 0,
      of: 1,
      linkId:
        links.find(
          ({ type, at, programId: of }) =>
            type === 'xdp' && of === programId && at.kind === 'device' && at.ifindex === link.ifindex,
        )?.id ?? null,
    }),
  );

async function filterAttachments(
  socket: NetlinkSocket,
  { ifindex, name }: LinkWithXdp,
  device: BpfDevice,
  qdisc: 'clsact' | 'ingress',
): Promise<ProgramAttachment[]> {
  const hooks = qdisc === 'clsact' ? (['tc/ingress', 'tc/egress'] as const) : (['tc/ingress'] as const);
  const found: ProgramAttachment[] = [];
  for (const hook of hooks) {
    const filters = await listTcBpfFilters(socket, ifindex, hook);
    for (const [position, { programId, priority }] of filters.entries())
      if (programId !== null)
        found.push(
          createProgramAttachment(programId, {
            kind: 'tc',
            hook,
            target: name,
            device,
            position,
            of: filters.length,
            priority,
          }),
        );
  }
  return found;
}
