import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { KubernetesStatus } from '../../contract/kubernetes.ts';
import { TaskScope } from '../async/task-scope.ts';
import { hasStatus } from './api-error.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { statusAnnotation, type WatchedPolicy } from './network-policies.ts';

/**
 * Longest delay in ms before a status is written: agents of all nodes find that a policy changed at once, and those that
 * come later see what the first one has written.
 */
const spreadMs = 1000;
/** Time in ms for which nothing is written after the API server has forbidden it. */
const forbiddenMs = 600_000;
/** Events that may be written at once, and how many more a minute. */
const eventBudget = { atOnce: 25, perMinute: 10 } as const;
/** Most policies whose last event is remembered. */
const maxRemembered = 10_000;
/** Maximum length of a message of an event (core/v1). */
const maxMessage = 1000;

/** What a node has done with a policy. */
export interface PolicyOutcome {
  state: 'applied' | 'refused';
  reason: string | null;
}

/** Content of the annotation: of one node for all, unless a node refuses. */
interface PolicyStatus extends PolicyOutcome {
  generation: number;
  node: string;
}

export interface PolicyStatusOptions {
  api: KubernetesApi;
  node: string;
  log: Logger;
  /** Finds a policy as it is now. */
  find(key: string): WatchedPolicy | undefined;
}

/**
 * Writes the outcome of NetworkPolicies to them: an annotation and an event. The first node that applied a version of a policy
 * says so for all, and each that refuses it says so for itself, so that a policy is written once however many nodes there are.
 */
export class PolicyStatusWriter {
  readonly #options: PolicyStatusOptions;
  readonly #scope: TaskScope;
  readonly #outcomes = new Map<string, PolicyOutcome>();
  /** Last event of each policy, by uid. */
  readonly #said = new Map<string, string>();
  readonly #scheduled = new Set<string>();
  #tokens: number = eventBudget.atOnce;
  #refilled = performance.now();
  #forbiddenUntil = 0;
  #error: string | null = null;

  constructor(options: PolicyStatusOptions) {
    this.#options = options;
    this.#scope = new TaskScope((err) => options.log.warn({ err }, 'the status of a policy was not written'));
  }

  status(): KubernetesStatus['statusWrites'] {
    const forbidden = performance.now() < this.#forbiddenUntil;
    return { state: forbidden ? 'forbidden' : 'on', error: this.#error };
  }

  /** Replaces what the node has done with the policies that isolate its pods, and writes what others do not know yet. */
  report(outcomes: ReadonlyMap<string, PolicyOutcome>): void {
    this.#outcomes.clear();
    for (const [key, outcome] of outcomes) this.#outcomes.set(key, outcome);
    for (const key of outcomes.keys()) this.#schedule(key);
  }

  close(): Promise<void> {
    return this.#scope.close();
  }

  #schedule(key: string): void {
    if (this.#scheduled.has(key) || !this.#isDue(key)) return;
    this.#scheduled.add(key);
    this.#scope.start(async (signal) => {
      try {
        await sleep(Math.random() * spreadMs, undefined, { signal });
        await this.#write(key, signal);
      } finally {
        this.#scheduled.delete(key);
      }
    });
  }

  /** Returns true if something is to be written: the annotation, or that this node refuses the policy. */
  #isDue(key: string): boolean {
    const policy = this.#options.find(key);
    const outcome = this.#outcomes.get(key);
    if (policy === undefined || outcome === undefined) return false;
    return this.#annotationDiffers(policy, outcome) || this.#isUnsaid(policy, outcome);
  }

  #annotationDiffers({ status, generation }: WatchedPolicy, { state, reason }: PolicyOutcome): boolean {
    if (performance.now() < this.#forbiddenUntil) return false;
    const written = parseStatus(status);
    if (written === null || written.generation !== generation) return true;
    if (written.node === this.#options.node) return written.state !== state || written.reason !== reason;
    return written.state === 'applied' && state === 'refused';
  }

  /** Returns true if the node refuses the policy, and has not said so. */
  #isUnsaid({ uid, generation }: WatchedPolicy, { state, reason }: PolicyOutcome): boolean {
    return state === 'refused' && this.#said.get(uid) !== `${generation} ${reason}`;
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const policy = this.#options.find(key);
    const outcome = this.#outcomes.get(key);
    if (policy === undefined || outcome === undefined) return;
    const isUnsaid = this.#isUnsaid(policy, outcome);
    const isFirst =
      this.#annotationDiffers(policy, outcome) && (await this.#annotate(policy, outcome, signal));
    if (isUnsaid || isFirst) await this.#addEvent(policy, outcome, signal);
  }

  /** Writes the annotation. @returns false if the policy has changed meanwhile, or writing is forbidden */
  async #annotate(
    { namespace, name, resourceVersion, generation }: WatchedPolicy,
    { state, reason }: PolicyOutcome,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { api, node, log } = this.#options;
    const status: PolicyStatus = { generation, state, reason, node };
    try {
      await api.request({
        method: 'PATCH',
        path: `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/${name}`,
        contentType: 'application/merge-patch+json',
        // With the version that was read, so that what another node has written meanwhile stays.
        body: { metadata: { resourceVersion, annotations: { [statusAnnotation]: JSON.stringify(status) } } },
        operation: `annotate NetworkPolicy ${namespace}/${name}`,
        signal,
      });
      this.#error = null;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      // Changed or removed meanwhile: the watch tells, and then it is looked at again.
      if (hasStatus(error, 409) || hasStatus(error, 404)) return false;
      this.#error = (error as Error).message;
      if (hasStatus(error, 403)) this.#forbiddenUntil = performance.now() + forbiddenMs;
      log.warn({ err: error }, 'the status of a policy was not written');
      return false;
    }
  }

  async #addEvent(
    policy: WatchedPolicy,
    { state, reason }: PolicyOutcome,
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.#takeToken()) return;
    const { api, node, log } = this.#options;
    const { namespace, name, uid, generation, rules } = policy;
    this.#said.set(uid, state === 'refused' ? `${generation} ${reason}` : `${generation}`);
    for (const oldest of this.#said.keys()) if (this.#said.size > maxRemembered) this.#said.delete(oldest);
    const now = new Date();
    const message =
      state === 'applied'
        ? `Applied on ${node}: ${rules.length} rules`
        : `Refused on ${node}: ${reason ?? ''}. What was applied of it before still is`;
    const time = now.toISOString().replace(/\.\d+Z$/, 'Z');
    try {
      await api.request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/events`,
        body: {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { namespace, name: `${name.slice(0, 220)}.${now.getTime().toString(16)}` },
          involvedObject: { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name, uid },
          type: state === 'applied' ? 'Normal' : 'Warning',
          reason: state === 'applied' ? 'PolicyApplied' : 'PolicyRefused',
          message: message.slice(0, maxMessage),
          source: { component: 'podlane-agent', host: node },
          reportingComponent: 'podlane-agent',
          reportingInstance: node,
          firstTimestamp: time,
          lastTimestamp: time,
          count: 1,
        },
        operation: `add an event of NetworkPolicy ${namespace}/${name}`,
        signal,
      });
    } catch (error) {
      if (signal.aborted) return;
      this.#error = (error as Error).message;
      log.warn({ err: error }, 'an event of a policy was not written');
    }
  }

  #takeToken(): boolean {
    const now = performance.now();
    const gained = ((now - this.#refilled) / 60_000) * eventBudget.perMinute;
    this.#tokens = Math.min(eventBudget.atOnce, this.#tokens + gained);
    this.#refilled = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

function parseStatus(text: string | null): PolicyStatus | null {
  try {
    return text === null ? null : (JSON.parse(text) as PolicyStatus);
  } catch {
    return null;
  }
}
