import type { Logger } from 'pino';
import type { KernelCapability, KernelCapabilityName } from '../../contract/node.ts';
import { ProblemError } from '../../contract/problem.ts';
import { openDatapath } from '../bpf/open-datapath.ts';
import { UserProgramPins } from '../bpf/user-program-pins.ts';
import { InterfaceLookup } from '../kernel/interface-lookup.ts';
import { probeCapabilities } from '../kernel/probe-capabilities.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { removeAllUserPrograms } from './device/attach-user-programs.ts';
import { hasKernelCapability, type KernelContext } from './kernel-context.ts';

export interface OpenKernelOptions {
  /** Directory of the BPF pins. */
  pins: string;
  maxSlots: number;
  /** Maximum number of connections that the access rules track. */
  connections?: number | undefined;
  log: Logger;
  /** BPF object to run instead of the installed one. */
  image?: Buffer | undefined;
  /** Kernel capabilities to treat as missing. */
  without?: readonly KernelCapabilityName[];
}

/** Opened kernel context, and the reason why the requested BPF object does not run. */
export interface OpenedKernel {
  kernel: KernelContext;
  refusal: ProblemError | null;
}

/**
 * Probes the kernel, loads or adopts the pinned programs and removes pins of user programs without a pod.
 * @param owners numbers of the known pods
 * @param fill writes the configuration of pods and rules before a program runs: the maps may be new
 */
export async function openKernelContext(
  options: OpenKernelOptions,
  redirect: KernelContext['redirect'],
  owners: readonly number[],
  fill: (kernel: KernelContext) => Promise<void>,
): Promise<OpenedKernel> {
  const { pins, maxSlots, connections } = options;
  const capabilities = without(await probeCapabilities(), options.without ?? []);
  const opened = {
    host: NetlinkSocket.open(),
    interfaces: new InterfaceLookup(),
    capabilities: new Map(capabilities.map((capability) => [capability.name, capability])),
    redirect,
    userPins: new UserProgramPins(pins),
  };
  const primaryHooks = hasKernelCapability(opened, 'tcx') ? ('tcx' as const) : ('tc' as const);
  for (const owner of opened.userPins.owners())
    if (!owners.includes(owner)) await removeAllUserPrograms(opened, owner);
  const withPrograms = (programs: KernelContext['programs']): KernelContext => ({
    ...opened,
    primaryHooks,
    programs,
  });
  const openPrograms = (image?: Buffer): Promise<KernelContext['programs']> =>
    openDatapath({
      pins,
      maxSlots,
      connections,
      image,
      fill: (programs) => fill(withPrograms(programs)),
    });
  try {
    return { kernel: withPrograms(await openPrograms(options.image)), refusal: null };
  } catch (error) {
    if (options.image === undefined || !(error instanceof ProblemError)) throw error;
    return { kernel: withPrograms(await openPrograms()), refusal: error };
  }
}

/** Marks capabilities as unavailable, as if the kernel did not have them. */
const without = (
  capabilities: KernelCapability[],
  lacking: readonly KernelCapabilityName[],
): KernelCapability[] =>
  capabilities.map((capability) =>
    lacking.includes(capability.name)
      ? { ...capability, available: false, detail: 'disabled by --without', hint: null }
      : capability,
  );
