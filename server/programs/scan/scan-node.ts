import { listBpfObjectIds } from '../../bpf/bpf-object-info.ts';
import { programTypeName } from '../../bpf/bpf-type-names.ts';
import { readBpfLinkInfoById } from '../../bpf/link-info.ts';
import { readBpfProgramInfoById } from '../../bpf/program-info.ts';
import { scanCgroupAttachments } from './cgroup-attachments.ts';
import { resolveBpfLinkTargets } from './link-targets.ts';
import { scanMapAttachments } from './map-attachments.ts';
import { openScannedNamespaces, scanNamespaceAttachments } from './namespace-attachments.ts';
import type { NodeScan, NodeScanRequest, ProgramAttachment } from './node-scan.ts';
import { listPinnedObjects } from './pinned-objects.ts';
import { scanProcesses } from './process-descriptors.ts';

/** Scans everything that a BPF program can be attached to. Runs in a worker thread because it blocks repeatedly. */
export async function scanNode({ namespaces: known }: NodeScanRequest): Promise<NodeScan> {
  const unread: string[] = [];
  const links = listBpfObjectIds('link').flatMap((id) => readBpfLinkInfoById(id) ?? []);
  const types = new Set(
    listBpfObjectIds('program').flatMap((id) => programTypeName(readBpfProgramInfoById(id)?.type ?? 0)),
  );
  const found = scanProcesses(unread);
  const attachments: ProgramAttachment[] = [...found.perfEvents];
  const namespaces = openScannedNamespaces(known, found.namespaces, unread);
  try {
    for (const namespace of namespaces)
      try {
        attachments.push(...(await scanNamespaceAttachments(namespace, links, types)));
      } catch (error) {
        unread.push(`network namespace ${namespace.path}: ${(error as Error).message}`);
      }
  } finally {
    for (const namespace of namespaces) namespace.close();
  }
  const cgroups = scanCgroupAttachments(links, types, unread);
  attachments.push(...cgroups.attachments, ...scanMapAttachments(types));
  const targets = resolveBpfLinkTargets(links, attachments, cgroups.paths, namespaces);
  attachments.push(...targets.attachments);
  return {
    attachments,
    links: targets.links,
    pins: listPinnedObjects(unread),
    holders: found.holders,
    unread,
  };
}
