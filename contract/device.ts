import { z } from 'zod';

/** What a pod's device is, in netlink's words (`IFLA_INFO_KIND`). */
export const deviceKind = z.enum(['netkit', 'veth']);
export type DeviceKind = z.infer<typeof deviceKind>;

/** Where a program is attached; the name bpftool gives the place. */
export const hook = z.enum([
  'netkit/primary',
  'netkit/peer',
  'tcx/ingress',
  'tcx/egress',
  'tc/ingress',
  'tc/egress',
]);
export type Hook = z.infer<typeof hook>;

/** One end of a device. `mac` is null where the kind has none (netkit L3). */
export const deviceEnd = z.object({
  name: z.string(),
  ifindex: z.number().int(),
  altnames: z.array(z.string()).describe('further names, which `ip` takes as well'),
  mtu: z.number().int().describe('bytes'),
  mac: z.string().nullable(),
  up: z.boolean().describe('administratively up and with carrier'),
});
export type DeviceEnd = z.infer<typeof deviceEnd>;

export const policy = z.enum(['forward', 'blackhole']);
export const scrub = z.enum(['default', 'none']);

/**
 * The family of hooks that our two programs of a device are on: its own (netkit), or those of its primary. A
 * netkit device with its programs on the primary is in attach fallback.
 */
export const hookFamily = z.enum(['netkit', 'tcx', 'tc']);
export type HookFamily = z.infer<typeof hookFamily>;

/** A program on a hook of a device, as bpf_prog_info tells it. */
export const attachedProgram = z.object({
  hook,
  position: z.number().int().describe('order of execution on the hook, from 0'),
  id: z.number().int(),
  name: z.string(),
  tag: z.string().describe('the kernel’s hash of the instructions, 16 hex digits'),
  ours: z.boolean(),
  user: z.number().int().optional().describe('of a program that a user put on the pod: its number there'),
  linkId: z.number().int().nullable(),
  loadedAt: z.iso.datetime().nullable(),
  runCount: z.number().nullable().describe('since load, over all devices; null while statistics are off'),
  runTimeNs: z.number().nullable().describe('since load, over all devices; null while statistics are off'),
  nsPerRun: z.number().nullable().describe('runTimeNs ÷ runCount; null before the first run'),
  verifiedInstructions: z.number().int().nullable(),
  jitedBytes: z.number().int(),
});
export type AttachedProgram = z.infer<typeof attachedProgram>;

export const device = z.object({
  kind: deviceKind,
  mode: z.enum(['l2', 'l3']).nullable().describe('netkit only'),
  slot: z.number().int(),
  policy: z.object({ primary: policy, peer: policy }).nullable().describe('netkit only'),
  scrub: z.object({ primary: scrub, peer: scrub }).nullable().describe('netkit only, where the kernel tells'),
  hooks: hookFamily,
  primary: deviceEnd,
  peer: deviceEnd,
  programs: z.array(attachedProgram),
  since: z.iso.datetime().nullable().describe('when this device was given to the pod'),
});
export type Device = z.infer<typeof device>;
