import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { HookFamily } from '../../../contract/device.ts';
import type { NewPod } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import {
  type ContainerRecord,
  containerSetting,
  type DeviceRecord,
  type PodRecord,
} from '../../store/records.ts';
import { type DatapathContext, formatPodName, toPolicyEndpoint } from '../datapath-context.ts';
import { removeAllUserPrograms } from '../device/attach-user-programs.ts';
import { choosePrimaryName } from '../device/choose-primary-name.ts';
import { refuseForeignAddresses } from '../device/container-device.ts';
import { deleteDevicePair, startDeletingPair } from '../device/device-pair.ts';
import { DeviceThread } from '../device/device-thread.ts';
import {
  attachHookFamily,
  removeRedirectEndpoints,
  setRedirectEndpoints,
  writeSlotEntry,
} from '../device/podlane-programs.ts';
import { defaultHookFamily } from '../device/program-hooks.ts';
import { type EnterPodActivity, withPod } from '../pod-activity.ts';
import { metadataSetting, noMetadata, type PodDescription, savePodMetadata } from '../pod-metadata.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { createLivePod, type LivePod } from '../pod-registry.ts';
import {
  buildDeviceRecord,
  chooseDeviceKind,
  createPodDevice,
  refuseNodeAddresses,
  validateNewPod,
} from './create-pod-device.ts';

/** What a pod is attached with that a runtime asks for. */
export interface ContainerAttachment {
  container: ContainerRecord;
  /** How the cluster describes the pod; null if it does not know it. */
  description: PodDescription | null;
  /** Hook family of its programs; undefined for that of its kind. */
  hooks: HookFamily | undefined;
}

/** Attaches network namespaces to the node as pods, and detaches them. */
export class PodLifecycle {
  readonly #context: DatapathContext;
  /** Names, addresses and namespaces of pods that are currently being attached. */
  readonly #attaching = new Set<string>();
  readonly #detaching = new Map<LivePod, Promise<void>>();
  /** Deletions of devices of detached containers that the kernel has not ended. */
  readonly #deleting = new Set<Promise<void>>();
  readonly #thread = new DeviceThread();

  constructor(context: DatapathContext) {
    this.#context = context;
  }

  /**
   * Attaches a pod; on failure, nothing remains.
   * @param attachment the container that it is attached for; null: it is attached through the API
   * @throws ProblemError the codes of `Datapath.attach`
   */
  async attach(wanted: NewPod, attachment: ContainerAttachment | null = null): Promise<LivePod> {
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
      // Whoever attaches containers looks up each address, which costs less than a list of all.
      if (attachment === null) await refuseNodeAddresses(kernel, wanted);
      slot = await slots.allocate();
      const device = { kind, slot, hooks: attachment?.hooks ?? defaultHookFamily(kernel, kind) };
      const { pod, write } = await this.#addPod(wanted, netnsInode, device, attachment);
      const allocated = slot;
      await withPod(pod, { type: 'attaching' }, `attach pod ${formatPodName(pod)}`, () =>
        this.#connect(pod, allocated, write),
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

  /**
   * Adds a pod to the store. That of a container gets its device meanwhile: `write` is called then.
   * @returns the pod, with a function that writes it if it is not written yet
   */
  async #addPod(
    { namespace, name, uid: given, labels: asked, annotations, ports, netns, kind: _, ...network }: NewPod,
    netnsInode: bigint,
    { kind, hooks, slot }: Pick<DeviceRecord, 'kind' | 'hooks' | 'slot'>,
    attachment: ContainerAttachment | null,
  ): Promise<{ pod: LivePod; write: () => Promise<void> }> {
    const { kernel, store, describePod } = this.#context;
    const id = randomBytes(6).toString('hex');
    const uid = given ?? null;
    const described = attachment === null ? await describePod(namespace, name, uid) : attachment.description;
    const { labels, ...metadata } = described ?? {
      labels: asked,
      annotations: annotations ?? {},
      ports: ports ?? [],
      uid,
    };
    const record = { id, namespace, name, labels, netnsPath: netns, netnsInode, network };
    const first = buildDeviceRecord(record, kind, hooks, slot, choosePrimaryName(kernel, slot));
    if (attachment === null) {
      const added = await store.addPod(record, first);
      if (!isDeepStrictEqual(metadata, noMetadata)) await savePodMetadata(store, id, metadata);
      return { pod: createLivePod(added.pod, [added.device], metadata), write: async () => {} };
    }
    const { container } = attachment;
    const begun = store.beginPod(record, first, {
      [containerSetting]: container,
      ...(isDeepStrictEqual(metadata, noMetadata) ? {} : { [metadataSetting]: metadata }),
    });
    const device: DeviceRecord = {
      foreignIfindexes: null,
      ...first,
      id: 0,
      createdAt: begun.pod.createdAt,
    };
    return {
      pod: createLivePod(begun.pod, [device], metadata, container),
      write: async () => {
        device.id = (await begun.write()).id;
      },
    };
  }

  async #connect(pod: LivePod, slot: number, write: () => Promise<void>): Promise<void> {
    const { record } = pod;
    const { kernel, store, rules } = this.#context;
    let connected: Promise<unknown> = Promise.resolve(null);
    try {
      await this.#applyRules(pod);
      connected = this.#createDevices(pod).then(
        () => null,
        (error: unknown) => error,
      );
      await write();
      const failed = await connected;
      if (failed !== null) throw failed;
    } catch (error) {
      await connected;
      removeRedirectEndpoints(kernel, record);
      await deleteDevicePair(kernel, slot, record);
      await store.forgetPod(record.id);
      rules?.removePod(record.id);
      throw error;
    }
  }

  async #createDevices(pod: LivePod): Promise<void> {
    const { record, devices, container } = pod;
    const { kernel } = this.#context;
    const [device] = devices;
    const refuseRoutes = container?.ipam === null && container.mode === 'attach';
    if (container !== null && device?.hooks === 'tc')
      return this.#connectContainer(record, device, refuseRoutes);
    if (container !== null) await refuseForeignAddresses(kernel.host, { pod: record, refuseRoutes });
    using namespace = openPodNamespace(pod);
    for (const each of devices) await createPodDevice(kernel, namespace, record, each);
  }

  /** Has the device of a container created by the thread. */
  async #connectContainer(pod: PodRecord, device: DeviceRecord, refuseRoutes: boolean): Promise<void> {
    const { kernel } = this.#context;
    const programs = {
      'tc/ingress': kernel.programs.programFd('tc/ingress'),
      'tc/egress': kernel.programs.programFd('tc/egress'),
    };
    writeSlotEntry(kernel, pod, device);
    await this.#thread.create({ pod, device, programs, refuseRoutes });
    // Another build may have been activated meanwhile.
    if (
      (['tc/ingress', 'tc/egress'] as const).some(
        (hook) => programs[hook] !== kernel.programs.programFd(hook),
      )
    )
      await attachHookFamily(kernel, device.slot, 'tc');
    setRedirectEndpoints(kernel, pod, device);
  }

  /** Applies the access rules to a pod before its device exists, so that no packet passes without the rules. */
  async #applyRules(pod: LivePod): Promise<void> {
    try {
      await this.#context.rules?.addPod(toPolicyEndpoint(pod.record, pod.metadata));
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      throw new ProblemError(
        error.code,
        `attach pod ${formatPodName(pod)}: the access rules cannot be applied to it: ${error.message}`,
        {
          cause: error,
          hint:
            error.code === 'cluster_unknown'
              ? error.hint
              : 'Activate rules that can be loaded, or remove the rules, then attach it.',
        },
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
    if (pod.record.adoption !== null)
      return Promise.reject(
        new ProblemError(
          'pod_adopted',
          `detach pod ${name}: its device is that of its runtime, or stands for it`,
          {
            hint: 'Release it with POST /api/v1/pods/:id/release; its runtime removes it.',
          },
        ),
      );
    const detaching = withPod(pod, { type: 'detaching' }, `detach pod ${name}`, async (enter) => {
      const { kernel, store, releaseContainer } = this.#context;
      await releaseContainer(pod);
      removeRedirectEndpoints(kernel, pod.record);
      const deletions: { slot: number; ended: Promise<void> }[] = [];
      // A runtime waits for the end of its container: it need not wait for the kernel's grace periods.
      for (const { slot } of pod.devices)
        if (pod.container === null) await deleteDevicePair(kernel, slot);
        else deletions.push({ slot, ...(await startDeletingPair(kernel, slot)) });
      await store.removePod(pod.record.id);
      await removePodFromMemory(this.#context, pod, enter, {
        type: 'pod.detached',
        message: `${name} detached`,
        keepSlots: deletions.length > 0,
      });
      for (const { slot, ended } of deletions) this.#releaseSlotAfter(slot, ended);
    }).finally(() => this.#detaching.delete(pod));
    this.#detaching.set(pod, detaching);
    return detaching;
  }

  /** Releases a slot when the kernel has deleted its device. */
  #releaseSlotAfter(slot: number, ended: Promise<void>): void {
    const { slots, log } = this.#context;
    const released = ended
      .catch((err: unknown) => log.error({ err, slot }, 'delete the device of a container'))
      .then(() => {
        slots.release(slot);
        this.#deleting.delete(released);
      });
    this.#deleting.add(released);
  }

  /** Starts the thread that creates the devices of containers. */
  expectContainers(): void {
    this.#thread.warmUp();
  }

  /** Waits until the kernel has deleted the devices of all detached containers. */
  async close(): Promise<void> {
    await this.#thread.close();
    await Promise.all(this.#deleting);
  }
}

/** How a pod left, and whether its slots stay taken because the kernel still deletes their devices. */
interface PodRemoval {
  type: 'pod.detached' | 'pod.gone' | 'pod.released';
  message: string;
  keepSlots?: boolean;
}

/**
 * Drops a pod from memory, with its user programs and slots, and publishes its end. The device must be gone and the
 * store must already say so, which forgot the pod's settings with it.
 */
export async function removePodFromMemory(
  context: DatapathContext,
  pod: LivePod,
  enter: EnterPodActivity,
  { type, message, keepSlots = false }: PodRemoval,
): Promise<void> {
  const { kernel, slots, registry, publish } = context;
  enter({ type: 'gone' });
  await removeAllUserPrograms(kernel, pod.record.number);
  if (!keepSlots) for (const { slot } of pod.devices) slots.release(slot);
  registry.remove(pod);
  publish.removed(pod);
  await publish.event({ type, severity: 'info', podId: pod.record.id, migrationId: null, message });
}
