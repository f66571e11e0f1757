import type { HookFamily } from '../../../../contract/device.ts';
import type { HookPlacement } from '../../../../contract/settings.ts';

/** Interface texts of the section about the programs on a pod's device. */
export const podProgramsText = {
  title: 'Programs',
  hook: 'hook',
  program: 'program',
  id: 'id',
  tag: 'tag',
  runs: 'runs/s',
  runsDetail: 'For this pod',
  nsPerRun: 'ns/run',
  nsPerRunDetail: 'Mean of the last second, over the whole node',
  core: 'core',
  coreDetail: 'Share of one core: this pod’s runs × mean time per run',
  verified: 'verified',
  verifiedDetail: 'Instructions the verifier processed',
  loaded: 'loaded',
  noDevice: 'The pod has no device, so no program is attached.',
  noProgram: 'No program is attached.',
  noSample: 'no sample yet',
  notOurs: 'not a Podlane program: its runs for this pod are not counted',
  noStatistics: 'BPF run-time statistics are off, or the program has not run yet',
  meanSinceLoad: 'mean since load',
  notReported: 'not reported by the kernel',

  vethHooks: 'on the primary: a veth device has no other hooks',
  netkitHooks: 'on the netkit hooks',
  attachFallback: 'attach fallback',
  podGone: 'the pod is gone',
  migrating: 'a migration of this pod is running',

  cancel: 'Cancel',
  move: 'Move',
  moving: 'Moving',
  tryAgain: 'Try again',
  movePending: 'Moving the programs.',
  moveRefused: 'The programs were not moved',
  moveBackFailed: 'The programs could not be moved back',
  undo: 'Undo: move them back',
} as const;

export const formatAttachedProgramCount = (programs: number, foreign: number): string =>
  `${programs} attached${foreign > 0 ? `, ${foreign} not Podlane’s` : ''}`;

/** Returns the label of the button that moves programs to other hooks, which is also the title of its dialog. */
export const formatMoveHooksLabel = (to: HookPlacement['to']): string =>
  to === 'primary' ? 'Move programs to the primary' : 'Move programs to the netkit hooks';

/** Formats both hooks of a family: `netkit/peer and netkit/primary`. */
export const formatHookNames = (family: HookFamily): string =>
  family === 'netkit' ? 'netkit/peer and netkit/primary' : `${family}/ingress and ${family}/egress`;

export const formatFallbackHookDetail = (family: HookFamily): string =>
  `: on ${formatHookNames(family)} of the primary`;
export const formatHookMoveDescription = (device: string): string =>
  `${device} stays the pod’s device. No packet is lost, and none bypasses the checks.`;
export const formatCopyStepCommandsLabel = (step: string): string => `the commands of ${step}`;
export const formatHooksMovedTitle = (pod: string): string => `Programs of ${pod} moved`;
export const formatHooksMovedDetail = (family: HookFamily): string =>
  `They are on ${formatHookNames(family)}. The device is unchanged.`;

/** Titles of the steps of moving programs to other hooks. */
export const hookMoveStepTitles = {
  attach: 'Attach new',
  count: 'Switch counters',
  policy: 'Policy',
  detach: 'Detach old',
} as const;

export const formatAttachStepDetail = (family: HookFamily, device: string): string =>
  `to_pod, then from_pod, on ${formatHookNames(family)} of ${device}. Both places check packets from now on.`;
export const switchCountersStepDetail =
  'Records the new hooks, then sets one flag of the device: each packet is counted once, before and after.';
export const formatPolicyStepDetail = (primary: string, peer: string, isUnchanged: boolean): string =>
  isUnchanged
    ? `Unchanged: primary ${primary}, peer ${peer}.`
    : `Primary ${primary}, peer ${peer}, set while both ends have programs, so that it applies to no packet.`;
export const formatDetachStepDetail = (family: HookFamily): string =>
  `From ${formatHookNames(family)}, which is no longer needed. Foreign programs stay attached.`;
