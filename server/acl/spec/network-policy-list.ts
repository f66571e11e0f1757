import {
  formatPath,
  type LocatedDocument,
  type LocatedParseError,
  locateZodErrors,
  type ValuePath,
} from './located-document.ts';
import { type NetworkPolicy, networkPolicySchema } from './network-policy-schema.ts';

/** A NetworkPolicy with its place in the text. */
export interface LocatedNetworkPolicy {
  policy: NetworkPolicy;
  /** `namespace/name` */
  key: string;
  /** Returns the line, from 1, of a value of the policy. */
  lineOf(path: ValuePath): number;
}

interface KubernetesObject {
  value: unknown;
  document: LocatedDocument;
  root: ValuePath;
}

/** Number of errors after which the documents that follow are not looked at. */
const maxErrors = 100;

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;

/** Returns true if a value is an object of Kubernetes, of whatever kind, even if it is not valid. */
export const isKubernetesObject = (value: unknown): boolean =>
  fieldOf(value, 'kind') !== undefined || fieldOf(value, 'apiVersion') !== undefined;

/**
 * Reads the NetworkPolicies of all documents, those in lists included, in their order. Of policies with one name in
 * one namespace all are returned.
 */
export function readNetworkPolicies(documents: readonly LocatedDocument[]): {
  policies: LocatedNetworkPolicy[];
  errors: LocatedParseError[];
} {
  const policies: LocatedNetworkPolicy[] = [];
  const errors: LocatedParseError[] = [];
  for (const document of documents) {
    if (errors.length >= maxErrors) break;
    for (const object of listObjects({ value: document.value, document, root: [] }, errors)) {
      const { value, root } = object;
      const kind = fieldOf(value, 'kind');
      const parsed = networkPolicySchema.safeParse(value);
      if (parsed.success) {
        const { name, namespace } = parsed.data.metadata;
        policies.push({
          policy: parsed.data,
          key: `${namespace ?? 'default'}/${name}`,
          lineOf: (path) => document.lineOf([...root, ...path]),
        });
      } else if (typeof kind === 'string' && kind !== 'NetworkPolicy')
        addError(errors, object, ['kind'], `${JSON.stringify(kind)} is not NetworkPolicy`);
      else for (const error of locateZodErrors(parsed.error, document, root)) errors.push(error);
    }
  }
  return { policies, errors };
}

function addError(
  errors: LocatedParseError[],
  { document, root }: KubernetesObject,
  path: ValuePath,
  message: string,
): void {
  const whole = [...root, ...path];
  errors.push({ path: formatPath(whole), message, line: document.lineOf(whole) });
}

/** Versions of the kinds that are lists. */
const listVersions: Record<string, string> = { List: 'v1', NetworkPolicyList: 'networking.k8s.io/v1' };
const listFields = new Set(['apiVersion', 'kind', 'metadata', 'items']);

/** Lists the objects of a document. Lists may contain lists, as kubectl takes them. */
function listObjects(object: KubernetesObject, errors: LocatedParseError[]): KubernetesObject[] {
  const { value, document, root } = object;
  const kind = fieldOf(value, 'kind');
  const version = typeof kind === 'string' && Object.hasOwn(listVersions, kind) ? listVersions[kind] : null;
  if (version === null) return [object];
  if (fieldOf(value, 'apiVersion') !== version)
    addError(errors, object, ['apiVersion'], `a ${String(kind)} has ${JSON.stringify(version)}`);
  for (const key of Object.keys(value as object))
    if (!listFields.has(key)) addError(errors, object, [key], 'unknown field');
  const items = fieldOf(value, 'items') ?? [];
  if (!Array.isArray(items)) {
    addError(errors, object, ['items'], 'is not a list');
    return [];
  }
  return items.flatMap((item: unknown, index) =>
    listObjects(
      {
        value: kind === 'NetworkPolicyList' ? withKind(item) : item,
        document,
        root: [...root, 'items', index],
      },
      errors,
    ),
  );
}

/** Adds kind and version to an item of a list whose kind tells them, as servers leave them out. */
function withKind(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
  const { kind, apiVersion } = item as { kind?: unknown; apiVersion?: unknown };
  return {
    ...item,
    kind: kind || 'NetworkPolicy',
    apiVersion: apiVersion || 'networking.k8s.io/v1',
  };
}

/** Lists the names of the NetworkPolicies of a valid document as `namespace/name`. */
export function listPolicyNames(value: unknown): string[] {
  const items = fieldOf(value, 'items');
  if (Object.hasOwn(listVersions, String(fieldOf(value, 'kind'))))
    return Array.isArray(items) ? items.flatMap(listPolicyNames) : [];
  const metadata = fieldOf(value, 'metadata');
  return [`${String(fieldOf(metadata, 'namespace') || 'default')}/${String(fieldOf(metadata, 'name'))}`];
}
