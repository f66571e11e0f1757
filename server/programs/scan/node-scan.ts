import type {
  Attachment,
  BpfDevice,
  BpfObjectHolder,
  NamespaceReference,
} from '../../../contract/program.ts';
import type { BpfObjectKind } from '../../bpf/kernel-object.ts';
import type { BpfLinkInfo } from '../../bpf/link-info.ts';

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
  link: BpfLinkInfo;
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
