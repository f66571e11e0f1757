import { z } from 'zod';
import { cidrPeer, namespaceLabel, type RuleSet, type RuleSetInput, ruleSet, type Selector } from '../../../contract/acl.ts';
import { type Direction } from '../../../contract/direction.ts';
import { type Complaint, complaintsOf, type Path, type Source } from './located-document.ts';

// networking.k8s.io/v1. Fields that are not known here could forbid something, so they are refused.

const nothing = <T>(value: T | null | undefined): T | undefined => value ?? undefined;
const labels = z.record(z.string(), z.string());
const expression = z.strictObject({
  key: z.string().min(1),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).nullish(),
});
const selector = z
  .strictObject({ matchLabels: labels.nullish(), matchExpressions: z.array(expression).nullish() })
  .transform(
    ({ matchLabels, matchExpressions }): Selector => ({
      matchLabels: matchLabels ?? {},
      matchExpressions: (matchExpressions ?? []).map((each) => ({ ...each, values: each.values ?? [] })),
    }),
  );

const namespaceSelector = selector.superRefine(({ matchLabels, matchExpressions }, context) => {
  const known = (key: string, path: Path): void => {
    if (key !== namespaceLabel)
      context.addIssue({
        code: 'custom',
        path: [...path],
        message: `namespaces have no label ${key} here, only ${namespaceLabel}`,
      });
  };
  for (const key of Object.keys(matchLabels)) known(key, ['matchLabels', key]);
  matchExpressions.forEach(({ key }, index) => {
    known(key, ['matchExpressions', index, 'key']);
  });
});

const peer = z
  .strictObject({
    ipBlock: cidrPeer.nullish(),
    podSelector: selector.nullish(),
    namespaceSelector: namespaceSelector.nullish(),
  })
  .superRefine(({ ipBlock, podSelector, namespaceSelector }, context) => {
    if (ipBlock && (podSelector || namespaceSelector))
      context.addIssue({ code: 'custom', message: 'ipBlock stands alone, without selectors' });
    if (!ipBlock && !podSelector && !namespaceSelector)
      context.addIssue({
        code: 'custom',
        message: 'names nobody: ipBlock, podSelector or namespaceSelector',
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
    const complain = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (typeof port === 'string')
      complain('port', `the port name ${JSON.stringify(port)} is not known here: write its number`);
    else if (nothing(endPort) !== undefined && nothing(port) === undefined)
      complain('endPort', 'needs `port`');
    else if (endPort && port && endPort < port) complain('endPort', 'less than `port`');
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

/** Whether it is meant as a NetworkPolicy or a list of some, well made or not. */
export const isNetworkPolicy = (value: unknown): boolean =>
  kindOf(value) === 'NetworkPolicy' || isList(value);

/** Policies allow, together; a pod of which one speaks may have nothing else in that direction. */
const allowed = 1000;
const theRest = 2000;

/**
 * Makes one rule set of all policies: a rule for each of theirs and protocol, and one behind them that denies.
 * Ports that name no protocol are TCP's; pods of other nodes are known only by address.
 */
export function readNetworkPolicies(
  sources: readonly Source[],
): { ruleSet: RuleSet; lineOf(index: number): number } | { wrong: Complaint[] } {
  const wrong: Complaint[] = [];
  const rules: (RuleInput & { line: number })[] = [];
  for (const source of sources) {
    const items = isList(source.value) ? (source.value as { items?: unknown[] | null }).items : null;
    const places = Array.isArray(items)
      ? items.map((value, index) => ({ value, root: ['items', index] as Path }))
      : [{ value: source.value, root: [] as Path }];
    for (const { value, root } of places) {
      const parsed = networkPolicy.safeParse(value);
      if (!parsed.success) wrong.push(...complaintsOf(parsed.error, source, root));
      else
        for (const { path, ...rule } of rulesOf(parsed.data))
          rules.push({ ...rule, line: source.lineOf([...root, ...path]) });
    }
  }
  if (wrong.length > 0) return { wrong };
  const lineOf = (index: number): number => rules[index]?.line ?? 1;
  const parsed = ruleSet.safeParse({
    name: 'network-policies',
    rules: rules.map(({ line: _, ...rule }) => rule),
  });
  if (parsed.success) return { ruleSet: parsed.data, lineOf };
  const whole: Source = { value: null, lineOf: ([, index]) => lineOf(Number(index ?? 0)) };
  return { wrong: complaintsOf(parsed.error, whole) };
}

function rulesOf({ metadata, spec }: NetworkPolicy): (RuleInput & { path: Path })[] {
  const namespace = metadata.namespace ?? 'default';
  const subject = { selector: spec.podSelector ?? { matchLabels: {}, matchExpressions: [] }, namespace };
  const types = spec.policyTypes ?? (spec.egress ? ['Ingress', 'Egress'] : ['Ingress']);
  const sides = [
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
  return sides
    .filter(({ type }) => types.includes(type))
    .flatMap(({ direction, from }) => {
      const named = `${namespace}/${metadata.name} ${direction}`;
      const about = { direction: direction as Direction, subject };
      const allow = from.flatMap(({ peers, ports }, index) =>
        byProtocol(ports).map((matched) => ({
          ...about,
          ...matched,
          action: 'allow' as const,
          priority: allowed,
          name: `${named} ${index + 1}${matched.protocol === 'any' ? '' : ` ${matched.protocol}`}`,
          peers: (peers ?? []).map((peer) => peerOf(peer, namespace)),
          path: ['spec', direction, index],
        })),
      );
      const deny = { ...about, name: `${named} rest`, action: 'deny' as const, priority: theRest };
      return [...allow, { ...deny, path: ['spec'] }];
    });
}

/** A selector of pods alone means those of the policy's namespace; one of namespaces alone, all their pods. */
function peerOf({ ipBlock, podSelector, namespaceSelector }: z.infer<typeof peer>, namespace: string) {
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

function byProtocol(ports: z.infer<typeof port>[] | null | undefined) {
  if (!ports || ports.length === 0) return [{ protocol: 'any' as const }];
  const protocols = [...new Set(ports.map(({ protocol }) => protocol ?? 'TCP'))];
  return protocols.map((protocol) => {
    const own = ports.filter((each) => (each.protocol ?? 'TCP') === protocol);
    const ranges = own.map(({ port, endPort }) => ({ from: Number(port), to: endPort ?? undefined }));
    return {
      protocol: protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp',
      // One without a port means them all.
      ports: own.some(({ port }) => nothing(port) === undefined) ? [] : ranges,
    };
  });
}
