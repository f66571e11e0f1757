import { closeSync } from 'node:fs';
import type { Capability, CapabilityName } from '../../contract/node.ts';
import { ProblemError } from '../../contract/problem.ts';
import { NetlinkError } from '../netlink/error.ts';
import { addBpfFilter } from '../netlink/tc-filter.ts';
import { addClsact, deleteClsact } from '../netlink/clsact.ts';
import { getLink, setLink } from '../netlink/link.ts';
import { addNetkit } from '../netlink/netkit.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { addVeth } from '../netlink/veth.ts';
import {
  attachType,
  createLinkSync,
  enableRunStatistics,
  loadMinimalProgram,
  openTracepoint,
  programType,
} from './probe-programs.ts';
import { type Btf, readVmlinuxBtf, vmlinuxPath } from '../bpf/btf.ts';
import { createNamespace, type NetworkNamespace, withNamespace } from './netns.ts';

/** Where the trying happens: a namespace of its own, with an rtnetlink socket in it. */
interface Bench {
  namespace: NetworkNamespace;
  socket: NetlinkSocket;
  /** the kernel's, read once */
  btf(): Promise<Btf>;
}

interface Trial {
  name: CapabilityName;
  /** what would make a no a yes */
  hint: string;
  /** @returns how it was tried, of a yes @throws why it is a no */
  run(bench: Bench): Promise<string>;
}

const trials: readonly Trial[] = [
  {
    name: 'netkit',
    hint: 'needs CONFIG_NETKIT: Linux 6.7 or a backport',
    run: async ({ namespace, socket }) => {
      await addNetkit(socket, { mode: 'l3', primary: { name: 'netkit0' }, peer: { name: 'netkit1' } });
      await attachOnce(namespace, await ifindexOf(socket, 'netkit0'), 'netkit/peer', attachType.netkitPeer);
      return 'made a netkit pair and attached a program at netkit/peer';
    },
  },
  {
    name: 'tcx',
    hint: 'needs CONFIG_NET_XGRESS: Linux 6.6 or a backport',
    run: async ({ namespace, socket }) => {
      await addVeth(socket, { primary: { name: 'tcx0' }, peer: { name: 'tcx1' } });
      await attachOnce(namespace, await ifindexOf(socket, 'tcx0'), 'tcx/ingress', attachType.tcxIngress);
      return 'attached a program at tcx/ingress of a veth device';
    },
  },
  {
    name: 'clsact',
    hint: 'needs CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF (modules sch_ingress and cls_bpf)',
    run: async ({ socket }) => {
      await addVeth(socket, { primary: { name: 'clsact0' }, peer: { name: 'clsact1' } });
      const ifindex = await ifindexOf(socket, 'clsact0');
      await addClsact(socket, ifindex);
      const program = await loadMinimalProgram('load a tc program', programType.schedulerClassifier, {
        result: -1,
      });
      await closing(program, () => addBpfFilter(socket, ifindex, 'tc/ingress', { program, name: 'probe' }));
      await deleteClsact(socket, ifindex);
      return 'added a clsact qdisc to a veth device and attached a program at tc/ingress';
    },
  },
  {
    name: 'btf',
    hint: 'needs CONFIG_DEBUG_INFO_BTF',
    run: async (bench) => {
      const btf = await bench.btf();
      return `read ${btf.typeCount.toLocaleString('en')} types from ${vmlinuxPath}`;
    },
  },
  {
    name: 'drop-reasons',
    hint: 'needs CONFIG_DEBUG_INFO_BTF and Linux 5.17 or later',
    run: async (bench) => {
      const btf = await bench.btf();
      const reasons = btf.find('enum', 'skb_drop_reason');
      if (!reasons) throw new Error('look up enum skb_drop_reason in the kernel’s BTF: not there');
      const tracepoint = btf.tracepointParameters('kfree_skb');
      if (!tracepoint?.parameters.includes(reasons.id))
        throw new Error('look up tracepoint kfree_skb in the kernel’s BTF: it tells no reason');
      const program = await loadMinimalProgram('load a tp_btf program for kfree_skb', programType.tracing, {
        expectedAttachType: attachType.rawTracepoint,
        attachBtfId: tracepoint.id,
      });
      await closing(program, async () =>
        closeSync(await openTracepoint('attach to tracepoint kfree_skb', program)),
      );
      return `attached to tracepoint kfree_skb, which tells ${reasons.count} reasons`;
    },
  },
  {
    name: 'bpf-stats',
    hint: 'needs Linux 5.8 and CAP_SYS_ADMIN',
    run: async () => {
      closeSync(await enableRunStatistics('turn BPF run statistics on'));
      return 'turned BPF run statistics on and off';
    },
  },
  {
    name: 'live-rename',
    hint: 'needs Linux 6.2; without it a migrated pod keeps the new device’s name',
    run: async ({ socket }) => {
      await addVeth(socket, { primary: { name: 'rename0', up: true }, peer: { name: 'rename1' } });
      await setLink(socket, await ifindexOf(socket, 'rename0'), { name: 'renamed0' });
      return 'renamed a veth device that was up';
    },
  },
];

/**
 * Finds what this kernel can do by trying it in a throw-away namespace, never by its version: distributions
 * backport and leave out. Leaves nothing behind. @throws ProblemError when not even a namespace can be had
 */
export async function probeCapabilities(): Promise<Capability[]> {
  const namespace = createNamespace();
  const socket = NetlinkSocket.inNamespace(namespace.fd);
  let btf: Promise<Btf> | undefined;
  const bench: Bench = { namespace, socket, btf: () => (btf ??= readVmlinuxBtf()) };
  try {
    const capabilities: Capability[] = [];
    for (const { name, hint, run } of trials) {
      try {
        capabilities.push({ name, available: true, detail: await run(bench), hint: null });
      } catch (error) {
        capabilities.push({ name, available: false, detail: textOf(error), hint: hintOf(error) ?? hint });
      }
    }
    return capabilities;
  } finally {
    socket.close();
    namespace.close();
  }
}

async function attachOnce(
  namespace: NetworkNamespace,
  ifindex: number,
  hook: string,
  type: number,
): Promise<void> {
  const program = await loadMinimalProgram('load a tc program', programType.schedulerClassifier, { result: -1 });
  await closing(program, () => {
    const link = withNamespace(namespace.fd, () => createLinkSync(`attach ${hook}`, program, ifindex, type));
    closeSync(link);
  });
}

async function closing(fd: number, act: () => void | Promise<void>): Promise<void> {
  try {
    await act();
  } finally {
    closeSync(fd);
  }
}

async function ifindexOf(socket: NetlinkSocket, name: string): Promise<number> {
  const link = await getLink(socket, { name });
  if (!link) throw new Error(`find ${name}, just made: not there`);
  return link.ifindex;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Not being root explains a no better than the kernel's configuration. */
const hintOf = (error: unknown): string | undefined => {
  const refusal =
    error instanceof NetlinkError ? error.code : error instanceof ProblemError ? error.message : '';
  return /\bE(PERM|ACCES)\b/.test(refusal) ? 'run the agent as root' : undefined;
};
