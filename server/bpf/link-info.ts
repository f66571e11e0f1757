import { addressOf } from '../ffi/libc.ts';
import { readBpfObjectInfo, readKernelInfoName, withBpfObjectById } from './bpf-object-info.ts';
import { bpf_link_info as field } from './bpf-structs.ts';
import { attachTypeName, linkTypeName } from './bpf-type-names.ts';

/** Kernel info of a tcx or netkit link. */
export interface DeviceLinkInfo {
  id: number;
  programId: number;
  /** Interface index of the device; 0 after the device was removed, which detaches the link. */
  ifindex: number;
  attachType: number;
}

/** Reads struct bpf_link_info (<linux/bpf.h>) of a tcx or netkit link by its descriptor. */
export function readBpfDeviceLinkInfo(fd: number): DeviceLinkInfo {
  const info = readBpfObjectInfo('a link', fd, Buffer.alloc(field.bytes));
  return {
    id: info.readUInt32LE(field.id),
    programId: info.readUInt32LE(field.prog_id),
    ifindex: info.readUInt32LE(field['tcx.ifindex']),
    attachType: info.readUInt32LE(field['tcx.attach_type']),
  };
}

/** Kernel info of a link of any type, with the target that its program is attached to. */
export interface BpfLinkInfo {
  id: number;
  /** Link type: the name from enum bpf_link_type in lowercase. */
  type: string;
  programId: number;
  /** Attach type: the name from enum bpf_attach_type in lowercase; null for link types without an attach type. */
  attachType: string | null;
  at: /** ifindex 0: the device is gone */
    | { kind: 'device'; ifindex: number }
    | { kind: 'cgroup'; id: bigint }
    | { kind: 'netns'; inode: number }
    | { kind: 'btf'; object: number; type: number }
    | { kind: 'map'; id: number }
    | { kind: 'named'; text: string };
}

const nameBytes = 256;

/** Reads the kernel info of a link by its id; null if the link does not exist. */
export const readBpfLinkInfoById = (id: number): BpfLinkInfo | null =>
  withBpfObjectById('link', id, (fd) => {
    const info = readBpfObjectInfo(`link ${id}`, fd, Buffer.alloc(field.bytes));
    const type = linkTypeName(info.readUInt32LE(field.type));
    const u32 = (at: number): number => info.readUInt32LE(at);
    /** Reads a name by requesting the info again with a buffer at the offsets of the name's pointer and length. */
    const name = (at: number, lengthAt: number): string => {
      const text = Buffer.alloc(nameBytes);
      const again = Buffer.alloc(field.bytes);
      again.writeBigUInt64LE(addressOf(text), at);
      again.writeUInt32LE(nameBytes, lengthAt);
      readBpfObjectInfo(`link ${id}`, fd, again);
      return readKernelInfoName(text, 0, nameBytes);
    };
    const link = { id: u32(field.id), type, programId: u32(field.prog_id), attachType: null };
    const withAttachType = (at: number) => ({ ...link, attachType: attachTypeName(u32(at)) });
    const named = (text: string): BpfLinkInfo => ({ ...link, at: { kind: 'named', text } });
    switch (type) {
      case 'tcx':
      case 'netkit':
        return {
          ...withAttachType(field[`${type}.attach_type`]),
          at: { kind: 'device', ifindex: u32(field[`${type}.ifindex`]) },
        };
      case 'xdp':
        return { ...link, at: { kind: 'device', ifindex: u32(field['xdp.ifindex']) } };
      case 'cgroup':
        return {
          ...withAttachType(field['cgroup.attach_type']),
          at: { kind: 'cgroup', id: info.readBigUInt64LE(field['cgroup.cgroup_id']) },
        };
      case 'netns':
        return {
          ...withAttachType(field['netns.attach_type']),
          at: { kind: 'netns', inode: u32(field['netns.netns_ino']) },
        };
      case 'tracing':
        return {
          ...withAttachType(field['tracing.attach_type']),
          at: {
            kind: 'btf',
            object: u32(field['tracing.target_obj_id']),
            type: u32(field['tracing.target_btf_id']),
          },
        };
      case 'sockmap':
        return {
          ...withAttachType(field['sockmap.attach_type']),
          at: { kind: 'map', id: u32(field['sockmap.map_id']) },
        };
      case 'struct_ops':
        return { ...link, at: { kind: 'map', id: u32(field['struct_ops.map_id']) } };
      case 'raw_tracepoint':
        return named(name(field['raw_tracepoint.tp_name'], field['raw_tracepoint.tp_name_len']));
      case 'iter':
        return named(`iterator ${name(field['iter.target_name'], field['iter.target_name_len'])}`);
      case 'netfilter':
        return named(
          netfilterText(
            u32(field['netfilter.pf']),
            u32(field['netfilter.hooknum']),
            info.readInt32LE(field['netfilter.priority']),
          ),
        );
      case 'kprobe_multi':
        return named(`${u32(field['kprobe_multi.count'])} functions`);
      case 'uprobe_multi':
        return named(`${u32(field['uprobe_multi.count'])} locations in programs`);
      case 'perf_event':
        return named(perfEventText(u32(field['perf_event.type']), name));
      default:
        return named(`link of type ${type}, unknown to this version`);
    }
  });

/** Formats NFPROTO_* and NF_INET_* values of a netfilter link (<linux/netfilter.h>) with its priority. */
function netfilterText(family: number, hook: number, priority: number): string {
  const families: Record<number, string> = {
    1: 'inet',
    2: 'ip',
    3: 'arp',
    5: 'netdev',
    7: 'bridge',
    10: 'ip6',
  };
  const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
  return `${families[family] ?? `family ${family}`} ${hooks[hook] ?? `hook ${hook}`} priority ${priority}`;
}

/** Formats enum bpf_perf_event_type with the name of the target, which is at the same offset for all types. */
function perfEventText(type: number, name: (at: number, lengthAt: number) => string): string {
  const typeName = ['', 'uprobe', 'uretprobe', 'kprobe', 'kretprobe', 'tracepoint'][type];
  if (typeName)
    return `${typeName} ${name(field['perf_event.kprobe.func_name'], field['perf_event.kprobe.name_len'])}`;
  return type === 6 ? 'perf event' : 'perf event of a type that this kernel does not report';
}
