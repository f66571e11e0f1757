import { addressOf } from '../ffi/libc.ts';
import { nameInInfo, readObjectInfo, withObjectById } from './kernel-object.ts';
import { attachTypeName, linkTypeName } from './type-names.ts';

/** A link of any type: what it holds a program at, as far as the kernel tells. */
export interface LinkInfo {
  id: number;
  /** enum bpf_link_type in small letters */
  type: string;
  programId: number;
  /** enum bpf_attach_type in small letters; null where the type has none */
  attachType: string | null;
  at:
    | { kind: 'device' /** 0: gone */; ifindex: number }
    | { kind: 'cgroup'; id: bigint }
    | { kind: 'netns'; inode: number }
    | { kind: 'btf'; object: number; type: number }
    | { kind: 'map'; id: number }
    | { kind: 'named'; text: string };
}

const infoBytes = 96;
const nameBytes = 256;

/** struct bpf_link_info (linux/bpf.h): type 0, id 4, prog_id 8, what the type has from 16 on. */
export const linkInfoById = (id: number): LinkInfo | null =>
  withObjectById('link', id, (fd) => {
    const info = readObjectInfo(`link ${id}`, fd, Buffer.alloc(infoBytes));
    const type = linkTypeName(info.readUInt32LE(0));
    const u32 = (at: number): number => info.readUInt32LE(at);
    /** Asks again, with room for the name whose pointer and length are at these places. */
    const name = (at: number, lengthAt: number): string => {
      const text = Buffer.alloc(nameBytes);
      const again = Buffer.alloc(infoBytes);
      again.writeBigUInt64LE(addressOf(text), at);
      again.writeUInt32LE(nameBytes, lengthAt);
      readObjectInfo(`link ${id}`, fd, again);
      return nameInInfo(text, 0, nameBytes);
    };
    const link = { id: u32(4), type, programId: u32(8), attachType: null };
    const withAttachType = (at: number) => ({ ...link, attachType: attachTypeName(u32(at)) });
    switch (type) {
      case 'tcx':
      case 'netkit':
        return { ...withAttachType(20), at: { kind: 'device', ifindex: u32(16) } };
      case 'xdp':
        return { ...link, at: { kind: 'device', ifindex: u32(16) } };
      case 'cgroup':
        return { ...withAttachType(24), at: { kind: 'cgroup', id: info.readBigUInt64LE(16) } };
      case 'netns':
        return { ...withAttachType(20), at: { kind: 'netns', inode: u32(16) } };
      case 'tracing':
        return { ...withAttachType(16), at: { kind: 'btf', object: u32(20), type: u32(24) } };
      case 'sockmap':
        return { ...withAttachType(20), at: { kind: 'map', id: u32(16) } };
      case 'struct_ops':
        return { ...link, at: { kind: 'map', id: u32(16) } };
      case 'raw_tracepoint':
        return { ...link, at: { kind: 'named', text: name(16, 24) } };
      case 'iter':
        return { ...link, at: { kind: 'named', text: `iterator ${name(16, 24)}` } };
      case 'netfilter':
        return {
          ...link,
          at: { kind: 'named', text: netfilterText(u32(16), u32(20), info.readInt32LE(24)) },
        };
      case 'kprobe_multi':
        return { ...link, at: { kind: 'named', text: `${u32(24)} functions` } };
      case 'uprobe_multi':
        return { ...link, at: { kind: 'named', text: `${u32(52)} places in programs` } };
      case 'perf_event':
        return { ...link, at: { kind: 'named', text: perfText(u32(16), name) } };
      default:
        return { ...link, at: { kind: 'named', text: `link of type ${type}, which is not known here` } };
    }
  });

/** NFPROTO_* and NF_INET_* hooks, <linux/netfilter.h>. */
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

/** enum bpf_perf_event_type; its name's pointer is at 24, the length at 32. */
function perfText(type: number, name: (at: number, lengthAt: number) => string): string {
  const what = ['', 'uprobe', 'uretprobe', 'kprobe', 'kretprobe', 'tracepoint'][type];
  if (what) return `${what} ${name(24, 32)}`;
  return type === 6 ? 'perf event' : 'perf event, which this kernel does not tell more of';
}
