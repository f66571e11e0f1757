import { z } from 'zod';

/** Kind of a pod's device, as netlink names it (`IFLA_INFO_KIND`). */
export const deviceKindSchema = z.enum(['netkit', 'veth']);
export type DeviceKind = z.infer<typeof deviceKindSchema>;

/** Hook of a BPF program, with the name that bpftool uses. */
export const hookSchema = z.enum([
  'netkit/primary',
  'netkit/peer',
  'tcx/ingress',
  'tcx/egress',
  'tc/ingress',
  'tc/egress',
]);
export type Hook = z.infer<typeof hookSchema>;

/** One end of a pod's device. `mac` is null for device kinds without a MAC address (netkit L3). */
export const deviceEndSchema = z.object({
  name: z.string(),
  ifindex: z.number().int(),
  altnames: z.array(z.string()).describe('Alternative names (altname)'),
  mtu: z.number().int().describe('Bytes'),
  mac: z.string().nullable(),
  up: z.boolean().describe('Administratively up and with carrier'),
});
export type DeviceEnd = z.infer<typeof deviceEndSchema>;

export const netkitPolicySchema = z.enum(['forward', 'blackhole']);
export const netkitScrubSchema = z.enum(['default', 'none']);

/**
 * Hook family that Podlane's two programs of a device are attached to: the device's own (netkit), or those of its primary
 * (tcx, tc). A netkit device whose programs are on the primary is in attach fallback.
 */
export const hookFamilySchema = z.enum(['netkit', 'tcx', 'tc']);
export type HookFamily = z.infer<typeof hookFamilySchema>;

/** A BPF program on a hook of a pod's device, described by bpf_prog_info. */
export const attachedProgramSchema = z.object({
  hook: hookSchema,
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
export type AttachedProgram = z.infer<typeof attachedProgramSchema>;

export const deviceSchema = z.object({
  kind: deviceKindSchema,
  mode: z.enum(['l2', 'l3']).nullable().describe('netkit only'),
  slot: z.number().int(),
  policy: z
    .object({ primary: netkitPolicySchema, peer: netkitPolicySchema })
    .nullable()
    .describe('netkit only'),
  scrub: z
    .object({ primary: netkitScrubSchema, peer: netkitScrubSchema })
    .nullable()
    .describe('netkit only, where the kernel reports it'),
  hooks: hookFamilySchema,
  primary: deviceEndSchema,
  peer: deviceEndSchema,
  programs: z.array(attachedProgramSchema),
  since: z.iso.datetime().nullable().describe('Time when the pod got this device'),
});
export type Device = z.infer<typeof deviceSchema>;
