import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { AgentEvent, AgentEventType } from '../../contract/agent-event.ts';
import type { PodConnectionTable } from '../../contract/connection-table.ts';
import { ProblemError } from '../../contract/problem.ts';
import type {
  ActiveRules,
  ImportedRules,
  RuleSetName,
  RulesPlan,
  RuleVersionText,
  StagedRules as StagedRulesResponse,
} from '../../contract/rules.ts';
import { Mutex } from '../async/mutex.ts';
import { TaskScope, type TaskScopeTimer } from '../async/task-scope.ts';
import type { RuleStore } from '../store/store-interfaces.ts';
import type { ConnectionTableUse, KernelRules } from './load/kernel-rules.ts';
import { readNodeAddresses, watchNodeAddresses } from './load/node-addresses.ts';
import type { RuleChangeMetadata } from './rule-change-metadata.ts';
import { RuleQueries } from './rule-queries.ts';
import { RuleReloads } from './rule-reloads.ts';
import { toActiveRulesResponse, toPodConnectionTable } from './rule-responses.ts';
import { RuleVersions } from './rule-versions.ts';
import { LoadedRuleSets, type LocalPodEndpoint } from './staged/loaded-rule-sets.ts';
import { createNoStagedRulesError, StagedRules } from './staged/staged-rules.ts';
import { RuleCompilerClient } from './worker/compiler-client.ts';

/** Delay in ms before rules are recompiled after a pod was removed. After a pod was added there is no delay. */
const settleMs = 200;
/** Milliseconds between two looks at how full the connection table is. */
const connectionUseMs = 2000;
/** Delay in ms before a compiler thread that died is replaced. */
const restartMs = 2000;
/** Time in ms between two checks that the kernel evaluates what was loaded. */
const checkMs = 1000;

/** How a rule text is taken. */
export interface RuleTextOptions {
  /** True if it is merged into the active rules instead of replacing them. */
  merge?: boolean | undefined;
  /** Aborted when the caller is gone: the text need not be parsed any more. */
  signal?: AbortSignal | undefined;
}

export interface AccessRulesOptions {
  store: RuleStore;
  log: Logger;
}

/**
 * The node's access rules, active and staged. The store holds the desired rules; they are compiled for the node's pods
 * and loaded into the kernel, and `problem` says when the kernel could not follow.
 */
export class AccessRules extends EventEmitter<{ event: [AgentEvent]; changed: [RuleSetName] }> {
  readonly #store: RuleStore;
  readonly #log: Logger;
  readonly #scope: TaskScope;
  readonly #compiler = new RuleCompilerClient((error) => this.#restartCompiler(error));
  readonly #changes = new Mutex();
  readonly #pods = new Map<string, LocalPodEndpoint>();
  readonly #versions: RuleVersions;
  readonly #staged: StagedRules;
  readonly #reloads: RuleReloads;
  #opened: { sets: LoadedRuleSets; queries: RuleQueries } | null = null;
  #scheduledReload: TaskScopeTimer | null = null;
  #stopWatching: (() => Promise<void>) | null = null;
  /** Addresses of the node that the rules' peer `node` stands for. */
  #nodePeer: readonly string[] = [];

  constructor({ store, log }: AccessRulesOptions) {
    super();
    this.#store = store;
    this.#log = log;
    this.#scope = new TaskScope((err) => this.#log.error({ err }, 'reloading the access rules failed'));
    const shared = {
      store,
      sets: () => this.#sets,
      pods: () => this.#allPods(),
      publish: this.#publish.bind(this),
    };
    this.#versions = new RuleVersions({ ...shared, changed: () => this.#onLoaded('active') });
    this.#staged = new StagedRules({ ...shared, changed: () => this.#onLoaded('staged') });
    this.#reloads = new RuleReloads({
      ...shared,
      log,
      changes: this.#changes,
      stored: (set) => (set === 'active' ? this.#versions.active : this.#staged.record),
      loaded: (set) => this.#onLoaded(set),
    });
  }

  /**
   * Loads the stored rules before a packet of a pod meets our programs. Rules that cannot be loaded become a `problem`;
   * the kernel then keeps the rules of an earlier agent.
   */
  async open(kernel: KernelRules, pods: readonly LocalPodEndpoint[]): Promise<void> {
    const sets = new LoadedRuleSets(kernel, this.#compiler);
    this.#opened = { sets, queries: new RuleQueries(sets, this.#compiler, this.#pods) };
    this.#scope.every(connectionUseMs, () => kernel.connectionUse());
    for (const pod of pods) this.#pods.set(pod.id, pod);
    await this.#versions.open();
    await this.#staged.open();
    // Before rules are loaded: connections to the node would be re-evaluated without it.
    this.#nodePeer = (await readNodeAddresses()).routed;
    await this.#compiler.setNodeAddresses(this.#nodePeer);
    for (const set of ['active', 'staged'] as const) {
      if (this.#storedText(set) === null) await sets.remove(set);
      // The failure is logged, published and kept as the rule set's problem.
      else await this.#reloads.reapply(set).catch(() => undefined);
    }
    this.#scope.every(checkMs, () => this.#reloads.restoreForeignChanges());
  }

  /**
   * Watches the node's addresses: packets from them to pods are allowed without evaluation, and rules can have the node
   * as peer.
   */
  async watchNode(): Promise<void> {
    this.#stopWatching = await watchNodeAddresses(
      ({ all, routed }) => {
        this.#sets.kernel.setNodeAddresses(all);
        this.queries.setNodeAddresses(all);
        this.#setNodePeer(routed);
      },
      (err) => this.#log.error({ err }, 'the access rules could not follow the node’s addresses'),
    );
  }

  /** Compiles the rules again if the addresses that the peer `node` stands for have changed. */
  #setNodePeer(addresses: readonly string[]): void {
    if (this.#nodePeer.join() === addresses.join()) return;
    this.#nodePeer = addresses;
    this.#scope.start(async () => {
      await this.#compiler.setNodeAddresses(addresses);
      await this.#reloads.reload().catch(() => undefined);
    });
  }

  /** Waits for running changes and stops the compiler thread. The kernel keeps enforcing the rules. */
  async close(): Promise<void> {
    await this.#stopWatching?.();
    await this.#scope.close();
    await this.#changes.idle();
    await this.#compiler.close();
  }

  /** Reads how full the connection table is, with the number of each pod. */
  connectionUse(): ConnectionTableUse {
    return this.#sets.kernel.connectionUse();
  }

  /** Returns the use of the connection table by the pod of an id; zeros for a pod that never had connections. */
  connectionTable(podId: string): PodConnectionTable {
    return toPodConnectionTable(this.connectionUse(), this.#pods.get(podId)?.number);
  }

  get #sets(): LoadedRuleSets {
    if (!this.#opened) throw new Error('the access rules are not open');
    return this.#opened.sets;
  }

  get queries(): RuleQueries {
    if (!this.#opened) throw new Error('the access rules are not open');
    return this.#opened.queries;
  }

  /**
   * Applies the rules to a pod before it gets a device.
   * @throws ProblemError when they cannot be loaded: the pod would be open, or cut off
   */
  async addPod(pod: LocalPodEndpoint): Promise<void> {
    this.#pods.set(pod.id, pod);
    try {
      await this.#reloads.reload();
    } catch (error) {
      this.#pods.delete(pod.id);
      throw error;
    }
  }

  /** Removes a pod that left the node or could not be attached from the access rules. */
  removePod(id: string): void {
    const pod = this.#pods.get(id);
    if (!pod) return;
    this.#pods.delete(id);
    this.#sets.kernel.forgetPod(pod.number);
    if (this.#scheduledReload) return;
    if (this.#storedText('active') === null && this.#storedText('staged') === null) return;
    this.#scheduledReload = this.#scope.after(settleMs, async () => {
      this.#scheduledReload = null;
      await this.#reloads.reload().catch(() => undefined);
    });
  }

  /** Returns the name of a rule by its number and generation; null for the default action or an old generation. */
  ruleName(set: RuleSetName, generation: number, number: number): string | null {
    return this.#sets.ruleName(set, generation, number);
  }

  active(): ActiveRules {
    return toActiveRulesResponse(this.#versions.active, this.#sets);
  }

  /** Returns the staged rules; null if no rules are staged. */
  staged(): StagedRulesResponse | null {
    return this.#staged.response();
  }

  /**
   * Compiles a rule text without loading it.
   * @param rule name of a rule to return with its entries
   * @throws ProblemError `bad_rules`, `rules_too_large`, `unprocessable`
   */
  async plan(
    text: string,
    { rule, merge, signal }: RuleTextOptions & { rule?: string | undefined } = {},
  ): Promise<RulesPlan> {
    return this.#compiler.plan({ text, into: this.#mergeBase(merge), signal }, this.#allPods(), rule);
  }

  /**
   * Parses a rule set or NetworkPolicies, and says what they would change.
   * @throws ProblemError `bad_rules`, `rules_too_large`, `unprocessable`
   */
  async import(text: string, { merge, signal }: RuleTextOptions = {}): Promise<ImportedRules> {
    const { number: version = 0, name = null, rules = 0 } = this.#versions.active ?? {};
    const found = await this.#compiler.import(
      { text, into: this.#mergeBase(merge), signal },
      this.#allPods(),
      this.#sets.loaded('active')?.rules ?? null,
    );
    return { ...found, active: name === null ? null : { version, name, rules } };
  }

  /**
   * Runs a change with the text that results from a submitted one. That is parsed, and merged by choice, outside changes,
   * for which attaching pods would wait. If others change the active rules meanwhile, it is merged again, so that their
   * change is kept.
   */
  async #change<T>(
    text: string,
    { merge, signal }: RuleTextOptions,
    change: (resulting: string) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      const into = this.#mergeBase(merge);
      const resulting = await this.#compiler.parse({ text, into, signal });
      const done = await this.#changes.run(async () =>
        this.#mergeBase(merge) === into ? { result: await change(resulting) } : null,
      );
      if (done) return done.result;
    }
  }

  /** Returns the text that a submitted one is merged into; null if it is not merged, or no rules are active. */
  #mergeBase(merge = false): string | null {
    return merge ? this.#storedText('active') : null;
  }

  /**
   * Activates a rule text; if this throws, nothing is changed.
   * @throws ProblemError `bad_rules`, `rules_too_large`, `rules_changed`, `unprocessable`
   */
  async apply(
    text: string,
    change: RuleChangeMetadata,
    { merge }: Pick<RuleTextOptions, 'merge'> = {},
  ): Promise<ActiveRules> {
    return this.#change(text, { merge, signal: change.signal }, async (resulting) => {
      change.precondition?.('apply access rules', this.#versions.etag);
      await this.#versions.apply(resulting, change, null);
      return this.active();
    });
  }

  /** Removes the active rules, so that all traffic is allowed. @throws ProblemError `rules_changed` */
  remove(change: RuleChangeMetadata): Promise<ActiveRules> {
    return this.#changes.run(async () => {
      change.precondition?.('remove the access rules', this.#versions.etag);
      await this.#versions.remove(change, null);
      return this.active();
    });
  }

  /**
   * Stages a rule text, by itself or merged into the active rules, without enforcing it.
   * @throws ProblemError `bad_rules`, `rules_too_large`, `rules_changed`, `unprocessable`
   */
  async stage(
    text: string,
    change: RuleChangeMetadata,
    { merge }: Pick<RuleTextOptions, 'merge'> = {},
  ): Promise<StagedRulesResponse> {
    return this.#change(text, { merge, signal: change.signal }, (resulting) =>
      this.#staged.stage(resulting, change, this.#versions.active?.number ?? 0),
    );
  }

  /** Discards the staged rules; does nothing if there are none. @throws ProblemError `rules_changed` */
  discardStaged(change: RuleChangeMetadata): Promise<void> {
    return this.#changes.run(() => this.#staged.discard(change));
  }

  /**
   * Activates the staged rules and removes them from the stage.
   * @throws ProblemError `no_staged_rules`, `bad_rules`, `rules_too_large`, `rules_changed`
   */
  applyStaged(change: RuleChangeMetadata): Promise<ActiveRules> {
    return this.#changes.run(async () => {
      const { record } = this.#staged;
      if (!record) throw createNoStagedRulesError();
      change.precondition?.('apply the staged access rules', this.#staged.etag);
      const active = this.#versions.active?.number ?? 0;
      if (record.base !== active)
        throw new ProblemError(
          'rules_changed',
          `apply the staged access rules: they were staged on version ${record.base}, and version ${active} is active`,
          {
            hint: 'Nothing was changed. Compare them with the active rules, stage them again, then apply them.',
          },
        );
      await this.#versions.apply(record.text, change, null);
      await this.#staged.clear();
      return this.active();
    });
  }

  versions(page: { before?: string | undefined; limit: number }) {
    return this.#versions.list(page);
  }

  /** Returns a stored version of the rules. @throws ProblemError `version_not_found` */
  async version(number: number): Promise<RuleVersionText> {
    const { text, ...version } = await this.#versions.get(number);
    return { ...version, text, set: text === null ? null : await this.#compiler.ruleSet(text) };
  }

  /**
   * Activates the text of an earlier version as a new version.
   * @throws ProblemError `version_not_found`, `bad_rules`, `rules_too_large`, `rules_changed`
   */
  rollBack(number: number, change: RuleChangeMetadata): Promise<ActiveRules> {
    return this.#changes.run(async () => {
      change.precondition?.(`roll back to version ${number}`, this.#versions.etag);
      const { text } = await this.#versions.get(number);
      const commented = { ...change, comment: change.comment ?? `Roll back to version ${number}` };
      if (text === null) await this.#versions.remove(commented, number);
      else await this.#versions.apply(text, commented, number);
      return this.active();
    });
  }

  /** Returns a rule set as YAML. @throws ProblemError `no_staged_rules`, `not_found` */
  text(set: RuleSetName): string {
    const text = this.#storedText(set);
    if (text !== null) return text;
    if (set === 'staged') throw createNoStagedRulesError();
    throw new ProblemError('not_found', 'no access rules are active', {
      hint: 'PUT /api/v1/rules applies rules',
    });
  }

  #onLoaded(set: RuleSetName): void {
    this.queries.invalidate(set);
    this.emit('changed', set);
  }

  #restartCompiler(err: Error): void {
    this.#log.error({ err }, 'the thread that compiles access rules died');
    this.#scope.after(restartMs, () => this.#reloads.reload().catch(() => undefined));
  }

  #storedText(set: RuleSetName): string | null {
    return (set === 'active' ? this.#versions.active?.text : this.#staged.record?.text) ?? null;
  }

  #allPods(): LocalPodEndpoint[] {
    return [...this.#pods.values()];
  }

  async #publish(
    type: AgentEventType,
    message: string,
    severity: AgentEvent['severity'] = 'info',
  ): Promise<void> {
    try {
      const event = { type, severity, podId: null, migrationId: null, message };
      this.emit('event', await this.#store.addEvent(event));
    } catch (err) {
      this.#log.error({ err, type, message }, 'an event could not be stored');
    }
  }
}
