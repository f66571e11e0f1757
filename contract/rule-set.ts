import { z } from 'zod';
import { type Cidr, cidrContainsCidr, formatCidr, parseAddress, parseCidr } from './cidr.ts';
import { directionSchema } from './direction.ts';

/** Maximum number of rules in one set. */
export const maxRules = 10_000;
/** Says that a set has more rules. */
export const tooManyRules = (count: number): string => `${count} rules; the limit is ${maxRules}`;
/** Maximum length of one list of a rule: peers, exceptions, ports, values of a label. */
const maxListed = 65_536;
/** Label with the name of a pod's namespace, which Kubernetes sets on every namespace. */
export const namespaceNameLabel = 'kubernetes.io/metadata.name';

const mapped = parseCidr('::ffff:0.0.0.0/96');

/** A CIDR of a rule as it was written, or why rules do not accept it. */
type CheckedCidr = { cidr: Cidr; problem: null } | { cidr: null; problem: string };

/** The CIDR that was checked last: a schema asks several times for each, and a rule set may have 100,000. */
let lastChecked: { text: string; checked: CheckedCidr } | null = null;

/** Parses a CIDR that rules accept. */
function checkCidr(text: string): CheckedCidr {
  if (lastChecked?.text !== text) lastChecked = { text, checked: parseRuleCidr(text) };
  return lastChecked.checked;
}

function parseRuleCidr(text: string): CheckedCidr {
  const reject = (problem: string): CheckedCidr => ({ cidr: null, problem });
  if (!text.includes('/'))
    return reject(
      `has no prefix length; write ${text}/${text.includes(':') ? 128 : 32} for a single address`,
    );
  try {
    const cidr = parseCidr(text);
    if (cidrContainsCidr(mapped, cidr)) return reject('IPv4-mapped IPv6 address; use the IPv4 form');
    const [before = '', length] = text.split('/');
    // Parsed without its length, so that two spellings of one address are equal.
    if (parseAddress(before).value !== cidr.address)
      return reject(`has host bits set after /${length}; write ${formatCidr(cidr)}`);
    return { cidr, problem: null };
  } catch (error) {
    return reject((error as Error).message);
  }
}

const cidr = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const { problem } = checkCidr(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  })
  .overwrite((text) => {
    const { cidr } = checkCidr(text);
    return cidr === null ? text : formatCidr(cidr);
  })
  .describe('IPv4 or IPv6 CIDR, e.g. 10.0.0.0/8');

const labels = z.record(z.string().max(317), z.string().max(63));

const labelExpression = z
  .strictObject({
    key: z.string().min(1).max(317),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: z.array(z.string().max(63)).max(maxListed).default([]),
  })
  .superRefine(({ operator, values }, context) => {
    const wanted = operator === 'In' || operator === 'NotIn';
    if (wanted !== values.length > 0)
      context.addIssue({
        code: 'custom',
        path: ['values'],
        message: wanted ? `${operator} needs at least one value` : `${operator} takes no values`,
      });
  });

export const labelSelectorSchema = z
  .strictObject({ matchLabels: labels.default({}), matchExpressions: z.array(labelExpression).default([]) })
  .describe(
    `all terms must match; empty: every pod. Where \`namespaces\` is missing, ${namespaceNameLabel} is the namespace of the pod and not a label of its own`,
  );
export type LabelSelector = z.infer<typeof labelSelectorSchema>;

const namespace = z.string().min(1).max(63);
const namespaces = labelSelectorSchema
  .optional()
  .describe(
    `selects by labels of the namespace; besides ${namespaceNameLabel}, those that Kubernetes or PUT /namespaces/:name told`,
  );

/** Selector of the pods that a rule applies to. */
export const ruleSubjectSchema = z.union([
  z.strictObject({ pod: z.string().min(1).max(320).describe('pod id or namespace.name') }),
  z.strictObject({ selector: labelSelectorSchema, namespace: namespace.optional(), namespaces }),
  z.strictObject({ namespace }),
  z.strictObject({ all: z.literal(true) }),
]);
export type RuleSubject = z.infer<typeof ruleSubjectSchema>;

export const cidrPeerSchema = z
  .strictObject({ cidr, except: z.array(cidr).max(maxListed).default([]) })
  .superRefine(({ cidr, except }, context) => {
    if (except.length === 0) return;
    const { cidr: outer } = checkCidr(cidr);
    if (outer === null) return;
    except.forEach((text, index) => {
      const { cidr: inner } = checkCidr(text);
      if (inner === null) return;
      if (!cidrContainsCidr(outer, inner) || inner.length === outer.length)
        context.addIssue({
          code: 'custom',
          path: ['except', index],
          message: `${text} is not inside ${cidr}`,
        });
    });
  });
const podPeer = z.strictObject({ pods: labelSelectorSchema, namespace: namespace.optional(), namespaces });
export type PodPeer = z.infer<typeof podPeer>;
const nodePeer = z
  .strictObject({ node: z.literal(true) })
  .describe('the node itself: the addresses of its interfaces that have a default route');

/** Peer term of a rule: addresses, pods or the node at the other end of the connection. */
export const rulePeerSchema = z.union([cidrPeerSchema, podPeer, nodePeer]);
export type RulePeer = z.infer<typeof rulePeerSchema>;

const port = z.int().min(0).max(65_535);
const byte = z.int().min(0).max(255);

const portRange = z
  .strictObject({ from: port, to: port.optional().describe('inclusive; default: `from`') })
  .refine(({ from, to }) => to === undefined || to >= from, { path: ['to'], error: 'less than `from`' });
export type PortRange = z.infer<typeof portRange>;

/** Name of a port, as Kubernetes validates it (IANA_SVC_NAME, RFC 6335). */
export const portNameSchema = z
  .string()
  .regex(
    /^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/,
    'is not the name of a port: use up to 15 lowercase letters, digits and single -, with at least one letter and none of the - at an end',
  );
const namedPort = z
  .strictObject({ name: portNameSchema })
  .describe('the port of this name and the rule’s protocol that the pod has which receives the packet');

const rulePort = z.union([portRange, namedPort]);
/** Ports of a rule by number, or by the name that the receiving pod gives one. */
export type RulePort = z.infer<typeof rulePort>;

export const ruleProtocolSchema = z
  .enum(['any', 'tcp', 'udp', 'sctp', 'icmp'])
  .describe('icmp: ICMP of IPv4 packets, ICMPv6 of IPv6 packets');
export type RuleProtocol = z.infer<typeof ruleProtocolSchema>;

export const ruleSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(400)
      .regex(/^\P{C}+$/u, 'has a control character'),
    direction: directionSchema,
    subject: ruleSubjectSchema,
    peers: z.array(rulePeerSchema).max(maxListed).default([]).describe('any of these; empty: any peer'),
    protocol: ruleProtocolSchema.default('any'),
    ports: z
      .array(rulePort)
      .max(maxListed)
      .default([])
      .describe('destination ports, any of these; empty: all'),
    icmp: z
      .array(z.strictObject({ type: byte, code: byte.optional() }))
      .max(256)
      .default([])
      .describe('types of the packet’s own family (echo request: 8 in ICMP, 128 in ICMPv6); empty: all'),
    action: z
      .enum(['allow', 'deny', 'log'])
      .describe('log: records the packet and continues with the next rule'),
    priority: port.default(1000).describe('lower numbers are evaluated first, equal ones in their order'),
  })
  .superRefine(({ protocol, ports, icmp }, context) => {
    if (ports.length > 0 && (protocol === 'any' || protocol === 'icmp'))
      context.addIssue({
        code: 'custom',
        path: ['ports'],
        message: 'ports require protocol tcp, udp or sctp',
      });
    if (icmp.length > 0 && protocol !== 'icmp')
      context.addIssue({ code: 'custom', path: ['icmp'], message: 'types require protocol icmp' });
  });
export type Rule = z.infer<typeof ruleSchema>;

const defaultAction = z.enum(['allow', 'deny']);

/** A set of rules for new connections of the node's pods. Replies of allowed connections always pass. */
export const ruleSetSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'use lowercase letters, digits, - and . (RFC 1123)'),
    defaults: z
      .strictObject({ ingress: defaultAction.default('allow'), egress: defaultAction.default('allow') })
      .prefault({})
      .describe('default actions, for packets that no rule decides'),
    rules: z.array(ruleSchema),
  })
  .superRefine(({ rules }, context) => {
    if (rules.length > maxRules)
      context.addIssue({
        code: 'custom',
        path: ['rules', maxRules],
        message: tooManyRules(rules.length),
      });
    const names = new Map<string, number>();
    rules.forEach(({ name }, index) => {
      const first = names.get(name);
      if (first === undefined) names.set(name, index);
      else
        context.addIssue({
          code: 'custom',
          path: ['rules', index, 'name'],
          message: `rule ${first + 1} already has the name ${JSON.stringify(name)}`,
        });
    });
  });
export type RuleSet = z.infer<typeof ruleSetSchema>;
/** A rule set as the client sends it, before defaults are filled in. */
export type RuleSetInput = z.input<typeof ruleSetSchema>;
