import { z } from 'zod';

/** A process that holds a BPF program, map or link open. */
export const bpfObjectHolderSchema = z.object({ pid: z.number().int(), name: z.string() });
export type BpfObjectHolder = z.infer<typeof bpfObjectHolderSchema>;

/** Owner of a BPF program, map or link, as far as the agent can determine it. */
export const bpfOwnerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('podlane'), what: z.string().describe('E.g. “datapath”, “drop reasons”') }),
  z.object({ kind: z.literal('process'), pid: z.number().int(), name: z.string() }),
  z.object({ kind: z.literal('pin'), path: z.string() }),
  z.object({ kind: z.literal('unknown'), why: z.string() }),
]);
export type BpfOwner = z.infer<typeof bpfOwnerSchema>;

/** A network namespace on the node. */
export const namespaceReferenceSchema = z.object({
  inode: z.string().describe('Inode as in /proc/PID/ns/net, decimal'),
  host: z.boolean().describe('true for the agent’s own namespace'),
  pod: z.string().nullable().describe('id of the pod, if it is a pod’s'),
  name: z.string().nullable().describe('namespace/name of the pod, or “host”; null for other namespaces'),
});
export type NamespaceReference = z.infer<typeof namespaceReferenceSchema>;

export const bpfDeviceSchema = z.object({
  ifindex: z.number().int(),
  name: z.string().nullable().describe('null if the device was removed or its namespace is unknown'),
  namespace: namespaceReferenceSchema.nullable(),
});
export type BpfDevice = z.infer<typeof bpfDeviceSchema>;

/** An attachment of a BPF program. `position` is its position among the programs on the hook. */
export const attachmentSchema = z.object({
  kind: z.enum([
    'netkit',
    'tcx',
    'tc',
    'xdp',
    'cgroup',
    'tracing',
    'raw_tracepoint',
    'perf',
    'netns',
    'netfilter',
    'struct_ops',
    'iterator',
    'other',
  ]),
  hook: z.string().describe('bpftool’s name: netkit/peer, tcx/ingress, xdp/generic, cgroup_inet_egress, …'),
  target: z.string().describe('for display: device, cgroup path, tracepoint or function'),
  device: bpfDeviceSchema.nullable(),
  position: z.number().int().nullable().describe('from 0; null if there is no order or it is unknown'),
  of: z.number().int().nullable().describe('number of programs at the hook'),
  linkId: z.number().int().nullable().describe('null if attached without a link'),
  priority: z.number().int().nullable().describe('priority of a tc filter: the lowest runs first'),
});
export type Attachment = z.infer<typeof attachmentSchema>;

/** Runs per second and time per run of a BPF program over the last second. */
export const programRunStatsSchema = z.object({
  runsPerSecond: z.number(),
  nsPerRun: z.number().nullable().describe('null if it did not run'),
  cpu: z.number().describe('share of one CPU; above 1 if it runs on several at once'),
});

/** Maximum number of attachments per program in lists. */
export const maxListedProgramAttachments = 8;

/** A BPF program of the node, described by bpf_prog_info. */
export const bpfProgramSchema = z.object({
  id: z.number().int(),
  type: z.string().describe('bpftool’s name: sched_cls, xdp, cgroup_skb, tracing, …'),
  name: z.string().describe('Up to 15 characters; may be empty'),
  fullName: z.string().nullable().describe('from BTF; null without BTF'),
  tag: z.string().describe('The kernel’s hash of the instructions, 16 hex digits'),
  loadedAt: z.iso.datetime(),
  uid: z.number().int().describe('user id of the process that loaded it'),
  gpl: z.boolean(),
  owner: bpfOwnerSchema,
  holders: z.array(bpfObjectHolderSchema).describe('processes that hold it open, the first few'),
  pins: z.array(z.string()),
  xlatedBytes: z.number().int().describe('size of the translated instructions; 0 if the kernel hides it'),
  jitedBytes: z.number().int(),
  instructions: z.number().int().describe('number of translated instructions: xlatedBytes ÷ 8'),
  verifiedInstructions: z.number().int().nullable().describe('instructions processed by the verifier'),
  memoryBytes: z.number().int().nullable().describe('locked memory, maps excluded'),
  runCount: z
    .number()
    .nullable()
    .describe('runs since load while statistics were on; null if they never were'),
  runTimeNs: z.number().nullable(),
  recursionMisses: z
    .number()
    .nullable()
    .describe('runs skipped because the program was already running on the CPU'),
  rate: programRunStatsSchema.nullable().describe('null while statistics are off and for the first second'),
  mapIds: z.array(z.number().int()),
  btfId: z.number().int().nullable(),
  attachments: z
    .array(attachmentSchema)
    .describe(`all attachments; in lists the first ${maxListedProgramAttachments}`),
  attachmentCount: z.number().int(),
  notAttached: z.string().nullable().describe('why no attachment was found; null if there is one'),
});
export type BpfProgram = z.infer<typeof bpfProgramSchema>;

export const runStatisticsStateSchema = z.object({
  on: z.boolean().describe('true while the kernel counts runs and run time'),
  always: z.boolean().describe('true if they are kept on; otherwise they are on for 30 s after a request'),
  until: z.iso.datetime().nullable().describe('when they turn off without a further request'),
  problem: z.string().nullable().describe('Why they cannot be turned on'),
});
export type RunStatisticsState = z.infer<typeof runStatisticsStateSchema>;
export const runStatisticsSettingSchema = z.strictObject({ always: z.boolean() });

export const programListSchema = z.object({
  items: z.array(bpfProgramSchema).describe('Podlane’s first, then by id'),
  statistics: runStatisticsStateSchema,
  time: z.iso.datetime().describe('time of the reading'),
  unread: z.array(z.string()).describe('what could not be scanned, and why: attachments may be missing'),
});
export type ProgramList = z.infer<typeof programListSchema>;

/** One translated BPF instruction. A 16-byte instruction is listed once. */
export const bpfInstructionSchema = z.object({
  index: z.number().int().describe('In units of 8 bytes, as jump offsets'),
  hex: z.string().describe('8 or 16 bytes in hex, separated by spaces'),
  text: z.string().describe('as bpftool prints it: r0 = *(u32 *)(r1 +76)'),
  function: z.string().nullable().describe('name or number of the function that starts here'),
  source: z
    .object({ file: z.string(), line: z.number().int(), column: z.number().int(), text: z.string() })
    .nullable()
    .describe('source line that starts here, from the program’s BTF'),
  target: z.number().int().nullable().describe('index of a jump’s target'),
});
export type BpfInstruction = z.infer<typeof bpfInstructionSchema>;

export const programInstructionsSchema = z.object({
  id: z.number().int(),
  tag: z.string(),
  instructions: z.array(bpfInstructionSchema),
  unavailable: z
    .string()
    .nullable()
    .describe('Why there are no instructions: the kernel hides them (bpf_jit_harden, …)'),
});
export type ProgramInstructions = z.infer<typeof programInstructionsSchema>;

/** A BPF link, which keeps a program attached to a target. */
export const bpfLinkSchema = z.object({
  id: z.number().int(),
  type: z.string().describe('bpftool’s name: tcx, netkit, xdp, cgroup, raw_tracepoint, tracing, …'),
  attachType: z.string().nullable().describe('E.g. tcx_ingress, cgroup_inet_egress, trace_raw_tp'),
  programId: z.number().int(),
  programName: z.string(),
  target: z.string().describe('for display; “detached” if the device was removed'),
  device: bpfDeviceSchema.nullable(),
  owner: bpfOwnerSchema,
  holders: z.array(bpfObjectHolderSchema),
  pins: z.array(z.string()),
});
export type BpfLink = z.infer<typeof bpfLinkSchema>;

export const bpfLinkListSchema = z.object({ items: z.array(bpfLinkSchema) });
