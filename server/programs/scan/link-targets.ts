import { readFileSync } from 'node:fs';
import type { Attachment, NamespaceReference } from '../../../contract/program.ts';
import { Btf, vmlinuxBtfPath } from '../../bpf/btf.ts';
import type { BpfLinkInfo } from '../../bpf/link-info.ts';
import { readLoadedBtf } from '../../bpf/loaded-btf.ts';
import { readBpfProgramInfoById } from '../../bpf/program-info.ts';
import { createProgramAttachment } from './attachment.ts';
import { formatNamespaceReference } from './namespace-attachments.ts';
import type { ProgramAttachment, ScannedLink } from './node-scan.ts';

const kinds: Record<string, Attachment['kind']> = {
  tcx: 'tcx',
  netkit: 'netkit',
  xdp: 'xdp',
  cgroup: 'cgroup',
  netns: 'netns',
  tracing: 'tracing',
  raw_tracepoint: 'raw_tracepoint',
  perf_event: 'perf',
  kprobe_multi: 'perf',
  uprobe_multi: 'perf',
  netfilter: 'netfilter',
  struct_ops: 'struct_ops',
  iter: 'iterator',
};

/** Resolves the target of each BPF link, and adds the attachments that only links report. */
export function resolveBpfLinkTargets(
  links: readonly BpfLinkInfo[],
  placed: readonly ProgramAttachment[],
  cgroups: ReadonlyMap<bigint, string>,
  namespaces: readonly { inode: bigint; ref: NamespaceReference }[],
): { links: ScannedLink[]; attachments: ProgramAttachment[] } {
  const placedByLink = new Map(
    placed.flatMap((each) => (each.linkId === null ? [] : [[each.linkId, each] as const])),
  );
  const attachments: ProgramAttachment[] = [];
  const scanned = links.map((link): ScannedLink => {
    const place = placedByLink.get(link.id);
    if (place) return { link, target: place.target, device: place.device };
    const target = targetOf(link, cgroups, namespaces);
    const isDevice = link.at.kind === 'device';
    const device =
      link.at.kind === 'device' && link.at.ifindex !== 0
        ? { ifindex: link.at.ifindex, name: null, namespace: null }
        : null;
    const detached = isDevice && device === null;
    if (!detached && link.programId !== 0)
      attachments.push(
        createProgramAttachment(link.programId, {
          kind: kinds[link.type] ?? 'other',
          hook: hookOf(link),
          target,
          device,
          linkId: link.id,
        }),
      );
    return { link, target, device };
  });
  return { links: scanned, attachments };
}

/** Returns the name of a link's hook as bpftool prints it, e.g. netkit/peer; otherwise the attach type or link type. */
const hookOf = ({ type, attachType }: BpfLinkInfo): string =>
  attachType?.replace(/^(tcx|netkit)_/, '$1/') ?? type;

function targetOf(
  { at, programId }: BpfLinkInfo,
  cgroups: ReadonlyMap<bigint, string>,
  namespaces: readonly { inode: bigint; ref: NamespaceReference }[],
): string {
  switch (at.kind) {
    case 'device':
      return at.ifindex === 0 ? 'detached' : `ifindex ${at.ifindex} in a namespace that was not scanned`;
    case 'cgroup':
      return cgroups.get(at.id) ?? `cgroup ${at.id}`;
    case 'netns': {
      const known = namespaces.find(({ inode }) => inode === BigInt(at.inode));
      return known ? formatNamespaceReference(known.ref) : `network namespace ${at.inode}`;
    }
    case 'map':
      return `map ${at.id}`;
    case 'named':
      return at.text;
    case 'btf':
      return tracedName(at, programId);
  }
}

/** Cache of function names by BTF object and type, because the kernel's BTF takes megabytes to load. */
const tracedNames = new Map<string, string>();

/** Returns the name of the function or tracepoint that a tracing program is attached to. */
function tracedName({ object, type }: { object: number; type: number }, programId: number): string {
  const typeId = type || (readBpfProgramInfoById(programId)?.attachBtfId ?? 0);
  const key = `${object} ${typeId}`;
  const name = tracedNames.get(key) ?? readTracedName(object, typeId);
  tracedNames.set(key, name);
  return name;
}

function readTracedName(object: number, typeId: number): string {
  const unnamed = `type ${typeId} of BTF ${object}`;
  try {
    // The kernel returns 0 or the id of vmlinux's BTF for its own functions.
    const found = object === 0 ? null : readLoadedBtf(object);
    const vmlinux = () => new Btf(readFileSync(vmlinuxBtfPath));
    const btf =
      found === null || found.name === 'vmlinux'
        ? vmlinux()
        : new Btf(found.bytes, found.kernel ? vmlinux() : null);
    return btf.type(typeId).name.replace(/^btf_trace_/, '') || unnamed;
  } catch {
    return unnamed;
  }
}
