import { execFileSync } from 'node:child_process';
import type { DeviceKind, HookFamily } from '../contract/device.ts';
import { podNetworkSchema } from '../contract/pod-network.ts';
import type { DatapathPrograms } from '../server/bpf/datapath.ts';
import { openDatapath } from '../server/bpf/open-datapath.ts';
import { UserProgramPins } from '../server/bpf/user-program-pins.ts';
import type { KernelContext } from '../server/datapath/kernel-context.ts';
import { openPodNamespace } from '../server/datapath/pod-namespaces.ts';
import { buildDeviceRecord, createPodDevice } from '../server/datapath/pods/create-pod-device.ts';
import { formatPrimaryName } from '../server/datapath/slot-allocator.ts';
import { InterfaceLookup } from '../server/kernel/interface-lookup.ts';
import { createNamedNamespace, openNetworkNamespace } from '../server/kernel/netns.ts';
import { NetlinkSocket } from '../server/netlink/socket.ts';
import type { DeviceRecord, PodRecord } from '../server/store/records.ts';

export const benchPinDirectory = '/sys/fs/bpf/podlane';

/** Hooks that Podlane's two programs are attached to; `none` measures the device without programs. */
export type BenchHooks = HookFamily | 'none';

/** A benchmark pod with its device, both as records of the agent's store. */
export interface BenchPod {
  pod: PodRecord;
  device: DeviceRecord;
}

/**
 * What the agent's datapath stands on, in the namespaces of this program: below `runSealed` or in the guest, whose
 * end takes down what was made.
 */
export async function openBenchKernelContext(): Promise<KernelContext> {
  const programs = await openDatapath({ pins: benchPinDirectory, maxSlots: 256 });
  const host = NetlinkSocket.open();
  const interfaces = new InterfaceLookup();
  const users = new UserProgramPins(benchPinDirectory);
  return {
    host,
    interfaces,
    programs,
    userPins: users,
    capabilities: new Map(),
    primaryHooks: 'tcx',
    redirect: { appliesTo: () => true, ofPod: () => null },
  };
}

/** Creates a named network namespace with its loopback interface up. @returns the namespace's path */
export function createBenchNamespace(name: string): string {
  const path = createNamedNamespace(`bench-${name}`);
  execFileSync('nsenter', [`--net=${path}`, 'ip', 'link', 'set', 'lo', 'up']);
  return path;
}

export interface BenchPodOptions {
  /** Number of the benchmark pod, which is also its slot. */
  number: number;
  /** Path of the pod's network namespace. */
  netns: string;
  kind: DeviceKind;
  hooks: BenchHooks;
  /** The pod's addresses as CIDRs; default 10.42.0.(number + 2)/32. */
  addresses?: string[];
}

export function createBenchPodRecords({ number, netns, kind, hooks, addresses }: BenchPodOptions): BenchPod {
  using namespace = openNetworkNamespace(netns);
  const createdAt = new Date();
  const policy = { primary: 'forward', peer: hooks === 'none' ? 'forward' : 'blackhole' } as const;
  const pod: PodRecord = {
    id: String(number),
    number: number + 1,
    namespace: 'bench',
    name: `pod-${number}`,
    labels: {},
    netnsPath: netns,
    netnsInode: namespace.inode,
    network: podNetworkSchema.parse({
      addresses: addresses ?? [`10.42.0.${number + 2}/32`],
      netkit: { policy },
    }),
    createdAt,
    adoption: null,
    removedAt: null,
    carried: [],
  };
  const usual = kind === 'netkit' ? 'netkit' : 'tcx';
  const row = buildDeviceRecord(
    pod,
    kind,
    hooks === 'none' ? usual : hooks,
    number,
    formatPrimaryName(number),
  );
  return { pod, device: { foreignIfindexes: null, ...row, id: number, createdAt } };
}

/** Attaches a benchmark pod with the same code as the agent. */
export async function attachBenchPod(kernel: KernelContext, { pod, device }: BenchPod): Promise<void> {
  using namespace = openPodNamespace({ record: pod, devices: [device] });
  await createPodDevice(kernel, namespace, pod, device);
}

/** Returns a kernel context that attaches no programs, to measure the device alone. */
export const withoutProgramAttachment = (kernel: KernelContext): KernelContext => ({
  ...kernel,
  programs: unattached(kernel.programs),
});

const unattached = (programs: DatapathPrograms): DatapathPrograms =>
  new Proxy(programs, {
    get(target, name) {
      if (name === 'attach') return async () => {};
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
