import type {
  Attachment,
  BpfDevice,
  BpfObjectHolder,
  NamespaceReference,
} from '../../../contract/program.ts';
import { type BpfObjectKind, listObjectIds } from '../../bpf/kernel-object.ts';
import { type LinkInfo, linkInfoById } from '../../bpf/link-info.ts';
import { programInfoById } from '../../bpf/program-info.ts';
import { programTypeName } from '../../bpf/type-names.ts';
import { scanCgroupAttachments } from './cgroup-attachments.ts';
import { resolveLinkTargets } from './link-targets.ts';
import { scanMapAttachments } from './map-attachments.ts';
import { openNamespaces, scanNamespaceAttachments } from './namespace-attachments.ts';
import { listPinnedObjects } from './pinned-objects.ts';
import { scanProcesses } from './process-descriptors.ts';

/** A network namespace to scan. */
export interface ScannedNamespace {
  path: string;
  ref: NamespaceReference;
}

export interface NodeScanRequest {
  /** Namespaces of the host and the pods. Namespaces of other processes are found by the scan. */
  namespaces: ScannedNamespace[];
}

export type ProgramAttachment = Attachment & { programId: number };

export interface ScannedLink {
  link: LinkInfo;
  target: string;
  device: BpfDevice | null;
}

type Kind = Exclude<BpfObjectKind, 'btf'>;

/** Attachments, links, pins and holders of BPF objects on the node at one moment. */
export interface NodeScan {
  attachments: ProgramAttachment[];
  links: ScannedLink[];
  pins: { kind: Kind; id: number; path: string }[];
  holders: ({ kind: Kind; id: number } & BpfObjectHolder)[];
  /** What could not be scanned, and why. */
  unread: string[];
}

/** Searches everything that a program may be attached to. It blocks repeatedly, so it runs in a worker thread. */
export async function scanNode({ namespaces: known }: NodeScanRequest): Promise<NodeScan> {
  const unread: string[] = [];
  const links = listObjectIds('link').flatMap((id) => linkInfoById(id) ?? []);
  const types = new Set(
    listObjectIds('program').flatMap((id) => programTypeName(programInfoById(id)?.type ?? 0)),
  );
  const found = scanProcesses(unread);
  const attachments: ProgramAttachment[] = [...found.perfEvents];
  const namespaces = openNamespaces(known, found.namespaces, unread);
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
  const targets = resolveLinkTargets(links, attachments, cgroups.paths, namespaces);
  attachments.push(...targets.attachments);
  return {
    attachments,
    links: targets.links,
    pins: listPinnedObjects(unread),
    holders: found.holders,
    unread,
  };
}
