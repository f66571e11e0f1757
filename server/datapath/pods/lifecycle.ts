import { randomBytes } from 'node:crypto';
import type { NewPod } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { type DatapathContext, forget, nameOf, ruled } from '../context.ts';
import { removeDevice } from '../device/device.ts';
import { usualHooks } from '../device/hooks.ts';
import { pointNowhere } from '../device/our-programs.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';
import type { PodRecord } from '../store.ts';
import { admit, chooseKind, connect, deviceRow } from './connect.ts';

/** Makes pods of network namespaces, and lets them go. */
export class Attachments {
  readonly #core: DatapathContext;
  readonly #pending = new Set<string>();

  constructor(core: DatapathContext) {
    this.#core = core;
  }

  /** What fails leaves nothing behind. */
  async attach(wanted: NewPod): Promise<LivePod> {
    const { ground, registry, slots } = this.#core;
    const kind = chooseKind(ground, wanted.kind);
    const netnsInode = admit(registry, wanted);
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
    const slot = slots.take();
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
    const { ground, books, rules } = this.#core;
    const id = randomBytes(6).toString('hex');
    const record = { id, namespace, name, labels, netnsPath: netns, netnsInode, network };
    const kept = await books.addPod(record, deviceRow(record, kind, usualHooks(ground, kind), slot));
    const pod: LivePod = {
      record: kept.pod,
      devices: [kept.device],
      migration: null,
      repairing: null,
      leaving: false,
      gone: false,
      attention: new Map(),
      requests: null,
    };
    try {
      await this.#letIn(kept.pod);
      using opened = openPodNamespace(kept.pod);
      await connect(ground, opened, kept.pod, kept.device);
    } catch (error) {
      pointNowhere(ground, kept.pod);
      await removeDevice(ground, slot);
      await books.forgetPod(id);
      rules?.leave(id);
      throw error;
    }
    return pod;
  }

  /** No packet of the pod may pass before the rules hold for it. */
  async #letIn(pod: PodRecord): Promise<void> {
    try {
      await this.#core.rules?.welcome(ruled(pod));
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
    const { ground, books } = this.#core;
    const name = nameOf(pod);
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
      pointNowhere(ground, pod.record);
      for (const device of pod.devices) await removeDevice(ground, device.slot);
      await books.removePod(pod.record.id);
    } catch (error) {
      pod.leaving = false;
      throw error;
    }
    await forget(this.#core, pod, 'pod.detached', `${name} detached`);
  }
}
