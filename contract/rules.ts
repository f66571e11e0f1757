import { z } from 'zod';
import { direction, rule, ruleProtocol, ruleSet } from './acl.ts';
import { problem } from './problem.ts';

/** Which of the two that the kernel judges by: the draft only reports. */
export const whichRules = z.enum(['active', 'draft']);
export type WhichRules = z.infer<typeof whichRules>;

const count = z.number().int();

/** Entries of the kernel's tables, by table. */
export const ruleSizes = z.object({
  rules: count,
  prefixes: count.describe('address ranges of the peers, after overlaps are resolved'),
  identities: count.describe('kinds of addresses: all in the same rules’ peers'),
  policies: count.describe('different lists of rules that pods have'),
  assignments: count.describe('rows that policies have for identities'),
  rows: count,
  entries: count.describe('verdicts by protocol and port prefix, of all rows'),
});
export type RuleSizes = z.infer<typeof ruleSizes>;

/** A rule that no packet of today's pods can come to. */
export const ruleWarning = z.object({
  rule: z.string(),
  index: count.describe('in the rule set, from 0'),
  line: count.optional().describe('of the text, from 1'),
  message: z.string(),
});
export type RuleWarning = z.infer<typeof ruleWarning>;

/** What the last compiling and loading of a set took. */
export const ruleLoad = z.object({
  compileMs: z.number(),
  loadMs: z.number(),
  written: count.describe('entries of kernel maps'),
  removed: count,
});
export type RuleLoad = z.infer<typeof ruleLoad>;

/** Rules by name, from one set to another. */
export const ruleChanges = z.object({
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z.array(z.string()).describe('their content, or their place among equals'),
  defaults: z.boolean().describe('whether the defaults differ'),
});
export type RuleChanges = z.infer<typeof ruleChanges>;

const sha = z.string().describe('of the ETag; If-Match on a write refuses what another changed meanwhile');

/** The rules that are in force. */
export const activeRules = z.object({
  version: count.describe('the last one in the list of versions; 0: there never were any'),
  etag: sha,
  rules: ruleSet.nullable().describe('null: none, all packets pass'),
  text: z.string().nullable().describe('as it was written, YAML'),
  actor: z.string().nullable(),
  time: z.iso.datetime().nullable(),
  comment: z.string().nullable(),
  generation: count.describe('of the kernel’s tables; rises with every change of rules or pods'),
  sizes: ruleSizes,
  limits: ruleSizes,
  warnings: z.array(ruleWarning),
  load: ruleLoad.nullable(),
  problem: problem
    .nullable()
    .describe('why the kernel judges by older tables than these rules and pods; null: it does not'),
});
export type ActiveRules = z.infer<typeof activeRules>;

/** Rules that are tried out beside the active ones, or null. */
export const draftRules = z.object({
  etag: sha,
  rules: ruleSet,
  text: z.string(),
  base: count.describe('the version that was active when it was saved'),
  actor: z.string(),
  time: z.iso.datetime(),
  judging: z.boolean().describe('on live traffic, reporting only'),
  generation: count,
  sizes: ruleSizes,
  warnings: z.array(ruleWarning),
  changes: ruleChanges.describe('from the active rules'),
  load: ruleLoad.nullable(),
  problem: problem.nullable(),
});
export type DraftRules = z.infer<typeof draftRules>;
export const draftAnswer = z.object({ draft: draftRules.nullable() });

/** Rules read from a text, nothing applied. */
export const importedRules = z.object({
  source: z.enum(['rules', 'network-policy']),
  rules: ruleSet,
  text: z.string().describe('YAML of ours'),
  sizes: ruleSizes,
  warnings: z.array(ruleWarning),
});
export type ImportedRules = z.infer<typeof importedRules>;

/** A set of rules that was in force at some time. */
export const ruleVersion = z.object({
  number: count,
  time: z.iso.datetime(),
  actor: z.string(),
  comment: z.string(),
  restored: count.nullable().describe('the version that was applied again'),
  name: z.string().nullable().describe('of the rule set; null: the rules were taken away'),
  rules: count,
  active: z.boolean(),
});
export type RuleVersion = z.infer<typeof ruleVersion>;
export const ruleVersionText = ruleVersion.extend({ text: z.string().nullable(), set: ruleSet.nullable() });
export type RuleVersionText = z.infer<typeof ruleVersionText>;

const podName = z.object({ id: z.string(), namespace: z.string(), name: z.string() });

/** Who comes to a row of entries: pods, and addresses at the other end. */
export const entryUse = z.object({
  direction,
  pods: z.array(podName).describe('up to 20'),
  podCount: count,
  peers: z
    .array(z.string())
    .nullable()
    .describe('prefixes, up to 20; null: all addresses of which the policy says nothing of their own'),
  peerCount: count,
});
export type EntryUse = z.infer<typeof entryUse>;

/** An entry of the kernel's verdict table. */
export const ruleEntry = z.object({
  row: count,
  protocol: ruleProtocol,
  from: count.describe('first port; of ICMP type × 256 + code'),
  to: count.describe('last port'),
  length: count.describe('bits of the port prefix'),
  verdict: z.enum(['allow', 'deny', 'pass']).describe('pass: the base row is asked'),
  rule: z.string().nullable().describe('that decided; null: the default did'),
  log: z.string().nullable().describe('the rule that records'),
  packets: count
    .nullable()
    .describe(
      'that it judged: first ones of connections, and those judged again after a change; null: unknown',
    ),
  uses: z.array(entryUse).describe('up to 20'),
});
export type RuleEntry = z.infer<typeof ruleEntry>;
export const ruleEntries = z.object({
  items: z.array(ruleEntry),
  total: count,
  next: z.string().nullable().describe('pass as `cursor` for the next page'),
});
export type RuleEntries = z.infer<typeof ruleEntries>;

/** Of each rule, in their order. */
export const ruleStatistics = z.object({
  generation: count,
  items: z.array(
    z.object({
      rule: z.string(),
      index: count,
      pods: count.describe('that it applies to'),
      entries: count,
      packets: count.nullable().describe('decided, or recorded, since its entries were written'),
    }),
  ),
  defaults: z.object({ entries: count, packets: count.nullable() }).describe('decided by no rule'),
});
export type RuleStatistics = z.infer<typeof ruleStatistics>;

/** One rule in force: whom it judges and by which entries. */
export const ruleView = z.object({
  set: whichRules,
  rule,
  index: count,
  number: count.describe('names the rule in entries and verdicts'),
  line: count.nullable(),
  pods: z.array(podName).describe('that it applies to'),
  peers: z.array(z.string()).describe('ranges at the other end, up to 100; empty: anyone'),
  peerCount: count,
  entries: z.array(ruleEntry).describe('up to 100 that decide or record by it'),
  entryCount: count,
  packets: count.nullable(),
  warning: z.string().nullable(),
});
export type RuleView = z.infer<typeof ruleView>;

/** What `dryRun` answers: nothing was written. */
export const rulesPlan = z.object({
  rules: ruleSet,
  sizes: ruleSizes,
  limits: ruleSizes,
  warnings: z.array(ruleWarning),
  changes: ruleChanges,
  write: z.object({ written: count, removed: count }).describe('entries of kernel maps'),
  compileMs: z.number(),
  view: ruleView
    .nullable()
    .optional()
    .describe('of the rule that `rule` in the query names, as these rules would have it; packets are null'),
});
export type RulesPlan = z.infer<typeof rulesPlan>;

const port = z.int().min(0).max(65_535);
const byte = z.int().min(0).max(255);
const end = z.string().min(1).max(320).describe('an address, or a pod by id or `namespace.name`');

/** The first packet of a connection. */
export const explainQuestion = z
  .strictObject({
    set: whichRules.default('active'),
    source: end,
    destination: end,
    protocol: z
      .union([z.enum(['tcp', 'udp', 'sctp', 'icmp']), byte])
      .describe('a name, or an IP protocol number'),
    port: port.optional().describe('destination port, of tcp, udp and sctp'),
    icmp: z.strictObject({ type: byte, code: byte.default(0) }).optional(),
  })
  .superRefine(({ protocol, port, icmp }, context) => {
    const ported =
      protocol === 'tcp' ||
      protocol === 'udp' ||
      protocol === 'sctp' ||
      [6, 17, 132].includes(Number(protocol));
    const typed = protocol === 'icmp' || protocol === 1 || protocol === 58;
    if (ported !== (port !== undefined))
      context.addIssue({
        code: 'custom',
        path: ['port'],
        message: ported ? 'is needed' : 'is of tcp, udp and sctp',
      });
    if (typed !== (icmp !== undefined))
      context.addIssue({
        code: 'custom',
        path: ['icmp'],
        message: typed ? 'is needed' : 'is of the protocol icmp',
      });
  });
export type ExplainQuestion = z.infer<typeof explainQuestion>;

const verdict = z.enum(['allow', 'deny']);

/** What one pod's rules say. */
export const explainedEnd = z.object({
  pod: podName,
  direction,
  verdict,
  rule: z.string().nullable().describe('that decided; null: the default did'),
  log: z.string().nullable(),
  losers: z.array(z.string()).describe('rules that match as well, but come later'),
  lookups: z.array(
    z.object({
      table: z.enum(['pods', 'prefixes', 'assignments', 'rows']),
      key: z.string(),
      value: z.string().nullable().describe('null: there is no such entry'),
    }),
  ),
});

/** Both ends' rules; without a pod of this node at an end, nobody judges there. */
export const explanation = z.object({
  set: whichRules,
  source: z.string(),
  destination: z.string(),
  protocol: count,
  port: count.nullable(),
  verdict,
  note: z.string().nullable().describe('why nobody judges where somebody would be expected to'),
  egress: explainedEnd.nullable().describe('by the rules of the pod that sends'),
  ingress: explainedEnd
    .nullable()
    .describe('by the rules of the pod that gets it; null too where it does not leave'),
});
export type Explanation = z.infer<typeof explanation>;
