import { z } from 'zod';
import { directionSchema } from './direction.ts';
import { problemSchema } from './problem.ts';
import { ruleProtocolSchema, ruleSchema, ruleSetSchema } from './rule-set.ts';

/** Names of the rule sets: the active one is enforced; the staged one is evaluated and reported, but not enforced. */
export const ruleSetNameSchema = z
  .enum(['active', 'staged'])
  .describe('active: enforced; staged: evaluated beside the active rules and only reported');
export type RuleSetName = z.infer<typeof ruleSetNameSchema>;

const count = z.number().int();

/** Sizes of a rule set and of its compiled kernel tables. */
const ruleSizes = z.object({
  rules: count,
  prefixes: count.describe('ipcache prefixes: address ranges of the peers, after overlaps are resolved'),
  identities: count.describe('sets of addresses that are peers of the same rules'),
  policies: count.describe('different lists of rules that pods have in one direction'),
  policyEntries: count.describe('pairs of policy and identity that have entries of their own'),
  entryLists: count.describe('different lists of entries'),
  entries: count.describe('verdicts by protocol and port prefix, over all lists'),
});
export type RuleSizes = z.infer<typeof ruleSizes>;

/** Warning about a rule that no packet of this node's pods can reach. */
const ruleWarning = z.object({
  rule: z.string(),
  index: count.describe('position in the rule set, from 0'),
  line: count.optional().describe('line of the text, from 1'),
  message: z.string(),
});
export type RuleWarning = z.infer<typeof ruleWarning>;

/** Last compilation and load of a rule set: cost, and what was taken over. */
const ruleLoad = z.object({
  compileMs: z.number(),
  loadMs: z.number(),
  written: count.describe('map elements written'),
  removed: count.describe('map elements removed'),
  adopted: count
    .nullable()
    .describe(
      'connections that existed before and go on where the rules allow them; null: other rules were loaded already',
    ),
});
export type RuleLoadCost = z.infer<typeof ruleLoad>;

/** Differences between two rule sets: names of the added, removed and changed rules, and whether a default changed. */
const ruleChanges = z.object({
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z
    .array(z.string())
    .describe('rules whose content changed, or their order among rules of equal priority'),
  defaults: z.boolean().describe('whether a default action changed'),
});
export type RuleChanges = z.infer<typeof ruleChanges>;

const etag = z
  .string()
  .describe(
    'value of the ETag header; a write with If-Match of an older state is rejected as `rules_changed`',
  );

/** Learning of the connections that exist, before the first rules are enforced. */
const rulesLearning = z.object({
  until: z.iso.datetime().describe('when the rules are loaded'),
  connections: count.describe('connections that were seen'),
});
export type RulesLearning = z.infer<typeof rulesLearning>;

/** The active rules as the API returns them, with their state in the kernel. */
export const activeRulesSchema = z.object({
  version: count.describe('number of the newest version; 0: no rules were ever applied'),
  etag,
  rules: ruleSetSchema.nullable().describe('null: no rules are active and all traffic is allowed'),
  ownRules: count.describe(
    'number of the rules that are those of the text, which come first; the others are those of NetworkPolicies of the cluster that isolate pods of this node',
  ),
  text: z
    .string()
    .nullable()
    .describe('YAML as it was written, comments included; null: nothing was applied here'),
  actor: z.string().nullable(),
  time: z.iso.datetime().nullable(),
  comment: z.string().nullable(),
  generation: count.describe('of the kernel’s tables; rises with every change of rules or pods'),
  sizes: ruleSizes,
  limits: ruleSizes,
  warnings: z.array(ruleWarning),
  load: ruleLoad.nullable(),
  learning: rulesLearning
    .nullable()
    .describe(
      'the first rules are about to be enforced; until then everything passes; null: nothing is learned',
    ),
  problem: problemSchema
    .nullable()
    .describe(
      'why the kernel still evaluates older tables than these rules and pods; null: it is up to date',
    ),
});
export type ActiveRules = z.infer<typeof activeRulesSchema>;

/** The staged rules as the API returns them, with their state in the kernel. */
export const stagedRulesSchema = z.object({
  etag,
  rules: ruleSetSchema,
  text: z.string(),
  base: count.describe('version that was active when the rules were staged'),
  actor: z.string(),
  time: z.iso.datetime(),
  evaluating: z.boolean().describe('whether live traffic is evaluated by them'),
  generation: count,
  sizes: ruleSizes,
  warnings: z.array(ruleWarning),
  changes: ruleChanges.describe('differences from the active rules'),
  load: ruleLoad.nullable(),
  problem: problemSchema.nullable(),
});
export type StagedRules = z.infer<typeof stagedRulesSchema>;
export const stagedRulesResponseSchema = z.object({ staged: stagedRulesSchema.nullable() });

/** Result of parsing a rule text, which applies nothing. */
export const importedRulesSchema = z.object({
  source: z
    .enum(['rules', 'network-policy', 'both'])
    .describe('rules: a rule set; network-policy: NetworkPolicies; both: policies beside a rule set'),
  rules: ruleSetSchema,
  text: z.string().describe('as it was written, or merged with the active rules'),
  sizes: ruleSizes,
  warnings: z.array(ruleWarning),
  active: z
    .object({ version: count, name: z.string(), rules: count })
    .nullable()
    .describe('the active rules, which applying the text would replace; null: there are none'),
  changes: ruleChanges.describe('what applying the text would change in the active rules'),
});
export type ImportedRules = z.infer<typeof importedRulesSchema>;

/** An entry of the version history, created when rules were applied or removed. */
export const ruleVersionSchema = z.object({
  number: count,
  time: z.iso.datetime(),
  actor: z.string(),
  comment: z.string(),
  restored: count.nullable().describe('the version that was rolled back to'),
  name: z.string().nullable().describe('name of the rule set; null: the rules were removed'),
  rules: count,
  active: z.boolean(),
});
export type RuleVersion = z.infer<typeof ruleVersionSchema>;
export const ruleVersionTextSchema = ruleVersionSchema.extend({
  text: z.string().nullable(),
  set: ruleSetSchema.nullable(),
});
export type RuleVersionText = z.infer<typeof ruleVersionTextSchema>;

const podName = z.object({ id: z.string(), namespace: z.string(), name: z.string() });

/** Pods and peers whose packets a list of policy table entries evaluates. */
export const ruleEntryUseSchema = z.object({
  direction: directionSchema,
  pods: z.array(podName).describe('up to 20'),
  podCount: count,
  peers: z
    .array(z.string())
    .nullable()
    .describe('prefixes, up to 20; null: default entries, for all peers without entries of their own'),
  peerCount: count,
});
export type RuleEntryUse = z.infer<typeof ruleEntryUseSchema>;

/** An entry of the kernel's policy tables: the verdict on packets with a protocol and port prefix. */
export const ruleEntrySchema = z.object({
  entryList: count.describe('number of the list that the entry belongs to'),
  protocol: ruleProtocolSchema,
  from: count.describe('first port; for ICMP type × 256 + code'),
  to: count.describe('last port'),
  length: count.describe('length of the port prefix in bits'),
  verdict: z.enum(['allow', 'deny', 'default']).describe('default: the default entries decide'),
  rule: z.string().nullable().describe('deciding rule; null: the default action'),
  log: z.string().nullable().describe('rule that logs the packet'),
  packets: count
    .nullable()
    .describe(
      'packets that it decided: the first of each connection, and those re-evaluated after a change; null: unknown',
    ),
  uses: z.array(ruleEntryUseSchema).describe('up to 20'),
});
export type RuleEntry = z.infer<typeof ruleEntrySchema>;
export const ruleEntriesSchema = z.object({
  items: z.array(ruleEntrySchema),
  total: count,
  next: z.string().nullable().describe('pass as `cursor` for the next page'),
});
export type RuleEntries = z.infer<typeof ruleEntriesSchema>;

/** Numbers of entries, pods and packets of each rule, in the order of the rule set. */
export const ruleStatisticsSchema = z.object({
  generation: count,
  items: z.array(
    z.object({
      rule: z.string(),
      index: count,
      pods: count.describe('pods that the rule applies to'),
      entries: count,
      packets: count.nullable().describe('packets that it decided or logged since its entries were written'),
    }),
  ),
  defaults: z.object({ entries: count, packets: count.nullable() }).describe('decided by the default action'),
});
export type RuleStatistics = z.infer<typeof ruleStatisticsSchema>;

/** A rule with the pods that it applies to, its peers and its policy table entries. */
export const ruleViewSchema = z.object({
  set: ruleSetNameSchema,
  source: z
    .enum(['text', 'kubernetes'])
    .describe('kubernetes: of a NetworkPolicy of the cluster, not of the text that was applied here'),
  rule: ruleSchema,
  index: count,
  number: count.describe('number of the rule in kernel entries and verdict events'),
  line: count.nullable(),
  pods: z.array(podName).describe('pods that the rule applies to'),
  peers: z.array(z.string()).describe('CIDRs of the peers, up to 100; empty: any peer'),
  peerCount: count,
  entries: z.array(ruleEntrySchema).describe('up to 100 entries in which it decides or logs'),
  entryCount: count,
  packets: count.nullable(),
  warning: z.string().nullable(),
});
export type RuleView = z.infer<typeof ruleViewSchema>;

/** Result of a dry run of a rule change, which applies nothing. */
export const rulesPlanSchema = z.object({
  rules: ruleSetSchema,
  sizes: ruleSizes,
  limits: ruleSizes,
  warnings: z.array(ruleWarning),
  changes: ruleChanges,
  write: z
    .object({ written: count, removed: count })
    .describe('map elements that applying would write and remove'),
  compileMs: z.number(),
  view: ruleViewSchema
    .nullable()
    .optional()
    .describe('the rule that `rule` in the query names, as it would be compiled; packets are null'),
});
export type RulesPlan = z.infer<typeof rulesPlanSchema>;

const port = z.int().min(0).max(65_535);
const byte = z.int().min(0).max(255);
const end = z.string().min(1).max(320).describe('an address, or a pod by id or `namespace.name`');

/** Request to explain how a rule set decides the first packet of a connection. */
export const explainRequestSchema = z
  .strictObject({
    set: ruleSetNameSchema.default('active'),
    source: end,
    destination: end,
    protocol: z
      .union([z.enum(['tcp', 'udp', 'sctp', 'icmp']), byte])
      .describe('a name, or an IP protocol number'),
    port: port.optional().describe('destination port, of tcp, udp and sctp'),
    icmp: z.strictObject({ type: byte, code: byte.default(0) }).optional(),
  })
  .superRefine(({ protocol, port, icmp }, context) => {
    const hasPorts =
      protocol === 'tcp' ||
      protocol === 'udp' ||
      protocol === 'sctp' ||
      [6, 17, 132].includes(Number(protocol));
    const isIcmp = protocol === 'icmp' || protocol === 1 || protocol === 58;
    if (hasPorts !== (port !== undefined))
      context.addIssue({
        code: 'custom',
        path: ['port'],
        message: hasPorts ? 'required for this protocol' : 'only for tcp, udp and sctp',
      });
    if (isIcmp !== (icmp !== undefined))
      context.addIssue({
        code: 'custom',
        path: ['icmp'],
        message: isIcmp ? 'required for icmp' : 'only for icmp',
      });
  });
export type ExplainRequest = z.infer<typeof explainRequestSchema>;

const verdict = z.enum(['allow', 'deny']);

/** Decision of one pod's rules on a packet, with the kernel map lookups. */
const endpointExplanation = z.object({
  pod: podName,
  direction: directionSchema,
  verdict,
  rule: z.string().nullable().describe('deciding rule; null: the default action'),
  log: z.string().nullable().describe('rule that logs the packet'),
  shadowed: z
    .array(z.string())
    .describe('rules that also match but are not evaluated, because an earlier rule decides'),
  lookups: z.array(
    z.object({
      table: z
        .enum(['pods', 'ipcache', 'policies', 'rule_entries'])
        .describe('BPF map; the staged rule set’s have the prefix `staged_`'),
      key: z.string(),
      value: z.string().nullable().describe('null: no such element'),
    }),
  ),
});

/** What the host's NAT does to existing connections of a flow, by the kernel's conntrack. */
export const flowTranslationSchema = z.object({
  connections: count.describe('existing connections with these real ends; 0: none has the ends of the flow'),
  real: z
    .object({ source: z.string(), destination: z.string(), port: count.nullable() })
    .nullable()
    .describe('the ends behind NAT, which rules see; null: nothing is translated'),
  others: count.describe('further connections with the ends of the flow, whose real ends are others'),
});
export type FlowTranslation = z.infer<typeof flowTranslationSchema>;

/**
 * Decision on a flow: by the egress rules of the source pod and the ingress rules of the destination pod, if they are
 * on this node.
 */
export const ruleExplanationSchema = z.object({
  set: ruleSetNameSchema,
  source: z.string(),
  destination: z.string(),
  protocol: count,
  port: count.nullable(),
  verdict,
  note: z.string().nullable().describe('why no rule applies where one would be expected'),
  translation: flowTranslationSchema
    .nullable()
    .describe(
      'NAT of existing connections, whose real ends are explained; null: both ends are pods of the node, or the host tracks no connections',
    ),
  egress: endpointExplanation
    .nullable()
    .describe('egress rules of the sending pod; null: it is not on this node'),
  ingress: endpointExplanation
    .nullable()
    .describe(
      'ingress rules of the receiving pod; null: it is not on this node, or the packet is dropped at egress',
    ),
});
export type RuleExplanation = z.infer<typeof ruleExplanationSchema>;
