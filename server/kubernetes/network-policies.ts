import { createHash } from 'node:crypto';
import { ProblemError } from '../../contract/problem.ts';
import type { Rule } from '../../contract/rule-set.ts';
import { type ClusterPolicy, readClusterPolicy } from '../acl/cluster/cluster-policy.ts';
import type { ApiObject, WatchedResource } from './reflector.ts';

/** Annotation of a NetworkPolicy with its outcome. */
export const statusAnnotation = 'podlane.io/status';

/** A NetworkPolicy as the cluster has it, with the rules that it stands for. */
export interface WatchedPolicy extends ClusterPolicy {
  name: string;
  resourceVersion: string;
  /** Digest of its specification. */
  digest: string;
  /** Why the specification is not understood; `rules` are then those of before. */
  problem: string | null;
  /** Value of the annotation with its status; null without one. */
  status: string | null;
}

/**
 * Watches NetworkPolicies. One that is not understood keeps the rules that it had.
 * @param lastKnown finds the rules that a policy had when the agent ran last
 */
export const networkPoliciesResource = (
  lastKnown: (uid: string) => readonly Rule[] | undefined,
): WatchedResource<WatchedPolicy> => ({
  resource: 'network policies',
  paths: ['/apis/networking.k8s.io/v1/networkpolicies'],
  project(object, before) {
    const { metadata, spec = {} } = object as ApiObject & { spec?: unknown };
    const { name, namespace = 'default', uid = '', resourceVersion = '', generation = 0 } = metadata;
    const digest = createHash('sha256').update(JSON.stringify(spec)).digest('base64');
    const known = before?.uid === uid ? before : undefined;
    const shared = {
      key: `${namespace}/${name}`,
      namespace,
      name,
      uid,
      generation,
      resourceVersion,
      digest,
      status: metadata.annotations?.[statusAnnotation] ?? null,
    };
    if (known?.digest === digest) return { ...shared, rules: known.rules, problem: known.problem };
    try {
      return { ...shared, rules: readClusterPolicy(namespace, name, spec), problem: null };
    } catch (error) {
      const problem = error instanceof ProblemError ? error.message : String(error);
      return { ...shared, rules: known?.rules ?? lastKnown(uid) ?? [], problem };
    }
  },
});
