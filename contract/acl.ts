import { z } from 'zod';
import { cidrText, covers, parseCidr } from './cidr.ts';

/** Rules of one set, at most. */
export const maxRules = 10_000;
/** The label that stands for a pod's namespace, as Kubernetes puts it on namespaces. */
export const namespaceLabel = 'kubernetes.io/metadata.name';

const mapped = parseCidr('::ffff:0.0.0.0/96');

/** What is wrong with the text as a range of addresses, in a sentence; null when nothing is. */
function cidrProblem(text: string): string | null {
  if (!text.includes('/'))
    return `no prefix length: ${text}/${text.includes(':') ? 128 : 32} for a single address`;
  try {
    const cidr = parseCidr(text);
    if (covers(mapped, cidr)) return 'an IPv4 address in IPv6’s clothes: write it as IPv4';
    const [, length] = text.split('/');
    // With a length of all bits, an address is equal to its range, whatever its spelling.
    const whole = parseCidr(text.slice(0, text.indexOf('/')));
    if (whole.address !== cidr.address)
      return `bits are set after the first ${length}: write ${cidrText(cidr)}`;
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const cidr = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const message = cidrProblem(text);
    if (message !== null) context.addIssue({ code: 'custom', message });
  })
  .overwrite((text) => (cidrProblem(text) === null ? cidrText(parseCidr(text)) : text))
  .describe('of either family, e.g. 10.0.0.0/8');

const labels = z.record(z.string().max(317), z.string().max(63));

const labelExpression = z
  .strictObject({
    key: z.string().min(1).max(317),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: z.array(z.string().max(63)).max(256).default([]),
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

export const selector = z
  .strictObject({ matchLabels: labels.default({}), matchExpressions: z.array(labelExpression).default([]) })
  .describe(`all must hold; empty: every pod. ${namespaceLabel} is the pod’s namespace`);
export type Selector = z.infer<typeof selector>;

const namespace = z.string().min(1).max(63);

/** Whose packets a rule judges. */
export const subject = z.union([
  z.strictObject({ pod: z.string().min(1).max(320).describe('id or namespace.name') }),
  z.strictObject({ selector, namespace: namespace.optional() }),
  z.strictObject({ namespace }),
  z.strictObject({ all: z.literal(true) }),
]);
export type Subject = z.infer<typeof subject>;

export const cidrPeer = z
  .strictObject({ cidr, except: z.array(cidr).max(1024).default([]) })
  .superRefine(({ cidr, except }, context) => {
    if (cidrProblem(cidr) !== null) return;
    const outer = parseCidr(cidr);
    except.forEach((text, index) => {
      if (cidrProblem(text) !== null) return;
      const inner = parseCidr(text);
      if (!covers(outer, inner) || inner.length === outer.length)
        context.addIssue({
          code: 'custom',
          path: ['except', index],
          message: `${text} is not a part of ${cidr}`,
        });
    });
  });
const podPeer = z.strictObject({ pods: selector, namespace: namespace.optional() });
export type PodPeer = z.infer<typeof podPeer>;

/** Who is at the other end. */
export const peer = z.union([cidrPeer, podPeer]);
export type Peer = z.infer<typeof peer>;

const port = z.int().min(0).max(65_535);
const byte = z.int().min(0).max(255);

export const portRange = z
  .strictObject({ from: port, to: port.optional().describe('included; default: `from` alone') })
  .refine(({ from, to }) => to === undefined || to >= from, { path: ['to'], error: 'less than `from`' });

export const direction = z.enum(['ingress', 'egress']).describe('ingress: towards the pod');
export type Direction = z.infer<typeof direction>;
export const ruleProtocol = z
  .enum(['any', 'tcp', 'udp', 'sctp', 'icmp'])
  .describe('icmp: ICMP of IPv4 packets, ICMPv6 of IPv6 packets');
export type RuleProtocol = z.infer<typeof ruleProtocol>;

export const rule = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(400)
      .regex(/^\P{C}+$/u, 'has a control character'),
    direction,
    subject,
    peers: z.array(peer).max(4096).default([]).describe('any of them; empty: anyone'),
    protocol: ruleProtocol.default('any'),
    ports: z.array(portRange).max(1024).default([]).describe('destination; any of them; empty: all'),
    icmp: z
      .array(z.strictObject({ type: byte, code: byte.optional() }))
      .max(256)
      .default([])
      .describe('types of the packet’s own family (echo request: 8 of ICMP, 128 of ICMPv6); empty: all'),
    action: z.enum(['allow', 'deny', 'log']).describe('log: is recorded, and the next rule is asked'),
    priority: port.default(1000).describe('the lower one is asked first; among equals, the earlier one'),
  })
  .superRefine(({ protocol, ports, icmp }, context) => {
    if (ports.length > 0 && (protocol === 'any' || protocol === 'icmp'))
      context.addIssue({ code: 'custom', path: ['ports'], message: `ports need tcp, udp or sctp` });
    if (icmp.length > 0 && protocol !== 'icmp')
      context.addIssue({ code: 'custom', path: ['icmp'], message: 'types need the protocol icmp' });
  });
export type Rule = z.infer<typeof rule>;

const fallback = z.enum(['allow', 'deny']);

/** What decides which new connections the node's pods may have; replies to allowed ones always pass. */
export const ruleSet = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'lower case letters, digits, - and . (RFC 1123)'),
    defaults: z
      .strictObject({ ingress: fallback.default('allow'), egress: fallback.default('allow') })
      .prefault({})
      .describe('for packets that no rule decides'),
    rules: z.array(rule),
  })
  .superRefine(({ rules }, context) => {
    if (rules.length > maxRules)
      context.addIssue({
        code: 'custom',
        path: ['rules', maxRules],
        message: `${rules.length} rules are too many: the first ${maxRules} end before this one`,
      });
    const names = new Map<string, number>();
    rules.forEach(({ name }, index) => {
      const first = names.get(name);
      if (first === undefined) names.set(name, index);
      else
        context.addIssue({
          code: 'custom',
          path: ['rules', index, 'name'],
          message: `rule ${first + 1} has the name ${JSON.stringify(name)} already`,
        });
    });
  });
export type RuleSet = z.infer<typeof ruleSet>;
/** `ruleSet` before its defaults. */
export type RuleSetInput = z.input<typeof ruleSet>;
