import type {
  Attachment,
  BpfDevice,
  BpfObjectHolder,
  NamespaceReference,
} from '../../../contract/program.ts';
import type { BpfObjectKind } from '../../bpf/bpf-object-info.ts';
import type { BpfLinkInfo } from '../../bpf/link-info.ts';

/** A network namespace to scan, with its path. */
export interface ScannedNamespace {
  path: string;
  ref: NamespaceReference;
}

export interface NodeScanRequest {
  /** Network namespaces of the host and the pods. The scan finds those of other processes itself. */
  namespaces: ScannedNamespace[];
  /**
   * Maximum age in ms of what is taken from earlier scans: links, and the attachments in namespaces other than the host's.
   * 0 reads all anew.
   */
  keptMs: number;
  /** True to pause between namespaces, so that attaching pods gets the locks that it needs. */
  paced: boolean;
}

export type ProgramAttachment = Attachment & { programId: number };

export interface ScannedLink {
  link: BpfLinkInfo;
  target: string;
  device: BpfDevice | null;
}

type Kind = Exclude<BpfObjectKind, 'btf'>;

/** Result of a scan: the attachments, links, pins and holders of all BPF objects on the node. */
export interface NodeScan {
  attachments: ProgramAttachment[];
  links: ScannedLink[];
  pins: { kind: Kind; id: number; path: string }[];
  holders: ({ kind: Kind; id: number } & BpfObjectHolder)[];
  /** Messages about parts of the node that could not be scanned. */
  unread: string[];
}
