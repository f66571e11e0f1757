import type { AttachedProgram, Device, HookFamily } from '../../../../contract/device.ts';
import type { HookPlacement } from '../../../../contract/settings.ts';
import { getHookDirection } from '../_path/hook-direction.ts';
import {
  formatAttachStepDetail,
  formatDetachStepDetail,
  formatPolicyStepDetail,
  hookMoveStepTitles,
  switchCountersStepDetail,
} from './text.ts';

/** Step of moving programs to other hooks, with the equivalent commands or system calls. */
export interface HookMoveStep {
  title: string;
  detail: string;
  commands: string[];
}

/** Properties of a device and of a move between hooks that the move's steps depend on. */
export interface HookMove {
  device: Pick<Device, 'primary' | 'peer' | 'hooks' | 'programs' | 'policy'>;
  /** Configured netkit policy, which applies while the programs are on the netkit hooks. */
  policy: NonNullable<Device['policy']>;
  to: HookPlacement['to'];
  /** Hook family of the primary that this kernel supports. */
  primaryHooks: Exclude<HookFamily, 'netkit'>;
}

const attachTypes = {
  netkit: ['BPF_NETKIT_PRIMARY', 'BPF_NETKIT_PEER'],
  tcx: ['BPF_TCX_EGRESS', 'BPF_TCX_INGRESS'],
} as const;

/**
 * Returns the steps of moving programs to other hooks. Their order ensures that no packet is lost or bypasses the
 * checks: attach to the new hooks, switch the counters, change the policy while both ends have programs, detach from
 * the old hooks.
 */
export function planHookMove({ device, policy, to, primaryHooks }: HookMove): HookMoveStep[] {
  const family = to === 'device' ? 'netkit' : primaryHooks;
  const { primary } = device;
  const wanted = to === 'device' ? policy : { primary: 'forward', peer: 'forward' };
  const isUnchanged = device.policy?.primary === wanted.primary && device.policy?.peer === wanted.peer;
  const old = device.programs.filter(({ ours, hook }) => ours && !hook.startsWith(`${family}/`));
  return [
    {
      title: hookMoveStepTitles.attach,
      detail: formatAttachStepDetail(family, primary.name),
      commands: attachCommands(family, primary.name, primary.ifindex),
    },
    {
      title: hookMoveStepTitles.count,
      detail: switchCountersStepDetail,
      commands: [],
    },
    {
      title: hookMoveStepTitles.policy,
      detail: formatPolicyStepDetail(wanted.primary, wanted.peer, isUnchanged),
      commands: isUnchanged
        ? []
        : [`ip link set dev ${primary.name} type netkit ${wanted.primary} peer ${wanted.peer}`],
    },
    {
      title: hookMoveStepTitles.detach,
      detail: formatDetachStepDetail(device.hooks),
      commands: detachCommands(old, device.hooks, primary.name),
    },
  ];
}

function attachCommands(family: HookFamily, name: string, ifindex: number): string[] {
  if (family === 'tc') return [`tc qdisc replace dev ${name} clsact`];
  return attachTypes[family].map(
    (type) => `bpf(BPF_LINK_CREATE, {target_ifindex = ${ifindex}, attach_type = ${type}})`,
  );
}

function detachCommands(old: readonly AttachedProgram[], from: HookFamily, name: string): string[] {
  return old.flatMap(({ linkId, hook }) => {
    if (linkId !== null) return [`bpftool link detach id ${linkId}`];
    return from === 'tc'
      ? [`tc filter delete dev ${name} ${getHookDirection(hook) === 'egress' ? 'ingress' : 'egress'}`]
      : [];
  });
}
