import { randomBytes } from 'node:crypto';
import type { NewPod } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { PodRecord } from '../../store/records.ts';
import { type DatapathContext, forgetPod, podName, policyEndpoint } from '../context.ts';
import { removeDevice } from '../device/device.ts';
import { defaultHooks } from '../device/hooks.ts';
import { removeEndpoints } from '../device/our-programs.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';
import { chooseKind, connectPod, newDeviceRecord, validateNewPod } from './connect-pod.ts';

/** Makes pods of network namespaces, and lets them go. */
export class PodLifecycle {
  readonly #context: DatapathContext;
  readonly #pending = new Set<string>();

  constructor(context: DatapathContext) {
    this.#context = context;
  }

  /** What fails leaves nothing behind. */
  async attach(wanted: NewPod): Promise<LivePod> {
    const { kernel, registry, slots } = this.#context;
    const kind = chooseKind(kernel, wanted.kind);
    const netnsInode = validateNewPod(registry, wanted);
    const keys = [`${wanted.namespace}.${wanted.name}`, ...wanted.addresses, String(netnsInode)];
    if (keys.some((key) => this.#pending.has(key)))
      throw new ProblemError(
        'pod_exists',
        `attach pod ${wanted.namespace}/${wanted.name}: it, or one of its addresses, is being attached`,
        {
          hint: 'Wait for the other call to answer.',
        },
      );
    for (const key of keys) this.#pending.add(key);
    const slot = slots.allocate();
    try {
      const pod = await this.#connect(wanted, netnsInode, kind, slot);
      registry.add(pod);
      return pod;
    } catch (error) {
      slots.release(slot);
      throw error;
    } finally {
      for (const key of keys) this.#pending.delete(key);
    }
  }

  async #connect(
    { namespace, name, labels, netns, kind: _, ...network }: NewPod,
    netnsInode: bigint,
    kind: ReturnType<typeof chooseKind>,
    slot: number,
  ): Promise<LivePod> {
    const { kernel, store, rules } = this.#context;
    const id = randomBytes(6).toString('hex');
    const record = { id, namespace, name, labels, netnsPath: netns, netnsInode, network };
    const kept = await store.addPod(record, newDeviceRecord(record, kind, defaultHooks(kernel, kind), slot));
    const pod: LivePod = {
      record: kept.pod,
      devices: [kept.device],
      migration: null,
      repairing: null,
      leaving: false,
      gone: false,
      conditions: new Map(),
      requests: null,
    };
    try {
      await this.#letIn(kept.pod);
      using opened = openPodNamespace(kept.pod);
      await connectPod(kernel, opened, kept.pod, kept.device);
    } catch (error) {
      removeEndpoints(kernel, kept.pod);
      await removeDevice(kernel, slot);
      await store.forgetPod(id);
      rules?.removePod(id);
      throw error;
    }
    return pod;
  }

  /** No packet of the pod may pass before the rules hold for it. */
  async #letIn(pod: PodRecord): Promise<void> {
    try {
      await this.#context.rules?.addPod(policyEndpoint(pod));
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      throw new ProblemError(
        error.code,
        `attach pod ${pod.namespace}/${pod.name}: the access rules do not hold for it: ${error.message}`,
        { cause: error, hint: 'Put rules in force that can be loaded, or take them away, then attach it.' },
      );
    }
  }

  /** Takes the pod's device away. Of two calls, the second waits for nothing and finds it done. */
  async detach(pod: LivePod): Promise<void> {
    const { kernel, store } = this.#context;
    const name = podName(pod);
    if (pod.migration)
      throw new ProblemError(
        'migration_running',
        `detach pod ${name}: migration ${pod.migration} is running`,
        {
          hint: 'Wait for it to end.',
        },
      );
    if (pod.leaving) return;
    pod.leaving = true;
    await pod.repairing;
    try {
      removeEndpoints(kernel, pod.record);
      for (const device of pod.devices) await removeDevice(kernel, device.slot);
      await store.removePod(pod.record.id);
    } catch (error) {
      pod.leaving = false;
      throw error;
    }
    await forgetPod(this.#context, pod, 'pod.detached', `${name} detached`);
  }
}
