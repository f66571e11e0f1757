import { isIP } from 'node:net';
import type { CniConfig, CniMode } from '../../../contract/cni-config.ts';
import { parseCniConfig, requireCniVersion } from '../../../contract/cni-config.ts';
import { CniError, cniErrorCodes } from '../../../contract/cni-error.ts';
import { type CniResult, formatCniResult } from '../../../contract/cni-result.ts';
import type { CniStatus } from '../../../contract/container.ts';
import { type DevicePolicy, devicePolicySchema } from '../../../contract/device-policy.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { Mutex } from '../../async/mutex.ts';
import { retryWithPause } from '../../async/retry.ts';
import { TaskScope } from '../../async/task-scope.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import { podNamespaceExists } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';
import type { PodLifecycle } from '../pods/pod-lifecycle.ts';
import { AddressPool } from './address-pool.ts';
import { type AttachContext, attachContainer } from './attach-container.ts';
import { checkContainer, checkForeignInterface } from './check-container.ts';
import { chooseContainerKind } from './choose-kind.ts';
import { type CniCall, type ContainerCall, readCniCommand, readContainerCall } from './cni-call.ts';
import { readContainerMetadata } from './container-identity.ts';
import { buildContainerResult } from './container-result.ts';
import { callPlugin, findPlugin } from './delegate-plugin.ts';
import { ObservedContainers } from './observed-containers.ts';
import { containerKey, PendingDeletions } from './pending-deletions.ts';
import { PortMappings } from './port-mappings.ts';
import { ProperHooks } from './proper-hooks.ts';

/** Name of the setting of the node that holds the policy of kinds. */
const policySetting = 'device-policy';
/** Time in ms between two looks for deletions that were left. */
const pendingMs = 10_000;
/** Time in ms in which the same failure of a container is told once, and how many failures are told in that time. */
const failureMs = 60_000;
const maxFailures = 32;
/** How often, and how long apart in ms, a DEL asks a pod that another activity holds. */
const busy = { attempts: 200, pauseMs: 50 } as const;

export interface ContainersOptions {
  /** Folder of the deletions that are left for the agent. */
  pendingFolder: string;
  /** Folder of the network configurations that runtimes read. */
  configFolder: string;
}

/**
 * Attaches the containers of a runtime as pods, and detaches them: the commands of the CNI specification. Calls of one
 * container run one after the other, those of different ones at once.
 */
export class Containers {
  readonly #context: DatapathContext;
  readonly #lifecycle: PodLifecycle;
  readonly #observed: ObservedContainers;
  readonly #configFolder: string;
  readonly #pending: PendingDeletions;
  readonly #pool: AddressPool;
  readonly #ports: PortMappings;
  readonly #hooks: ProperHooks;
  readonly #scope: TaskScope;
  readonly #locks = new Map<string, Mutex>();
  /** Prefixes of the pools of networks that calls had, for the state of the node. */
  readonly #prefixes = new Set<string>();
  /** Failures of calls that were told lately, by network and container. */
  readonly #failures = new Map<string, { at: number; message: string }>();
  #policy: DevicePolicy;

  private constructor(
    context: DatapathContext,
    lifecycle: PodLifecycle,
    observed: ObservedContainers,
    policy: DevicePolicy,
    { pendingFolder, configFolder }: ContainersOptions,
  ) {
    this.#configFolder = configFolder;
    this.#context = context;
    this.#lifecycle = lifecycle;
    this.#observed = observed;
    this.#policy = policy;
    this.#pending = new PendingDeletions(pendingFolder, context.log);
    this.#ports = new PortMappings(context.registry);
    this.#hooks = new ProperHooks(context);
    this.#scope = new TaskScope((err) => context.log.error({ err }, 'containers'));
    this.#pool = new AddressPool((address) => context.registry.hasAddress(address));
  }

  static async open(
    context: DatapathContext,
    lifecycle: PodLifecycle,
    options: ContainersOptions,
  ): Promise<Containers> {
    const [observed, stored] = await Promise.all([
      ObservedContainers.open(context.store),
      context.store.setting('node', policySetting),
    ]);
    const policy = devicePolicySchema.parse(stored ?? {});
    return new Containers(context, lifecycle, observed, policy, options);
  }

  /** Brings port mappings to what the pods say, does the deletions that were left, and goes on doing so. */
  async start(): Promise<void> {
    const attached = this.#attached();
    if (attached.some(({ container }) => (container?.portMappings.length ?? 0) > 0))
      await this.#ports.write().catch((err: unknown) => this.#context.log.error({ err }, 'map ports'));
    await this.#runPending().catch((err: unknown) =>
      this.#context.log.warn({ err }, 'deletions that were left for the agent'),
    );
    for (const pod of this.#attached()) this.#hooks.add(pod);
    if (attached.length > 0) this.#lifecycle.expectContainers();
    this.#scope.every(pendingMs, () => this.#runPending());
  }

  async close(): Promise<void> {
    await this.#hooks.close();
    await this.#scope.close();
  }

  get policy(): DevicePolicy {
    return this.#policy;
  }

  async setPolicy(policy: DevicePolicy): Promise<void> {
    await this.#context.store.saveSetting('node', policySetting, policy);
    this.#policy = policy;
  }

  /** Describes the state of CNI on the node, without the path of its socket. */
  describe(): Omit<CniStatus, 'socket'> {
    const used = this.#usedAddresses();
    return {
      containers: this.#attached().length,
      observed: this.#observed.list(),
      misplaced: this.#hooks.size,
      pools: [...this.#prefixes].map((prefix) => ({ prefix, ...this.#pool.count(prefix, used) })),
      pending: this.#pending.size,
      policy: this.#policy,
    };
  }

  /**
   * Carries out a call of the plugin.
   * @returns what the plugin prints as JSON; null for commands without a result
   * @throws CniError, ProblemError
   */
  run(call: CniCall): Promise<object | null> {
    return this.#scope.run(async () => {
      this.#hooks.noteCall();
      this.#lifecycle.expectContainers();
      const command = readCniCommand(call);
      const config = parseCniConfig(call.config);
      switch (command) {
        case 'ADD': {
          const result = await this.#add(readContainerCall(call, command), config).catch((error: unknown) => {
            this.#publishFailure(call, config, error);
            throw error;
          });
          return formatCniResult(result, config.version);
        }
        case 'DEL':
          await this.#del(readContainerCall(call, command), config);
          return null;
        case 'CHECK':
          requireCniVersion(command, config.version, '0.4.0');
          await this.#check(readContainerCall(call, command), config);
          return null;
        case 'STATUS':
          requireCniVersion(command, config.version, '1.1.0');
          await this.#status(call, config);
          return null;
        case 'GC':
          requireCniVersion(command, config.version, '1.1.0');
          await this.#collectGarbage(call, config);
          return null;
      }
    });
  }

  /** Releases what a container has besides its device, before the store forgets its pod. */
  async releaseContainer(pod: LivePod): Promise<void> {
    const { container } = pod;
    if (container === null) return;
    const key = keyOf(container);
    try {
      if (container.release !== null) this.#pending.add(key, container.release);
      if (container.portMappings.length > 0) await this.#ports.write(pod);
    } catch (err) {
      this.#context.log.error({ err, container: container.id }, 'release a container');
    }
  }

  #add(call: ContainerCall, given: CniConfig): Promise<CniResult> {
    // What another plugin made is not taken over unless that was asked for.
    const config = { ...given, mode: given.mode ?? (given.previous === null ? 'attach' : 'observe') };
    for (const prefix of config.pool) this.#prefixes.add(prefix);
    const key = containerKey(config.name, call.containerId, call.interface);
    return this.#exclusively(key, async () => {
      const metadata = await readContainerMetadata(call, config, this.#context.describePod);
      if (config.mode === 'observe') {
        if (config.previous === null) throw withoutPrevious(config.mode);
        await this.#observed.add(key, call, config, metadata);
        return config.previous;
      }
      const known = this.#find(key);
      if (known?.container?.request && known.container.request === call.request)
        return buildContainerResult(known, call.netns);
      if (known !== undefined)
        throw new ProblemError(
          'pod_exists',
          `add container ${call.containerId}: its ${call.interface} is ${formatPodName(known)} already`,
          { hint: 'The runtime must call DEL before another ADD.' },
        );
      return attachContainer(this.#attachContext(), call, config, metadata);
    });
  }

  /** Tells the user of a container that could not be added, of each at most once in a while: a runtime tries again. */
  #publishFailure({ environment }: CniCall, { name }: CniConfig, error: unknown): void {
    const id = environment.CNI_CONTAINERID ?? '';
    const message = error instanceof Error ? error.message : String(error);
    const now = performance.now();
    for (const [known, { at }] of this.#failures) if (now - at > failureMs) this.#failures.delete(known);
    const key = `${name} ${environment.CNI_ARGS ?? id}`;
    if (this.#failures.get(key)?.message === message || this.#failures.size >= maxFailures) return;
    this.#failures.set(key, { at: now, message });
    this.#scope.after(0, () =>
      this.#context.publish.event({
        type: 'cni.failed',
        severity: 'error',
        podId: null,
        migrationId: null,
        message: `Container ${id.slice(0, 12)} of network ${name} could not be added: ${message}`,
      }),
    );
  }

  #attachContext(): AttachContext {
    return {
      context: this.#context,
      lifecycle: this.#lifecycle,
      pool: this.#pool,
      ports: this.#ports,
      pending: this.#pending,
      hooks: this.#hooks,
      configFolder: this.#configFolder,
      publish: (work) => void this.#scope.after(0, work),
      chooseKind: (identity) => chooseContainerKind(this.#policy, identity, this.#netkit()),
    };
  }

  #del(call: ContainerCall, config: CniConfig): Promise<void> {
    const key = containerKey(config.name, call.containerId, call.interface);
    return this.#exclusively(key, async () => {
      const pod = this.#find(key);
      const mode = this.#modeOf(key, pod, config);
      await this.#observed.remove(key);
      if (pod !== undefined) await this.#detach(pod);
      if (config.ipam !== null && mode === 'attach')
        await callPlugin('DEL', {
          plugin: config.ipam,
          environment: call.environment,
          config: call.config,
          version: config.version,
        });
      this.#pending.remove(key);
    });
  }

  /** Returns how a container was added: runtimes pass the result of an ADD to other commands, whichever plugin came first. */
  #modeOf(key: string, pod: LivePod | undefined, { mode }: CniConfig): CniMode {
    return pod?.container?.mode ?? mode ?? (this.#observed.get(key) === undefined ? 'attach' : 'observe');
  }

  /** Detaches a pod, waiting for the activity that holds it. */
  #detach(pod: LivePod): Promise<void> {
    return retryWithPause(() => this.#lifecycle.detach(pod), {
      ...busy,
      retryable: (error) =>
        error instanceof ProblemError && (error.code === 'pod_busy' || error.code === 'migration_running'),
    }).catch((error: unknown) => {
      // It is gone: what DEL is for.
      if (!(error instanceof ProblemError && error.code === 'pod_gone')) throw error;
    });
  }

  async #check(call: ContainerCall, config: CniConfig): Promise<void> {
    if (config.previous === null)
      throw new CniError(cniErrorCodes.invalidConfig, 'CHECK needs the prevResult of the ADD');
    const key = containerKey(config.name, call.containerId, call.interface);
    const pod = this.#find(key);
    const mode = this.#modeOf(key, pod, config);
    if (mode === 'observe') return checkForeignInterface(call.netns, call.interface);
    if (pod === undefined)
      throw new CniError(
        cniErrorCodes.unknownContainer,
        `unknown container ${call.containerId}: it has no ${call.interface} in network ${config.name}`,
      );
    if (config.ipam !== null && mode === 'attach')
      await callPlugin('CHECK', {
        plugin: config.ipam,
        environment: call.environment,
        config: call.config,
        version: config.version,
      });
    await checkContainer(this.#context, pod, config.previous);
  }

  async #status(call: CniCall, config: CniConfig): Promise<void> {
    for (const prefix of config.pool) this.#prefixes.add(prefix);
    const { slots } = this.#context;
    const refuse = (why: string): never => {
      throw new CniError(cniErrorCodes.notAvailable, `the plugin cannot add containers: ${why}`);
    };
    if (slots.used >= slots.max) refuse('all slots of the node are taken');
    if (config.mode === 'observe' || config.mode === 'convert') return;
    if (config.ipam === null) {
      if (config.pool.length === 0) refuse('the configuration has neither ipam nor pool');
      if (!this.#pool.hasFree(config.pool, this.#usedAddresses()))
        refuse(`all addresses of ${config.pool.join(', ')} are in use`);
      return;
    }
    try {
      findPlugin(config.ipam, call.environment.CNI_PATH ?? '');
    } catch (error) {
      if (error instanceof ProblemError) refuse(error.message);
      throw error;
    }
    await callPlugin('STATUS', {
      plugin: config.ipam,
      environment: call.environment,
      config: call.config,
      version: config.version,
    });
  }

  /**
   * Removes what is left of containers that the runtime does not know any more. A container whose namespace is alive is
   * never removed: the list may be that of another runtime.
   */
  async #collectGarbage(call: CniCall, config: CniConfig): Promise<void> {
    const failures: string[] = [];
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    };
    await attempt(() => this.#runPending());
    const valid = config.validAttachments;
    // Without a list nobody said that nothing is valid.
    if (valid !== null) {
      const isValid = (id: string, name: string): boolean =>
        valid.some(({ containerID, ifname }) => containerID === id && ifname === name);
      for (const pod of this.#attached()) {
        const { container } = pod;
        if (container === null || container.network !== config.name) continue;
        if (isValid(container.id, container.interface) || podNamespaceExists(pod)) continue;
        await attempt(() => this.#detach(pod));
      }
      await attempt(() =>
        this.#observed.removeGone(
          ({ id, network, interface: name }) => network !== config.name || isValid(id, name),
        ),
      );
      const { ipam } = config;
      if (ipam !== null)
        await attempt(() =>
          callPlugin('GC', {
            plugin: ipam,
            environment: call.environment,
            config: call.config,
            version: config.version,
          }),
        );
      await attempt(() => this.#runPending());
    }
    if (failures.length > 0)
      throw new ProblemError('delegate_failed', `collect garbage of ${config.name}: ${failures.join('; ')}`);
  }

  /** Does the deletions that were left, except those of calls that run. @throws Error the first failure, after all were tried */
  async #runPending(): Promise<void> {
    const failures: unknown[] = [];
    for (const { name, call } of this.#pending.list()) {
      if (this.#locks.has(name)) continue;
      try {
        const config = parseCniConfig(call.config);
        await this.#del(readContainerCall(call, 'DEL'), config);
      } catch (err) {
        if (err instanceof CniError && hopeless.has(err.code)) this.#pending.remove(name);
        else failures.push(err);
        this.#context.log.warn({ err, name }, 'a deletion that was left for the agent failed');
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    const lock = this.#locks.get(key) ?? new Mutex();
    this.#locks.set(key, lock);
    try {
      return await lock.run(work);
    } finally {
      if (!lock.locked) this.#locks.delete(key);
    }
  }

  #attached(): LivePod[] {
    return this.#context.registry.all().filter(({ container }) => container !== null);
  }

  #find(key: string): LivePod | undefined {
    return this.#attached().find(({ container }) => container !== null && keyOf(container) === key);
  }

  #usedAddresses(): string[] {
    return this.#context.registry
      .all()
      .flatMap(({ record }) => record.network.addresses.map(stripPrefixLength))
      .filter((address) => isIP(address) !== 0);
  }

  #netkit(): { available: boolean; detail: string } {
    const found = this.#context.kernel.capabilities.get('netkit');
    return { available: found?.available === true, detail: found?.detail ?? 'it was not probed' };
  }
}

/** Codes of errors that a deletion has again and again: what it says cannot be understood. */
const hopeless: ReadonlySet<number> = new Set([
  cniErrorCodes.incompatibleVersion,
  cniErrorCodes.unsupportedField,
  cniErrorCodes.invalidEnvironment,
  cniErrorCodes.decodingFailure,
  cniErrorCodes.invalidConfig,
]);

const keyOf = ({
  network,
  id,
  interface: name,
}: {
  network: string;
  id: string;
  interface: string;
}): string => containerKey(network, id, name);

const withoutPrevious = (mode: string): CniError =>
  new CniError(
    cniErrorCodes.invalidConfig,
    `mode ${mode} needs a plugin before this one in the chain: there is no prevResult`,
  );
