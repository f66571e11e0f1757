import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import type { AgentEvent, AgentEventType } from '../../contract/agent-event.ts';
import type { Condition } from '../../contract/condition.ts';
import {
  type ClusterAddressOwner,
  type ClusterPolicyState,
  type KubernetesStatus,
  maxListedPolicies,
} from '../../contract/kubernetes.ts';
import type { PodSummary } from '../../contract/pod.ts';
import type { PathService } from '../../contract/pod-path.ts';
import type { AccessRules } from '../acl/access-rules.ts';
import { isPolicyOfPods, needPeers } from '../acl/cluster/cluster-policy.ts';
import { TaskScope, type TaskScopeTimer } from '../async/task-scope.ts';
import type { Datapath } from '../datapath/datapath.ts';
import type { PodDescription } from '../datapath/pod-metadata.ts';
import { AddressNames } from './address-names.ts';
import { hasStatus } from './api-error.ts';
import {
  allPodsResource,
  type ClusterPod,
  type ClusterService,
  endpointSlicesResource,
  type NodePod,
  namespacesResource,
  nodePodsResource,
  projectNodePod,
  type ServiceEndpoints,
  servicesResource,
} from './cluster-objects.ts';
import { ClusterPeers } from './cluster-peers.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import { networkPoliciesResource, type WatchedPolicy } from './network-policies.ts';
import { type PolicyOutcome, PolicyStatusWriter } from './policy-status.ts';
import { type ApiObject, type ReflectedChange, Reflector, type WatchedResource } from './reflector.ts';
import { listServicesInUse } from './services-in-use.ts';

/** Delay in ms in which further changes are taken together. */
const settleMs = 20;
/** Time in ms that attaching a pod waits for the API server to describe it, and while nothing is known of the cluster. */
const describeMs = 2000;
const firstDescribeMs = 10_000;
/** Pause in ms between two attempts. */
const describePauseMs = 50;
/** Time in ms without contact after which the API server counts as lost. */
const lostMs = 5000;
/** Time in ms for which pods of all nodes are still watched after nothing needs them. */
const lingerMs = 300_000;
/** Pause in ms before what could not be applied is tried again. */
const retryMs = 2000;

export interface ClusterOptions {
  config: KubeConfig;
  /** Name of the node in the cluster. */
  node: string;
  rules: AccessRules;
  log: Logger;
  publish(type: AgentEventType, message: string, severity?: AgentEvent['severity']): Promise<void>;
}

/**
 * The cluster that the node belongs to: watches the node's pods, namespaces, services, endpoint slices and NetworkPolicies, has
 * the rules and the pods follow, and writes back the outcome of policies. While the API server is away, everything stays.
 */
export class Cluster extends EventEmitter<{ changed: [] }> {
  readonly #api: KubernetesApi;
  readonly #options: ClusterOptions;
  readonly #scope: TaskScope;
  readonly #names = new AddressNames();
  readonly #status: PolicyStatusWriter;
  readonly #nodePods: Reflector<NodePod>;
  readonly #namespaces: Reflector<Record<string, string>>;
  readonly #services: Reflector<ClusterService>;
  readonly #endpoints: Reflector<ServiceEndpoints>;
  readonly #policies: Reflector<WatchedPolicy>;
  #allPods: Reflector<ClusterPod> | null = null;
  #endAllPods: TaskScopeTimer | null = null;
  #peers = new ClusterPeers([]);
  #datapath: Datapath | null = null;
  /** Namespaces whose labels have changed since the rules were changed last. */
  readonly #changedNamespaces = new Set<string>();
  /** Pods of the node whose description has changed since it was handed on last. */
  readonly #changedPods = new Set<string>();
  #policiesChanged = true;
  #namespacesChanged = true;
  /** Whether the peers are those of all pods that are watched at the moment. */
  #peersComplete = false;
  #scheduled: TaskScopeTimer | null = null;
  #running = false;
  #again = false;
  /** Whether a policy has peers that may be on other nodes. */
  #policiesNeedPeers = false;
  /** Keys of the policies that isolate pods of this node; null: they have to be looked for. */
  #policiesOfNode: ReadonlySet<string> | null = null;
  /** Digests of the policies that were loaded last, by key. */
  #loaded = new Map<string, string>();
  /** Digests of the policies that could not be loaded, with the reason. */
  #refused = new Map<string, { digest: string; reason: string }>();
  #outcomes = new Map<string, PolicyOutcome>();
  #state: KubernetesStatus['state'] = 'connecting';
  #since = new Date();

  constructor(options: ClusterOptions) {
    super();
    this.#options = options;
    const { config, node, log, rules } = options;
    this.#api = new KubernetesApi(config);
    this.#scope = new TaskScope((err) => log.error({ err }, 'follow the cluster'));
    const lastKnown = (uid: string) =>
      rules.lastKnownCluster.policies.find((policy) => policy.uid === uid)?.rules;
    this.#nodePods = this.#watch(nodePodsResource(node), (change) => this.#notePod(change, 'node'));
    this.#namespaces = this.#watch(namespacesResource, ({ key }) => {
      this.#changedNamespaces.add(key);
      this.#namespacesChanged = true;
    });
    this.#services = this.#watch(servicesResource, (change) => this.#names.changeService(change));
    this.#endpoints = this.#watch(endpointSlicesResource, (change) => this.#names.changeEndpoints(change));
    this.#policies = this.#watch(networkPoliciesResource(lastKnown), ({ before, after }) => {
      this.#policiesOfNode = null;
      if (before?.digest !== after?.digest || before?.uid !== after?.uid) this.#policiesChanged = true;
    });
    this.#status = new PolicyStatusWriter({
      api: this.#api,
      node,
      log,
      find: (key) => this.#policies.items.get(key),
    });
  }

  /** Begins to watch. @param datapath has the pods that the cluster describes */
  start(datapath: Datapath): void {
    const { rules } = this.#options;
    this.#datapath = datapath;
    this.#peers = new ClusterPeers(rules.lastKnownCluster.peers);
    for (const reflector of this.#reflectors()) reflector.start();
    const notePod = ({ namespace, name }: Pick<PodSummary, 'namespace' | 'name'>): void => {
      // A pod that was attached while the API server was away.
      if (this.#nodePods.items.has(`${namespace}/${name}`)) this.#changedPods.add(`${namespace}/${name}`);
      podsChanged();
    };
    const podsChanged = (): void => {
      this.#policiesOfNode = null;
      this.#schedule();
    };
    // Those that the cluster described before, and knows no longer.
    for (const { namespace, name } of datapath.summaries()) this.#changedPods.add(`${namespace}/${name}`);
    rules.on('changed', podsChanged);
    datapath.on('pod', notePod).on('pod-removed', podsChanged);
    this.#scope.every(1000, () => this.#updateState());
    this.#scope.signal.addEventListener('abort', () => {
      rules.off('changed', podsChanged);
      datapath.off('pod', notePod).off('pod-removed', podsChanged);
    });
  }

  async close(): Promise<void> {
    this.#scheduled?.cancel();
    await Promise.all([...this.#reflectors(), this.#status].map((each) => each.close()));
    await this.#scope.close();
    this.#api.close();
  }

  /** Returns the service or the pod that has an address; null if the cluster knows none. */
  ownerOf(address: string): ClusterAddressOwner | null {
    return this.#names.ownerOf(address);
  }

  /** Lists the services that connections of a pod lead to. @param addresses of the pod */
  servicesOf(addresses: readonly string[]): Promise<PathService[]> {
    return listServicesInUse(addresses, (address) => this.ownerOf(address));
  }

  /**
   * Finds how the cluster describes a pod that is being attached; null if it knows none of this name, or is away. Waits for the
   * API server for a while, longer if nothing is known of the cluster so far.
   */
  async describePod(namespace: string, name: string, uid: string | null): Promise<PodDescription | null> {
    const end = performance.now() + (this.#options.rules.isClusterKnown ? describeMs : firstDescribeMs);
    for (;;) {
      const known = this.#nodePods.items.get(`${namespace}/${name}`);
      if (known !== undefined && (uid === null || known.uid === uid)) return toDescription(known);
      if (this.#state === 'disconnected') return null;
      try {
        return await this.#readPod(namespace, name, uid);
      } catch (error) {
        if (hasStatus(error, 404)) return null;
        if (performance.now() > end || this.#scope.closed) {
          const pod = `${namespace}/${name}`;
          this.#options.log.warn({ err: error, pod }, 'a pod is attached as nobody describes it');
          return null;
        }
      }
      await sleep(describePauseMs);
    }
  }

  async #readPod(namespace: string, name: string, uid: string | null): Promise<PodDescription | null> {
    const object = await this.#api.request<ApiObject>({
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`,
      operation: `read pod ${namespace}/${name}`,
      timeoutMs: describeMs,
      signal: this.#scope.signal,
    });
    const pod = projectNodePod(object);
    return (uid === null ? pod.node === this.#options.node : pod.uid === uid) ? toDescription(pod) : null;
  }

  status(): KubernetesStatus {
    const { node } = this.#options;
    const watches = this.#reflectors().map((reflector) => reflector.status());
    const off = { resource: 'all pods', state: 'off', objects: 0, lastSync: null, lastEvent: null } as const;
    const items = this.#listPolicies();
    const count = (state: ClusterPolicyState['state']): number =>
      items.filter((policy) => policy.state === state).length;
    return {
      configured: true,
      server: this.#api.server,
      node,
      state: this.#state,
      since: this.#since.toISOString(),
      error: watches.find(({ error }) => error !== null)?.error ?? null,
      watches: this.#allPods === null ? [...watches, { ...off, restarts: 0, error: null }] : watches,
      policies: {
        applied: count('applied'),
        refused: count('refused'),
        waiting: count('waiting'),
        items: items.slice(0, maxListedPolicies),
      },
      statusWrites: this.#status.status(),
    };
  }

  /** Faults of the connection that concern the node's pods. */
  conditions(): Condition[] {
    const { state, since, error, server, policies } = this.status();
    const found: Condition[] = [];
    if (state === 'disconnected')
      found.push({
        reason: 'kubernetes_unreachable',
        message: `The Kubernetes API server ${server} has not been reached since ${since}: names, labels and NetworkPolicies are those of then, and stay applied${error === null ? '' : ` (${error})`}`,
        remedy: 'Once the API server answers, the agent catches up by itself.',
        since: since ?? new Date().toISOString(),
      });
    const refused = policies.items.filter((policy) => policy.state === 'refused');
    const [first] = refused;
    if (first !== undefined)
      found.push({
        reason: 'policy_refused',
        message: `${refused.length === 1 ? 'A NetworkPolicy is' : `${refused.length} NetworkPolicies are`} not applied as issued: ${first.namespace}/${first.name}: ${first.reason}`,
        remedy: 'What was applied of it before still is. Correct the policy, or remove it.',
        since: this.#since.toISOString(),
      });
    return found;
  }

  #watch<T>(watched: WatchedResource<T>, changed: (change: ReflectedChange<T>) => void): Reflector<T> {
    const { log } = this.#options;
    const schedule = (): void => this.#schedule();
    return new Reflector<T>({
      api: this.#api,
      watched,
      log,
      changed: (change) => {
        changed(change);
        schedule();
      },
      stateChanged: schedule,
    });
  }

  #reflectors() {
    const always = [this.#nodePods, this.#namespaces, this.#services, this.#endpoints, this.#policies];
    return this.#allPods === null ? always : [...always, this.#allPods];
  }

  #notePod({ key, before, after }: ReflectedChange<ClusterPod>, from: 'node' | 'all'): void {
    if (from === 'node') this.#changedPods.add(key);
    // While pods of all nodes are watched, those of this node are among them.
    else if (this.#allPods === null) return;
    if (from === 'node' && this.#allPods !== null) return;
    this.#changePeer(before, after);
  }

  #changePeer(before: ClusterPod | undefined, after: ClusterPod | undefined): void {
    const labels = after && this.#namespaces.items.get(after.namespace);
    const isOwn =
      after !== undefined &&
      after.node === this.#options.node &&
      this.#datapath?.has(`${after.namespace}.${after.name}`) === true;
    this.#peers.change(before, after, labels, isOwn);
  }

  #schedule(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#scheduled ??= this.#scope.after(settleMs, async () => {
      this.#scheduled = null;
      this.#running = true;
      try {
        await this.#follow();
      } catch (err) {
        this.#options.log.error({ err }, 'follow the cluster');
        this.#scope.after(retryMs, () => this.#schedule());
      } finally {
        this.#running = false;
        if (this.#again) {
          this.#again = false;
          this.#schedule();
        }
      }
    });
  }

  /** Has pods and rules follow what has changed in the cluster. */
  async #follow(): Promise<void> {
    this.#updateState();
    if (!this.#nodePods.synced || !this.#namespaces.synced || !this.#policies.synced) return;
    await this.#describePods();
    if (this.#policiesChanged)
      this.#policiesNeedPeers = [...this.#policies.items.values()].some(({ rules }) => needPeers(rules));
    this.#watchAllPods(this.#policiesNeedPeers || this.#options.rules.needsPeers);
    // Without the pods that they name, policies would cut off more than they say.
    if (!this.#policiesNeedPeers || this.#allPods?.synced === true) {
      await this.#changeRules();
      this.#reportOutcomes();
    }
    this.emit('changed');
  }

  /** Hands the descriptions of the node's pods on that have changed. */
  async #describePods(): Promise<void> {
    const datapath = this.#datapath;
    if (datapath === null) return;
    for (const key of [...this.#changedPods]) {
      this.#changedPods.delete(key);
      const [namespace = '', name = ''] = key.split('/');
      const pod = this.#nodePods.items.get(key);
      try {
        await datapath.describeByCluster(namespace, name, pod === undefined ? null : toDescription(pod));
      } catch (err) {
        this.#options.log.error({ err, pod: key }, 'a pod was not changed as the cluster describes it');
        this.#scope.after(retryMs, () => {
          this.#changedPods.add(key);
          this.#schedule();
        });
      }
    }
  }

  /** Begins or ends to watch the pods of all nodes. */
  #watchAllPods(needed: boolean): void {
    if (!needed) {
      if (this.#allPods !== null)
        this.#endAllPods ??= this.#scope.after(lingerMs, async () => {
          const ended = this.#allPods;
          this.#allPods = null;
          this.#endAllPods = null;
          this.#peersComplete = false;
          this.#schedule();
          await ended?.close();
        });
      return;
    }
    this.#endAllPods?.cancel();
    this.#endAllPods = null;
    if (this.#allPods !== null) return;
    this.#allPods = this.#watch(allPodsResource, (change) => this.#notePod(change, 'all'));
    this.#peersComplete = false;
    this.#allPods.start();
  }

  async #changeRules(): Promise<void> {
    this.#completePeers();
    const labelsOf = (name: string) => this.#namespaces.items.get(name);
    this.#peers.changeNamespaces(this.#changedNamespaces, labelsOf);
    this.#changedNamespaces.clear();
    const peers = this.#peers.take();
    const namespaces = this.#namespacesChanged ? new Map(this.#namespaces.items) : undefined;
    if (peers === undefined && namespaces === undefined && !this.#policiesChanged) return;
    const policies = this.#policiesChanged ? [...this.#policies.items.values()] : undefined;
    this.#policiesChanged = false;
    this.#namespacesChanged = false;
    try {
      const problem = await this.#options.rules.changeCluster({
        policies: policies?.map(({ key, namespace, uid, generation, rules }) => ({
          key,
          namespace,
          uid,
          generation,
          rules,
        })),
        namespaces,
        peers,
      });
      if (policies !== undefined) await this.#noteRefusals(policies, problem?.detail ?? null);
    } catch (error) {
      // All of it is handed on again.
      this.#policiesChanged = true;
      this.#namespacesChanged = true;
      this.#peersComplete = false;
      throw error;
    }
  }

  /** Takes all pods that are watched as peers, after the watch of them has begun or ended. */
  #completePeers(): void {
    const from = this.#allPods?.synced === true ? this.#allPods : this.#nodePods;
    if (this.#peersComplete || (this.#allPods !== null && !this.#allPods.synced)) return;
    this.#peersComplete = true;
    const pods = [...from.items.values()];
    this.#peers.retain(new Set(pods.map(({ uid }) => uid)));
    for (const pod of pods) this.#changePeer(undefined, pod);
  }

  /**
   * Notes which policies are refused: those whose specification is not understood, and those that have changed since the
   * last policies that could be loaded.
   */
  async #noteRefusals(policies: readonly WatchedPolicy[], problem: string | null): Promise<void> {
    const before = this.#refused;
    this.#refused = new Map();
    for (const policy of policies) {
      const { key, digest } = policy;
      if (policy.problem !== null) this.#refused.set(key, { digest, reason: policy.problem });
      else if (problem !== null && this.#loaded.get(key) !== digest)
        this.#refused.set(key, { digest, reason: problem });
    }
    if (problem === null) this.#loaded = new Map(policies.map(({ key, digest }) => [key, digest]));
    const added = [...this.#refused].filter(([key, { digest }]) => before.get(key)?.digest !== digest);
    const ofNode = new Set(this.#listPoliciesOfNode().map(({ key }) => key));
    const relevant = added.filter(([key]) => ofNode.has(key));
    const [first] = relevant;
    if (first !== undefined)
      await this.#options.publish(
        'policies.refused',
        `NetworkPolicy ${first[0]}${relevant.length > 1 ? ` and ${relevant.length - 1} others are` : ' is'} not applied as issued: ${first[1].reason}`,
        'warning',
      );
  }

  /** Lists the policies that isolate pods of this node, and those that may do so but are not understood. */
  #listPoliciesOfNode(): WatchedPolicy[] {
    if (this.#policiesOfNode === null) {
      const byNamespace = Map.groupBy(this.#datapath?.summaries() ?? [], ({ namespace }) => namespace);
      this.#policiesOfNode = new Set(
        [...this.#policies.items.values()]
          .filter((policy) => {
            const pods = byNamespace.get(policy.namespace) ?? [];
            return isPolicyOfPods(policy, pods) || (policy.problem !== null && pods.length > 0);
          })
          .map(({ key }) => key),
      );
    }
    return [...this.#policiesOfNode].flatMap((key) => this.#policies.items.get(key) ?? []);
  }

  #reportOutcomes(): void {
    const outcomes = new Map<string, PolicyOutcome>();
    for (const { key } of this.#listPoliciesOfNode()) {
      const refused = this.#refused.get(key);
      outcomes.set(
        key,
        refused === undefined
          ? { state: 'applied', reason: null }
          : { state: 'refused', reason: refused.reason },
      );
    }
    const applied = [...outcomes.keys()].filter((key) => !this.#outcomes.has(key));
    const ended = [...this.#outcomes.keys()].filter((key) => !outcomes.has(key));
    if (!isDeepStrictEqual(outcomes, this.#outcomes)) this.#publishOutcomes(applied, ended);
    this.#outcomes = outcomes;
    this.#status.report(outcomes);
  }

  #publishOutcomes(applied: readonly string[], ended: readonly string[]): void {
    const list = (keys: readonly string[]): string =>
      `${keys.slice(0, 5).join(', ')}${keys.length > 5 ? ` and ${keys.length - 5} more` : ''}`;
    const sentences = [
      ...(applied.length > 0 ? [`NetworkPolicies of the cluster apply now: ${list(applied)}`] : []),
      ...(ended.length > 0 ? [`No longer: ${list(ended)}`] : []),
    ];
    if (sentences.length > 0)
      this.#scope.start(() => this.#options.publish('policies.applied', sentences.join('. ')));
  }

  #listPolicies(): ClusterPolicyState[] {
    const order = { refused: 0, waiting: 1, applied: 2 };
    const found = this.#listPoliciesOfNode().map(({ key, namespace, name, rules }): ClusterPolicyState => {
      const { state = 'waiting', reason = null } = this.#outcomes.get(key) ?? {};
      return { namespace, name, state, reason, rules: rules.length };
    });
    return found.sort((a, b) => order[a.state] - order[b.state] || (a.name < b.name ? -1 : 1));
  }

  /** Looks whether the API server is there, and publishes when that changes. */
  #updateState(): void {
    const watches = this.#reflectors().map((reflector) => reflector.status());
    const live = watches.every(({ state }) => state === 'live');
    const lost = watches.some(
      ({ state, lastEvent }) =>
        state === 'stale' && Date.now() - Date.parse(lastEvent ?? new Date(0).toISOString()) > lostMs,
    );
    const state = live ? 'connected' : lost ? 'disconnected' : this.#state;
    if (state === this.#state) return;
    this.#state = state;
    this.#since = new Date();
    this.emit('changed');
    const { server } = this.#api;
    const [type, message, severity] =
      state === 'connected'
        ? (['kubernetes.connected', `Kubernetes at ${server} is watched`, 'info'] as const)
        : ([
            'kubernetes.lost',
            `Kubernetes at ${server} is not reached: what is known of it stays`,
            'warning',
          ] as const);
    this.#scope.start(() => this.#options.publish(type, message, severity));
  }
}

const toDescription = ({ uid, labels, annotations, ports, runtimeClass }: NodePod): PodDescription => ({
  uid,
  labels,
  annotations,
  ports,
  runtimeClass,
});
