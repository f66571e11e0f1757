import { closeSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupAttachTypes } from '../../bpf/bpf-type-names.ts';
import { queryHookProgramsSync } from '../../bpf/hook-query.ts';
import type { BpfLinkInfo } from '../../bpf/link-info.ts';
import { createProgramAttachment } from './attachment.ts';
import type { ProgramAttachment } from './node-scan.ts';
import { findMountPoints } from './pinned-objects.ts';

const mostCgroups = 5_000;
const programTypes = [
  'cgroup_skb',
  'cgroup_sock',
  'cgroup_device',
  'cgroup_sock_addr',
  'cgroup_sysctl',
  'cgroup_sockopt',
  'sock_ops',
  'lsm',
];

/**
 * Finds the programs attached directly to each cgroup, in order; programs of parent cgroups run too but are not
 * repeated. Searches only if programs of cgroup types are loaded.
 * @returns the attachments, and the cgroups' paths by id, which is the inode of the cgroup's directory
 */
export function scanCgroupAttachments(
  links: readonly BpfLinkInfo[],
  types: ReadonlySet<string>,
  unread: string[],
): { attachments: ProgramAttachment[]; paths: Map<bigint, string> } {
  const attachments: ProgramAttachment[] = [];
  const paths = new Map<bigint, string>();
  if (!programTypes.some((type) => types.has(type))) return { attachments, paths };
  const [root] = findMountPoints('cgroup2');
  if (root === undefined) {
    unread.push('cgroups: no cgroup2 file system is mounted here');
    return { attachments, paths };
  }
  const waiting = [root];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (paths.size >= mostCgroups) {
      unread.push(`cgroups beyond the first ${mostCgroups}`);
      break;
    }
    try {
      const fd = openSync(path, 'r');
      try {
        const id = fstatSync(fd, { bigint: true }).ino;
        const name = path.slice(root.length) || '/';
        paths.set(id, name);
        attachments.push(...programsOf(fd, id, name, links));
      } finally {
        closeSync(fd);
      }
      for (const entry of readdirSync(path, { withFileTypes: true }))
        if (entry.isDirectory()) waiting.push(join(path, entry.name));
    } catch {
      // The cgroup was removed.
    }
  }
  return { attachments, paths };
}

function programsOf(
  fd: number,
  id: bigint,
  name: string,
  links: readonly BpfLinkInfo[],
): ProgramAttachment[] {
  return cgroupAttachTypes.flatMap(({ type, name: hook }) => {
    const entries = queryHookProgramsSync(fd, type);
    return entries.map(({ programId, linkId }, position) =>
      createProgramAttachment(programId, {
        kind: 'cgroup',
        hook,
        target: name,
        position,
        of: entries.length,
        // Kernels before 6.17 do not report the link here.
        linkId: linkId ?? linkOf(links, id, hook, programId),
      }),
    );
  });
}

const linkOf = (links: readonly BpfLinkInfo[], id: bigint, hook: string, programId: number): number | null =>
  links.find(
    (link) =>
      link.at.kind === 'cgroup' &&
      link.at.id === id &&
      link.attachType === hook &&
      link.programId === programId,
  )?.id ?? null;
