import { z } from 'zod';

/** Kind of a pod's device, as netlink names it (`IFLA_INFO_KIND`). */
export const deviceKind = z.enum(['netkit', 'veth']);
export type DeviceKind = z.infer<typeof deviceKind>;

/** Attachment point of a program, named as bpftool does. */
export const hook = z.enum([
  'netkit/primary',
  'netkit/peer',
  'tcx/ingress',
  'tcx/egress',
  'tc/ingress',
  'tc/egress',
]);
export type Hook = z.infer<typeof hook>;

/** One end of a device. `mac` is null for kinds without one (netkit L3). */
export const deviceEnd = z.object({
  name: z.string(),
  ifindex: z.number().int(),
  altnames: z.array(z.string()).describe('Alternative names (altname)'),
  mtu: z.number().int().describe('Bytes'),
  mac: z.string().nullable(),
  up: z.boolean().describe('Administratively up and with carrier'),
});
export type DeviceEnd = z.infer<typeof deviceEnd>;

export const policy = z.enum(['forward', 'blackhole']);
export const scrub = z.enum(['default', 'none']);

/**
 * Hook family that Podlane's two programs of a device are attached to: the device's own (netkit), or those of its primary
 * (tcx, tc). A netkit device whose programs are on the primary is in attach fallback.
 */
export const hookFamily = z.enum(['netkit', 'tcx', 'tc']);
export type HookFamily = z.infer<typeof hookFamily>;

/** A program on a hook of a device, from bpf_prog_info. */
export const attachedProgram = z.object({
  hook,
  position: z.number().int().describe('Order of execution on the hook, from 0'),
  id: z.number().int(),
  name: z.string(),
  tag: z.string().describe('Hash of the instructions by the kernel, 16 hex digits'),
  ours: z.boolean(),
  user: z.number().int().optional().describe('Number of a user program within its pod'),
  linkId: z.number().int().nullable(),
  loadedAt: z.iso.datetime().nullable(),
  runCount: z.number().nullable().describe('Since load, over all devices; null while statistics are off'),
  runTimeNs: z.number().nullable().describe('Since load, over all devices; null while statistics are off'),
  nsPerRun: z.number().nullable().describe('`runTimeNs` ÷ `runCount`; null before the first run'),
  verifiedInstructions: z.number().int().nullable(),
  jitedBytes: z.number().int(),
});
export type AttachedProgram = z.infer<typeof attachedProgram>;

export const device = z.object({
  kind: deviceKind,
  mode: z.enum(['l2', 'l3']).nullable().describe('netkit only'),
  slot: z.number().int(),
  policy: z.object({ primary: policy, peer: policy }).nullable().describe('netkit only'),
  scrub: z
    .object({ primary: scrub, peer: scrub })
    .nullable()
    .describe('netkit only, where the kernel reports it'),
  hooks: hookFamily,
  primary: deviceEnd,
  peer: deviceEnd,
  programs: z.array(attachedProgram),
  since: z.iso.datetime().nullable().describe('Time when the pod got this device'),
});
export type Device = z.infer<typeof device>;
