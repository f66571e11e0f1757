import { z } from 'zod';
import { cidrContainsCidr, formatCidr } from '../../../contract/cidr.ts';
import type { LabelSelector } from '../../../contract/rule-set.ts';
import { parseKubernetesCidr } from './kubernetes-cidr.ts';
import {
  absentLabelKeyProblem,
  labelKeyProblem,
  labelValueProblem,
  namespaceName,
  objectName,
  portNameProblem,
} from './kubernetes-names.ts';
import type { ValuePath } from './located-document.ts';

// NetworkPolicy of networking.k8s.io/v1 as the API server decodes, defaults and validates it: pkg/apis/networking/v1/
// defaults.go, pkg/apis/networking/validation, k8s.io/apimachinery/pkg/apis/meta/v1/validation. Null is as missing.
// Unknown fields are refused, as kubectl has them refused: they could restrict traffic.

const nullAsEmpty = <T extends z.ZodType>(schema: T) => z.preprocess((value) => value ?? {}, schema);
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

type Check = { addIssue(issue: { code: 'custom'; path: PropertyKey[]; message: string }): void };
const addProblem = (check: Check, path: ValuePath, message: string | null): void => {
  if (message !== null) check.addIssue({ code: 'custom', path: [...path], message });
};

const labels = z.record(z.string(), text).superRefine((found, check) => {
  for (const [key, value] of Object.entries(found))
    addProblem(check, [key], labelKeyProblem(key) ?? labelValueProblem(value));
});

const expression = z
  .strictObject({
    key: text,
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: z
      .array(text)
      .nullish()
      .transform((values) => values ?? []),
  })
  .superRefine(({ key, operator, values }, check) => {
    const selectsAbsent = operator === 'NotIn' || operator === 'DoesNotExist';
    addProblem(check, ['key'], selectsAbsent ? absentLabelKeyProblem(key) : labelKeyProblem(key));
    const wanted = operator === 'In' || operator === 'NotIn';
    if (wanted && values.length === 0) addProblem(check, ['values'], `${operator} needs at least one value`);
    if (!wanted && values.length > 0) addProblem(check, ['values'], `${operator} takes no values`);
    values.forEach((value, index) => {
      addProblem(check, ['values', index], labelValueProblem(value));
    });
  });

const selector = z
  .strictObject({
    matchLabels: labels.nullish(),
    matchExpressions: z.array(nullAsEmpty(expression)).nullish(),
  })
  .transform(
    ({ matchLabels, matchExpressions }): LabelSelector => ({
      matchLabels: matchLabels ?? {},
      matchExpressions: matchExpressions ?? [],
    }),
  );

/** Parses a CIDR, and returns null after adding the problem. */
function readCidr(check: Check, text: string, path: ValuePath) {
  try {
    return parseKubernetesCidr(text);
  } catch (error) {
    addProblem(check, path, (error as Error).message);
    return null;
  }
}

const ipBlock = z.strictObject({ cidr: text, except: z.array(text).nullish() }).transform((block, check) => {
  const outer = readCidr(check, block.cidr, ['cidr']);
  const inner = (block.except ?? []).map((text, index) => {
    const except = readCidr(check, text, ['except', index]);
    if (outer && except && !isStrictlyInside(outer.cidr, except.cidr))
      addProblem(check, ['except', index], `${text} is not inside ${block.cidr}`);
    return except;
  });
  if (!outer) return z.NEVER;
  const parsed = inner.filter((except) => except !== null);
  return {
    cidr: formatCidr(outer.cidr),
    except: parsed.map(({ cidr }) => formatCidr(cidr)),
    ambiguous: [outer, ...parsed].flatMap(({ ambiguous }) => ambiguous ?? []),
  };
});

const isStrictlyInside = (...[outer, inner]: Parameters<typeof cidrContainsCidr>): boolean =>
  cidrContainsCidr(outer, inner) && inner.length > outer.length;

const peer = z
  .strictObject({
    ipBlock: ipBlock.nullish(),
    podSelector: selector.nullish(),
    namespaceSelector: selector.nullish(),
  })
  .superRefine(({ ipBlock, podSelector, namespaceSelector }, check) => {
    if (ipBlock && (podSelector || namespaceSelector))
      addProblem(check, [], 'ipBlock cannot be combined with selectors');
    if (!ipBlock && !podSelector && !namespaceSelector)
      addProblem(check, [], 'is empty: it needs ipBlock, podSelector or namespaceSelector');
  });
export type NetworkPolicyPeer = z.infer<typeof peer>;

const portNumber = z.int().min(1).max(65_535);
const port = z
  .strictObject({
    protocol: z
      .enum(['TCP', 'UDP', 'SCTP'])
      .nullish()
      .transform((protocol) => protocol ?? 'TCP'),
    port: z.union([portNumber, z.string()]).nullish(),
    endPort: portNumber.nullish(),
  })
  .superRefine(({ port, endPort }, check) => {
    if (typeof port === 'string') {
      addProblem(check, ['port'], portNameProblem(port));
      if (endPort) addProblem(check, ['endPort'], 'is only for a `port` that is a number');
    } else if (endPort && !port) addProblem(check, ['endPort'], 'requires `port`');
    else if (endPort && port && endPort < port) addProblem(check, ['endPort'], 'less than `port`');
  });
export type NetworkPolicyPort = z.infer<typeof port>;

const peers = z.array(nullAsEmpty(peer)).nullish();
const ports = z.array(nullAsEmpty(port)).nullish();
const emptyAsMissing = (value: unknown): unknown => (value === '' ? null : value);

const anything = z.unknown().optional();

// ObjectMeta of k8s.io/apimachinery/pkg/apis/meta/v1. What only a server writes is read over.
const metadata = z.strictObject({
  name: objectName,
  namespace: z.preprocess(emptyAsMissing, namespaceName.nullish()),
  generateName: z.string().nullish(),
  labels: labels.nullish(),
  annotations: z.record(z.string(), text).nullish(),
  selfLink: anything,
  uid: anything,
  resourceVersion: anything,
  generation: anything,
  creationTimestamp: anything,
  deletionTimestamp: anything,
  deletionGracePeriodSeconds: anything,
  ownerReferences: anything,
  finalizers: anything,
  managedFields: anything,
});

const spec = z.strictObject({
  podSelector: selector.nullish(),
  policyTypes: z
    .array(z.enum(['Ingress', 'Egress']))
    .max(2, 'has more than two types')
    .nullish(),
  ingress: z.array(nullAsEmpty(z.strictObject({ from: peers, ports }))).nullish(),
  egress: z.array(nullAsEmpty(z.strictObject({ to: peers, ports }))).nullish(),
});

export const networkPolicySchema = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: nullAsEmpty(metadata),
  spec: nullAsEmpty(spec),
  /** Written by servers of Kubernetes 1.24 to 1.27. */
  status: anything,
});
export type NetworkPolicy = z.infer<typeof networkPolicySchema>;
