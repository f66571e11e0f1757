import { z } from 'zod';

/** A process that has a descriptor of a program, a map or a link. */
export const holder = z.object({ pid: z.number().int(), name: z.string() });
export type Holder = z.infer<typeof holder>;

/** Whose a program, a map or a link is, as far as the kernel lets it be known. */
export const bpfOwner = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ours'), what: z.string().describe('e.g. “datapath”, “drop reasons”') }),
  z.object({ kind: z.literal('process'), pid: z.number().int(), name: z.string() }),
  z.object({ kind: z.literal('pin'), path: z.string() }),
  z.object({ kind: z.literal('unknown'), why: z.string() }),
]);
export type BpfOwner = z.infer<typeof bpfOwner>;

/** A network namespace, by what is known of it. */
export const namespaceRef = z.object({
  inode: z.string().describe('as in /proc/PID/ns/net, decimal'),
  host: z.boolean().describe('the one that the agent is in'),
  pod: z.string().nullable().describe('id of the pod it is of'),
  name: z.string().nullable().describe('namespace/name of the pod; “host”; null where it is neither'),
});
export type NamespaceRef = z.infer<typeof namespaceRef>;

export const bpfDevice = z.object({
  ifindex: z.number().int(),
  name: z.string().nullable().describe('null where the device is gone, or its namespace is not known'),
  namespace: namespaceRef.nullable(),
});
export type BpfDevice = z.infer<typeof bpfDevice>;

/** A place that a program runs at. Order is of the programs at one place, the first runs first. */
export const attachment = z.object({
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
  hook: z
    .string()
    .describe('as bpftool names it: netkit/peer, tcx/ingress, xdp/generic, cgroup_inet_egress, …'),
  target: z.string().describe('readable: the device, the cgroup’s path, the tracepoint, the function'),
  device: bpfDevice.nullable(),
  position: z
    .number()
    .int()
    .nullable()
    .describe('from 0; null where there is no order, or it cannot be known'),
  of: z.number().int().nullable().describe('how many programs are at the place'),
  linkId: z.number().int().nullable().describe('null: attached without a link'),
  priority: z.number().int().nullable().describe('of a tc filter: the lowest runs first'),
});
export type Attachment = z.infer<typeof attachment>;

/** Over the last second. */
export const programRate = z.object({
  runsPerSecond: z.number(),
  nsPerRun: z.number().nullable().describe('null where it did not run'),
  cpu: z.number().describe('share of one CPU, 1 is all of it; above 1 where it runs on several at once'),
});

/** As many attachments as a list tells of one program. */
export const listedAttachments = 8;

/** An eBPF program of the node, as bpf_prog_info tells it. */
export const program = z.object({
  id: z.number().int(),
  type: z.string().describe('as bpftool names it: sched_cls, xdp, cgroup_skb, tracing, …'),
  name: z.string().describe('up to 15 characters; may be empty'),
  fullName: z.string().nullable().describe('from its BTF, where it has one'),
  tag: z.string().describe('the kernel’s hash of the instructions, 16 hex digits'),
  loadedAt: z.iso.datetime(),
  uid: z.number().int().describe('of who loaded it'),
  gpl: z.boolean(),
  owner: bpfOwner,
  holders: z.array(holder).describe('processes that have a descriptor of it, the first few'),
  pins: z.array(z.string()),
  xlatedBytes: z.number().int().describe('translated instructions; 0 where the kernel does not tell'),
  jitedBytes: z.number().int(),
  instructions: z.number().int().describe('translated: xlatedBytes ÷ 8'),
  verifiedInstructions: z.number().int().nullable().describe('that the verifier went through'),
  memoryBytes: z.number().int().nullable().describe('locked by it, without its maps'),
  runCount: z
    .number()
    .nullable()
    .describe('since load, while statistics were on; null where they never were'),
  runTimeNs: z.number().nullable(),
  recursionMisses: z.number().nullable().describe('runs left out, since the program ran on the CPU already'),
  rate: programRate.nullable().describe('null while statistics are off, and for the first second'),
  mapIds: z.array(z.number().int()),
  btfId: z.number().int().nullable(),
  attachments: z
    .array(attachment)
    .describe(`all of them of one program; in the list the first ${listedAttachments}`),
  attachmentCount: z.number().int(),
  notAttached: z
    .string()
    .nullable()
    .describe('where there is no attachment: what that means, or why it cannot be known'),
});
export type Program = z.infer<typeof program>;

export const programStatistics = z.object({
  on: z.boolean().describe('the kernel counts runs and run time now'),
  always: z.boolean().describe('chosen; otherwise only while somebody looks'),
  until: z.iso.datetime().nullable().describe('goes off then, unless somebody looks again'),
  problem: z.string().nullable().describe('why they cannot be turned on'),
});
export type ProgramStatistics = z.infer<typeof programStatistics>;
export const statisticsChoice = z.strictObject({ always: z.boolean() });

export const programList = z.object({
  items: z.array(program).describe('ours first, then by id'),
  statistics: programStatistics,
  time: z.iso.datetime().describe('when it was read'),
  unread: z.array(z.string()).describe('what could not be looked at, and why: attachments may be missing'),
});
export type ProgramList = z.infer<typeof programList>;

/** One translated instruction; a 16-byte one is told once. */
export const instruction = z.object({
  index: z.number().int().describe('in units of 8 bytes, as jumps count'),
  hex: z.string().describe('8 or 16 bytes, two digits each, separated by blanks'),
  text: z.string().describe('as bpftool writes it: r0 = *(u32 *)(r1 +76)'),
  function: z.string().nullable().describe('where one begins: its name, or its number'),
  source: z
    .object({ file: z.string(), line: z.number().int(), column: z.number().int(), text: z.string() })
    .nullable()
    .describe('where a line of source begins, from the program’s BTF'),
  target: z.number().int().nullable().describe('of a jump: the index that it goes to'),
});
export type Instruction = z.infer<typeof instruction>;

export const programInstructions = z.object({
  id: z.number().int(),
  tag: z.string(),
  instructions: z.array(instruction),
  unavailable: z
    .string()
    .nullable()
    .describe('why there are none: the kernel hides them (bpf_jit_harden, …)'),
});
export type ProgramInstructions = z.infer<typeof programInstructions>;

/** A link: what holds a program at a place. */
export const bpfLink = z.object({
  id: z.number().int(),
  type: z.string().describe('as bpftool names it: tcx, netkit, xdp, cgroup, raw_tracepoint, tracing, …'),
  attachType: z.string().nullable().describe('e.g. tcx_ingress, cgroup_inet_egress, trace_raw_tp'),
  programId: z.number().int(),
  programName: z.string(),
  target: z.string().describe('readable; “detached” where the device is gone'),
  device: bpfDevice.nullable(),
  owner: bpfOwner,
  holders: z.array(holder),
  pins: z.array(z.string()),
});
export type BpfLink = z.infer<typeof bpfLink>;

export const bpfLinkList = z.object({ items: z.array(bpfLink) });
