import { closeSync } from 'node:fs';
import type { KernelCapability, KernelCapabilityName } from '../../contract/node.ts';
import { ProblemError } from '../../contract/problem.ts';
import { type Btf, readVmlinuxBtf, vmlinuxBtfPath } from '../bpf/btf.ts';
import { tryDatapathFeature } from '../bpf/datapath-features.ts';
import { addClsactQdisc, deleteClsactQdisc } from '../netlink/clsact.ts';
import { getLink, setLink } from '../netlink/link.ts';
import { addNetkit } from '../netlink/netkit.ts';
import { NetlinkError } from '../netlink/netlink-error.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { addTcBpfFilter } from '../netlink/tc-filter.ts';
import { addVeth } from '../netlink/veth.ts';
import {
  attachToTracepoint,
  createBpfLinkSync,
  enableRunStatistics,
  loadMinimalProgram,
  minimalProgramAttachTypes,
  minimalProgramTypes,
} from './capability-probe-programs.ts';
import { createUnnamedNamespace, type NetworkNamespace } from './netns.ts';

/** A disposable network namespace in which the probes run, with a netlink socket. */
interface ProbeNamespace {
  namespace: NetworkNamespace;
  socket: NetlinkSocket;
  /** Returns the BTF of the running kernel, which is read only once. */
  btf(): Promise<Btf>;
}

interface Probe {
  name: KernelCapabilityName;
  /** First mainline kernel version with the feature; distributions may have backported it. */
  since: `${number}.${number}`;
  /** Kernel configuration options that the feature needs. */
  config: readonly string[];
  /** Further advice for an administrator whose kernel lacks the feature. */
  advice?: string;
  /** Tries the feature. @returns a sentence about what worked @throws the reason why the feature is missing */
  run(context: ProbeNamespace): Promise<string>;
}

/** Probes of kernel features, one per capability. A kernel test checks `since` and `config` against its kernels. */
export const capabilityProbes: readonly Probe[] = [
  {
    name: 'netkit',
    since: '6.7',
    config: ['CONFIG_NETKIT'],
    run: async ({ namespace, socket }) => {
      await addNetkit(socket, { mode: 'l3', primary: { name: 'netkit0' }, peer: { name: 'netkit1' } });
      await attachOnce(
        namespace,
        await ifindexOf(socket, 'netkit0'),
        'netkit/peer',
        minimalProgramAttachTypes.netkitPeer,
      );
      return 'created a netkit pair and attached a program at netkit/peer';
    },
  },
  {
    name: 'tcx',
    since: '6.6',
    config: ['CONFIG_NET_XGRESS'],
    run: async ({ namespace, socket }) => {
      await addVeth(socket, { primary: { name: 'tcx0' }, peer: { name: 'tcx1' } });
      await attachOnce(
        namespace,
        await ifindexOf(socket, 'tcx0'),
        'tcx/ingress',
        minimalProgramAttachTypes.tcxIngress,
      );
      return 'attached a program at tcx/ingress of a veth device';
    },
  },
  {
    name: 'clsact',
    since: '4.5',
    config: ['CONFIG_NET_SCH_INGRESS', 'CONFIG_NET_CLS_BPF'],
    advice: 'load modules sch_ingress and cls_bpf',
    run: async ({ socket }) => {
      await addVeth(socket, { primary: { name: 'clsact0' }, peer: { name: 'clsact1' } });
      const ifindex = await ifindexOf(socket, 'clsact0');
      await addClsactQdisc(socket, ifindex);
      const program = await loadMinimalProgram('load a tc program', minimalProgramTypes.schedulerClassifier, {
        result: -1,
      });
      await closing(program, () => addTcBpfFilter(socket, ifindex, 'tc/ingress', { program, name: 'probe' }));
      await deleteClsactQdisc(socket, ifindex);
      return 'added a clsact qdisc to a veth device and attached a program at tc/ingress';
    },
  },
  {
    name: 'btf',
    since: '5.4',
    config: ['CONFIG_DEBUG_INFO_BTF'],
    run: async (context) => {
      const btf = await context.btf();
      return `read ${btf.typeCount.toLocaleString('en')} types from ${vmlinuxBtfPath}`;
    },
  },
  {
    name: 'drop-reasons',
    since: '5.17',
    config: ['CONFIG_DEBUG_INFO_BTF'],
    run: async (context) => {
      const btf = await context.btf();
      const reasons = btf.find('enum', 'skb_drop_reason');
      if (!reasons) throw new Error('look up enum skb_drop_reason in the kernel’s BTF: not found');
      const tracepoint = btf.tracepointParameters('kfree_skb');
      if (!tracepoint?.parameters.includes(reasons.id))
        throw new Error('look up tracepoint kfree_skb in the kernel’s BTF: it has no reason parameter');
      const program = await loadMinimalProgram(
        'load a tp_btf program for kfree_skb',
        minimalProgramTypes.tracing,
        {
          expectedAttachType: minimalProgramAttachTypes.rawTracepoint,
          attachBtfId: tracepoint.id,
        },
      );
      await closing(program, async () =>
        closeSync(await attachToTracepoint('attach to tracepoint kfree_skb', program)),
      );
      return `attached to tracepoint kfree_skb, which reports ${reasons.count} reasons`;
    },
  },
  {
    name: 'bpf-stats',
    since: '5.8',
    config: [],
    advice: 'run the agent with CAP_SYS_ADMIN',
    run: async () => {
      closeSync(await enableRunStatistics('enable BPF run statistics'));
      return 'enabled and disabled BPF run statistics';
    },
  },
  {
    name: 'live-rename',
    since: '6.2',
    config: [],
    advice: 'without it a migrated pod keeps the new device’s name',
    run: async ({ socket }) => {
      await addVeth(socket, { primary: { name: 'rename0', up: true }, peer: { name: 'rename1' } });
      await setLink(socket, await ifindexOf(socket, 'rename0'), { name: 'renamed0' });
      return 'renamed a veth device that was up';
    },
  },
  {
    name: 'conntrack',
    since: '6.1',
    config: ['CONFIG_NF_CONNTRACK', 'CONFIG_DEBUG_INFO_BTF'],
    advice:
      'it is needed only where the node translates addresses; as a module, nf_conntrack needs CONFIG_DEBUG_INFO_BTF_MODULES, and is used as soon as it is loaded',
    run: async () => {
      await tryDatapathFeature('conntrack');
      return 'loaded a program that looks connections up in conntrack';
    },
  },
];

/**
 * Detects the kernel's capabilities by using each in a disposable namespace. It never compares versions, because
 * distributions backport features and leave them out.
 * @throws ProblemError when no namespace can be created
 */
export async function probeCapabilities(): Promise<KernelCapability[]> {
  const namespace = createUnnamedNamespace();
  const socket = NetlinkSocket.inNamespace(namespace.fd);
  let btf: Promise<Btf> | undefined;
  const context: ProbeNamespace = { namespace, socket, btf: () => (btf ??= readVmlinuxBtf()) };
  try {
    const capabilities: KernelCapability[] = [];
    for (const probe of capabilityProbes) {
      const { name } = probe;
      try {
        capabilities.push({ name, available: true, detail: await probe.run(context), hint: null });
      } catch (error) {
        capabilities.push({
          name,
          available: false,
          detail: textOf(error),
          hint: rootHint(error) ?? requirementHint(probe),
        });
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
  const program = await loadMinimalProgram('load a tc program', minimalProgramTypes.schedulerClassifier, {
    result: -1,
  });
  await closing(program, () => {
    const link = runInNetworkNamespace(namespace.fd, () =>
      createBpfLinkSync(`attach ${hook}`, program, ifindex, type),
    );
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
  if (!link) throw new Error(`find ${name}, just created: not found`);
  return link.ifindex;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Formats the requirements of a feature: `needs Linux 6.7 or a backport with CONFIG_NETKIT`. */
const requirementHint = ({ since, config, advice }: Probe): string =>
  [
    `needs Linux ${since} or a backport${config.length > 0 ? ` with ${config.join(' and ')}` : ''}`,
    ...(advice === undefined ? [] : [advice]),
  ].join('; ');

/**
 * Returns a hint to run as root if privileges are missing, which explains a failure better than the kernel's options.
 */
const rootHint = (error: unknown): string | undefined => {
  const refusal =
    error instanceof NetlinkError ? error.code : error instanceof ProblemError ? error.message : '';
  return /\bE(PERM|ACCES)\b/.test(refusal) ? 'run the agent as root' : undefined;
};
