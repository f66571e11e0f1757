import type { AttachedProgram, Device, HookFamily } from '../../../../contract/device.ts';
import type { HookPlace } from '../../../../contract/settings.ts';
import { hookDirection } from '../_path/hook-direction.ts';

/** One thing that a move between hooks does: in words, and as the commands or system calls that do the same. */
export interface MoveStep {
  title: string;
  words: string;
  commands: string[];
}

/** What is needed to say what a move does. */
export interface Move {
  device: Pick<Device, 'primary' | 'peer' | 'hooks' | 'programs' | 'policy'>;
  /** The policy that was asked for, in force while the programs are on the netkit hooks. */
  policy: NonNullable<Device['policy']>;
  to: HookPlace['to'];
  /** The hooks of the primary that this kernel has. */
  primaryHooks: Exclude<HookFamily, 'netkit'>;
}

/** What stands in the dialog and on the button. */
export const moveLabel = (to: HookPlace['to']): string =>
  to === 'primary' ? 'Move programs to the primary' : 'Move programs to the netkit hooks';

/** Where programs are, in words: `netkit/peer and netkit/primary`. */
export function hookNames(family: HookFamily): string {
  return family === 'netkit' ? 'netkit/peer and netkit/primary' : `${family}/ingress and ${family}/egress`;
}

const attachTypes = {
  netkit: ['BPF_NETKIT_PRIMARY', 'BPF_NETKIT_PEER'],
  tcx: ['BPF_TCX_EGRESS', 'BPF_TCX_INGRESS'],
} as const;

/**
 * The steps of a move in their order, which is what keeps it from losing a packet or letting one by unchecked:
 * attach there, count there, change the policy while both ends have programs, detach here.
 */
export function moveSteps({ device, policy, to, primaryHooks }: Move): MoveStep[] {
  const family = to === 'device' ? 'netkit' : primaryHooks;
  const { primary } = device;
  const wanted = to === 'device' ? policy : { primary: 'forward', peer: 'forward' };
  const same = device.policy?.primary === wanted.primary && device.policy?.peer === wanted.peer;
  const old = device.programs.filter(({ ours, hook }) => ours && !hook.startsWith(`${family}/`));
  return [
    {
      title: 'Attach there',
      words: `to_pod, then from_pod, on ${hookNames(family)} of ${primary.name}. Both places check from here on.`,
      commands: attachCommands(family, primary.name, primary.ifindex),
    },
    {
      title: 'Count there',
      words:
        'The books name the new place, then one flag of the device: each packet is counted once, before and after.',
      commands: [],
    },
    {
      title: 'Policy',
      words: same
        ? `Stays: primary ${wanted.primary}, peer ${wanted.peer}.`
        : `Primary ${wanted.primary}, peer ${wanted.peer}, while both ends have programs and it decides nothing.`,
      commands: same
        ? []
        : [`ip link set dev ${primary.name} type netkit ${wanted.primary} peer ${wanted.peer}`],
    },
    {
      title: 'Detach here',
      words: `From ${hookNames(device.hooks)}, now that nothing depends on it. Programs of others stay where they are.`,
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
      ? [`tc filter delete dev ${name} ${hookDirection(hook) === 'egress' ? 'ingress' : 'egress'}`]
      : [];
  });
}
