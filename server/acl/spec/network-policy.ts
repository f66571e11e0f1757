import { z } from 'zod';
import {
  cidrPeerSchema,
  type LabelSelector,
  namespaceNameLabel,
  type RuleSet,
  type RuleSetInput,
  ruleSetSchema,
} from '../../../contract/acl.ts';
import type { Direction } from '../../../contract/direction.ts';
import {
  type LocatedDocument,
  type LocatedParseError,
  locateZodErrors,
  type ValuePath,
} from './located-document.ts';

// Schema of networking.k8s.io/v1. Unknown fields are rejected, since they could restrict traffic.

const orUndefined = <T>(value: T | null | undefined): T | undefined => value ?? undefined;
const labels = z.record(z.string(), z.string());
const expression = z.strictObject({
  key: z.string().min(1),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).nullish(),
});
const selector = z
  .strictObject({ matchLabels: labels.nullish(), matchExpressions: z.array(expression).nullish() })
  .transform(
    ({ matchLabels, matchExpressions }): LabelSelector => ({
      matchLabels: matchLabels ?? {},
      matchExpressions: (matchExpressions ?? []).map((each) => ({ ...each, values: each.values ?? [] })),
    }),
  );

const namespaceSelector = selector.superRefine(({ matchLabels, matchExpressions }, context) => {
  const checkKey = (key: string, path: ValuePath): void => {
    if (key !== namespaceNameLabel)
      context.addIssue({
        code: 'custom',
        path: [...path],
        message: `namespace label ${key} is not known to Podlane; only ${namespaceNameLabel} is`,
      });
  };
  for (const key of Object.keys(matchLabels)) checkKey(key, ['matchLabels', key]);
  matchExpressions.forEach(({ key }, index) => {
    checkKey(key, ['matchExpressions', index, 'key']);
  });
});

const peer = z
  .strictObject({
    ipBlock: cidrPeerSchema.nullish(),
    podSelector: selector.nullish(),
    namespaceSelector: namespaceSelector.nullish(),
  })
  .superRefine(({ ipBlock, podSelector, namespaceSelector }, context) => {
    if (ipBlock && (podSelector || namespaceSelector))
      context.addIssue({ code: 'custom', message: 'ipBlock cannot be combined with selectors' });
    if (!ipBlock && !podSelector && !namespaceSelector)
      context.addIssue({
        code: 'custom',
        message: 'is empty: it needs ipBlock, podSelector or namespaceSelector',
      });
  });

const portNumber = z.int().min(1).max(65_535);
const port = z
  .strictObject({
    protocol: z.enum(['TCP', 'UDP', 'SCTP']).nullish(),
    port: z.union([portNumber, z.string()]).nullish(),
    endPort: portNumber.nullish(),
  })
  .superRefine(({ port, endPort }, context) => {
    const addIssue = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (typeof port === 'string')
      addIssue('port', `named port ${JSON.stringify(port)} is not supported; use its number`);
    else if (orUndefined(endPort) !== undefined && orUndefined(port) === undefined)
      addIssue('endPort', 'requires `port`');
    else if (endPort && port && endPort < port) addIssue('endPort', 'less than `port`');
  });

const ports = z.array(port).nullish();
const peers = z.array(peer).nullish();
const networkPolicy = z.object({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: z.looseObject({
    name: z.string().min(1).max(253),
    namespace: z.string().min(1).max(63).nullish(),
  }),
  spec: z.strictObject({
    podSelector: selector.nullish(),
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])).nullish(),
    ingress: z.array(z.strictObject({ from: peers, ports })).nullish(),
    egress: z.array(z.strictObject({ to: peers, ports })).nullish(),
  }),
});
type NetworkPolicy = z.infer<typeof networkPolicy>;
type RuleInput = RuleSetInput['rules'][number];

const kindOf = (value: unknown): unknown => (value as { kind?: unknown } | null)?.kind;
const isList = (value: unknown): boolean => kindOf(value) === 'List' || kindOf(value) === 'NetworkPolicyList';

/** Returns true if the kind of a value is NetworkPolicy or a list, even if the value is not valid. */
export const isNetworkPolicy = (value: unknown): boolean =>
  kindOf(value) === 'NetworkPolicy' || isList(value);

// Policies are additive and only allow; a pod that one of them selects is denied everything else in that direction.
const allowPriority = 1000;
const denyPriority = 2000;

/**
 * Converts all policies to one rule set: a rule for each of their rules and protocols, and one after them that denies
 * the rest. A port without a protocol is TCP's. Selectors only match pods of this node.
 */
export function convertNetworkPolicies(
  documents: readonly LocatedDocument[],
): { ruleSet: RuleSet; lineOf(index: number): number } | { errors: LocatedParseError[] } {
  const errors: LocatedParseError[] = [];
  const rules: (RuleInput & { line: number })[] = [];
  for (const document of documents) {
    const items = isList(document.value) ? (document.value as { items?: unknown[] | null }).items : null;
    const policies = Array.isArray(items)
      ? items.map((value, index) => ({ value, root: ['items', index] as ValuePath }))
      : [{ value: document.value, root: [] as ValuePath }];
    for (const { value, root } of policies) {
      const parsed = networkPolicy.safeParse(value);
      if (!parsed.success) errors.push(...locateZodErrors(parsed.error, document, root));
      else
        for (const { path, ...rule } of convertRules(parsed.data))
          rules.push({ ...rule, line: document.lineOf([...root, ...path]) });
    }
  }
  if (errors.length > 0) return { errors };
  const lineOf = (index: number): number => rules[index]?.line ?? 1;
  const parsed = ruleSetSchema.safeParse({
    name: 'network-policies',
    rules: rules.map(({ line: _, ...rule }) => rule),
  });
  if (parsed.success) return { ruleSet: parsed.data, lineOf };
  const converted: LocatedDocument = { value: null, lineOf: ([, index]) => lineOf(Number(index ?? 0)) };
  return { errors: locateZodErrors(parsed.error, converted) };
}

function convertRules({ metadata, spec }: NetworkPolicy): (RuleInput & { path: ValuePath })[] {
  const namespace = metadata.namespace ?? 'default';
  const subject = { selector: spec.podSelector ?? { matchLabels: {}, matchExpressions: [] }, namespace };
  const types = spec.policyTypes ?? (spec.egress ? ['Ingress', 'Egress'] : ['Ingress']);
  const directions = [
    {
      type: 'Ingress',
      direction: 'ingress',
      from: (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })),
    },
    {
      type: 'Egress',
      direction: 'egress',
      from: (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports })),
    },
  ] as const;
  return directions
    .filter(({ type }) => types.includes(type))
    .flatMap(({ direction, from }) => {
      const prefix = `${namespace}/${metadata.name} ${direction}`;
      const shared = { direction: direction as Direction, subject };
      const allow = from.flatMap(({ peers, ports }, index) =>
        splitByProtocol(ports).map((matched) => ({
          ...shared,
          ...matched,
          action: 'allow' as const,
          priority: allowPriority,
          name: `${prefix} ${index + 1}${matched.protocol === 'any' ? '' : ` ${matched.protocol}`}`,
          peers: (peers ?? []).map((peer) => convertPeer(peer, namespace)),
          path: ['spec', direction, index],
        })),
      );
      const deny = { ...shared, name: `${prefix} rest`, action: 'deny' as const, priority: denyPriority };
      return [...allow, { ...deny, path: ['spec'] }];
    });
}

/**
 * Converts a NetworkPolicy peer: podSelector alone selects pods in the policy's namespace, namespaceSelector alone all
 * pods of the selected namespaces.
 */
function convertPeer({ ipBlock, podSelector, namespaceSelector }: z.infer<typeof peer>, namespace: string) {
  if (ipBlock) return ipBlock;
  const pods = podSelector ?? { matchLabels: {}, matchExpressions: [] };
  if (!namespaceSelector) return { pods, namespace };
  return {
    pods: {
      matchLabels: { ...pods.matchLabels, ...namespaceSelector.matchLabels },
      matchExpressions: [...pods.matchExpressions, ...namespaceSelector.matchExpressions],
    },
  };
}

function splitByProtocol(ports: z.infer<typeof port>[] | null | undefined) {
  if (!ports || ports.length === 0) return [{ protocol: 'any' as const }];
  const protocols = [...new Set(ports.map(({ protocol }) => protocol ?? 'TCP'))];
  return protocols.map((protocol) => {
    const own = ports.filter((each) => (each.protocol ?? 'TCP') === protocol);
    const ranges = own.map(({ port, endPort }) => ({ from: Number(port), to: endPort ?? undefined }));
    return {
      protocol: protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp',
      // A port entry without a number means all ports.
      ports: own.some(({ port }) => orUndefined(port) === undefined) ? [] : ranges,
    };
  });
}
