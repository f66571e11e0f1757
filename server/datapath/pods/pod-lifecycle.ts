import { randomBytes } from 'node:crypto';
import type { NewPod } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { PodRecord } from '../../store/records.ts';
import { type DatapathContext, formatPodName, toPolicyEndpoint } from '../datapath-context.ts';
import { removeAllUserPrograms } from '../device/attach-user-programs.ts';
import { deleteDevicePair } from '../device/device-pair.ts';
import { removeRedirectEndpoints } from '../device/podlane-programs.ts';
import { defaultHookFamily } from '../device/program-hooks.ts';
import { type EnterPodActivity, withPod } from '../pod-activity.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { createLivePod, type LivePod } from '../pod-registry.ts';
import {
  buildDeviceRecord,
  chooseDeviceKind,
  choosePrimaryName,
  createPodDevice,
  refuseNodeAddresses,
  validateNewPod,
} from './create-pod-device.ts';

/** Attaches network namespaces to the node as pods, and detaches them. */
export class PodLifecycle {
  readonly #context: DatapathContext;
  /** Names, addresses and namespaces of pods that are currently being attached. */
  readonly #attaching = new Set<string>();
  readonly #detaching = new Map<LivePod, Promise<void>>();

  constructor(context: DatapathContext) {
    this.#context = context;
  }

  /** Attaches a pod; on failure, nothing remains. @throws ProblemError the codes of `Datapath.attach` */
  async attach(wanted: NewPod): Promise<LivePod> {
    const { kernel, registry, slots } = this.#context;
    const kind = chooseDeviceKind(kernel, wanted.kind);
    const netnsInode = validateNewPod(registry, wanted);
    const keys = [`${wanted.namespace}.${wanted.name}`, ...wanted.addresses, String(netnsInode)];
    if (keys.some((key) => this.#attaching.has(key)))
      throw new ProblemError(
        'pod_exists',
        `attach pod ${wanted.namespace}/${wanted.name}: it is being attached, or a pod with one of its addresses is`,
        { hint: 'Wait for the other call to answer.' },
      );
    for (const key of keys) this.#attaching.add(key);
    let slot: number | null = null;
    try {
      await refuseNodeAddresses(kernel, wanted);
      slot = await slots.allocate();
      const pod = await this.#addPod(wanted, netnsInode, kind, slot);
      const allocated = slot;
      await withPod(pod, { type: 'attaching' }, `attach pod ${formatPodName(pod)}`, () =>
        this.#connect(pod, allocated),
      );
      registry.add(pod);
      return pod;
    } catch (error) {
      if (slot !== null) slots.release(slot);
      throw error;
    } finally {
      for (const key of keys) this.#attaching.delete(key);
    }
  }

  async #addPod(
    { namespace, name, labels, netns, kind: _, ...network }: NewPod,
    netnsInode: bigint,
    kind: ReturnType<typeof chooseDeviceKind>,
    slot: number,
  ): Promise<LivePod> {
    const { kernel, store } = this.#context;
    const id = randomBytes(6).toString('hex');
    const record = { id, namespace, name, labels, netnsPath: netns, netnsInode, network };
    const hooks = defaultHookFamily(kernel, kind);
    const primary = await choosePrimaryName(kernel, slot);
    const added = await store.addPod(record, buildDeviceRecord(record, kind, hooks, slot, primary));
    return createLivePod(added.pod, [added.device]);
  }

  async #connect(pod: LivePod, slot: number): Promise<void> {
    const { record, devices } = pod;
    const { kernel, store, rules } = this.#context;
    try {
      await this.#applyRules(record);
      using namespace = openPodNamespace(pod);
      for (const device of devices) await createPodDevice(kernel, namespace, record, device);
    } catch (error) {
      removeRedirectEndpoints(kernel, record);
      await deleteDevicePair(kernel, slot, record);
      await store.forgetPod(record.id);
      rules?.removePod(record.id);
      throw error;
    }
  }

  /** Applies the access rules to a pod before its device exists, so that no packet passes without the rules. */
  async #applyRules(pod: PodRecord): Promise<void> {
    try {
      await this.#context.rules?.addPod(toPolicyEndpoint(pod));
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      throw new ProblemError(
        error.code,
        `attach pod ${pod.namespace}/${pod.name}: the access rules cannot be applied to it: ${error.message}`,
        { cause: error, hint: 'Activate rules that can be loaded, or remove the rules, then attach it.' },
      );
    }
  }

  /**
   * Removes the pod's device and the pod. Calls during a detachment share its outcome, since a container runtime may
   * repeat the request.
   * @throws ProblemError `migration_running`, `pod_busy`, `pod_gone`
   */
  detach(pod: LivePod): Promise<void> {
    const running = this.#detaching.get(pod);
    if (running !== undefined) return running;
    const name = formatPodName(pod);
    const detaching = withPod(pod, { type: 'detaching' }, `detach pod ${name}`, async (enter) => {
      const { kernel, store } = this.#context;
      removeRedirectEndpoints(kernel, pod.record);
      for (const device of pod.devices) await deleteDevicePair(kernel, device.slot);
      await store.removePod(pod.record.id);
      await removePodFromMemory(this.#context, pod, enter, 'pod.detached', `${name} detached`);
    }).finally(() => this.#detaching.delete(pod));
    this.#detaching.set(pod, detaching);
    return detaching;
  }
}

/**
 * Drops a pod from memory, with its user programs and slots, and publishes its end. The device must be gone and the
 * store must already say so.
 */
export async function removePodFromMemory(
  context: DatapathContext,
  pod: LivePod,
  enter: EnterPodActivity,
  type: 'pod.detached' | 'pod.gone',
  message: string,
): Promise<void> {
  const { kernel, store, slots, registry, publish, log } = context;
  enter({ type: 'gone' });
  await removeAllUserPrograms(kernel, pod.record.number);
  await store
    .saveSetting(pod.record.id, 'programs', null)
    .catch((error: unknown) => log.warn({ err: error, pod: pod.record.id }, 'forget user programs'));
  for (const device of pod.devices) slots.release(device.slot);
  registry.remove(pod);
  publish.removed(pod);
  await publish.event({ type, severity: 'info', podId: pod.record.id, migrationId: null, message });
}
