import type { Condition } from '../../contract/condition.ts';
import type { DeviceReference } from '../../contract/migration.ts';
import type { PodSummary } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { ContainerRecord, DeviceRecord, PodRecord } from '../store/records.ts';
import { getPeerIfindex, getPrimaryIfindex, type IndexedDevice } from './device-indexes.ts';
import { isPodGone, type PodWithActivity, runningMigrationId } from './pod-activity.ts';
import { noMetadata, type PodMetadata } from './pod-metadata.ts';
import { formatTemporaryName } from './slot-allocator.ts';

/** Pod in memory: record, devices (two during a migration), activity and conditions. */
export interface LivePod extends PodWithActivity {
  record: PodRecord;
  /** Container that the pod was attached for; null for a pod that was attached through the API. */
  readonly container: ContainerRecord | null;
  metadata: PodMetadata;
  /** Devices of the pod; the last one carries the pod's traffic. */
  devices: DeviceRecord[];
  /** Conditions by key; a part of the agent that finds a fault has keys of its own. */
  conditions: Map<string, Condition>;
  /** Numbers of requests that the pod's workload reported; null if the workload reports none. */
  requests: { ok: number; failed: number } | null;
}

/** Creates a pod in memory. @param devices devices of the pod; the last one carries the pod's traffic */
export const createLivePod = (
  record: PodRecord,
  devices: readonly DeviceRecord[],
  metadata: PodMetadata = noMetadata,
  container: ContainerRecord | null = null,
): LivePod => ({
  record,
  metadata,
  container,
  devices: [...devices],
  activity: { type: 'idle' },
  conditions: new Map(),
  requests: null,
});

/** Pods of this node by id and by name. */
export class PodRegistry {
  readonly #pods = new Map<string, LivePod>();
  readonly #byName = new Map<string, LivePod>();
  /** Pods that slots were found to belong to; devices come and go, so that each is checked. */
  readonly #bySlot = new Map<number, LivePod>();

  add(pod: LivePod): void {
    this.#pods.set(pod.record.id, pod);
    this.#byName.set(`${pod.record.namespace}.${pod.record.name}`, pod);
  }

  remove(pod: LivePod): void {
    this.#pods.delete(pod.record.id);
    const name = `${pod.record.namespace}.${pod.record.name}`;
    if (this.#byName.get(name) === pod) this.#byName.delete(name);
  }

  /** Finds a pod by id or `namespace.name`; namespaces contain no dot. */
  get(idOrName: string): LivePod | undefined {
    return this.#pods.get(idOrName) ?? this.#byName.get(idOrName);
  }

  /** Returns a pod by id or `namespace.name`. @throws ProblemError `pod_not_found` */
  require(idOrName: string): LivePod {
    const pod = this.get(idOrName);
    if (!pod)
      throw new ProblemError(
        'pod_not_found',
        `no pod of this node is called ${JSON.stringify(idOrName.slice(0, 320))}`,
        {
          hint: 'GET /api/v1/pods lists them; use an id or namespace.name.',
        },
      );
    return pod;
  }

  findByAddress(address: string): LivePod | undefined {
    for (const pod of this.#pods.values()) if (pod.record.network.addresses.includes(address)) return pod;
    return undefined;
  }

  /** True if a pod has an address, given without prefix length. */
  hasAddress(address: string): boolean {
    const cidr = `${address}/${address.includes(':') ? 128 : 32}`;
    return this.findByAddress(cidr) !== undefined;
  }

  findBySlot(slot: number): LivePod | undefined {
    const has = (pod: LivePod): boolean => pod.devices.some((device) => device.slot === slot);
    const known = this.#bySlot.get(slot);
    if (known !== undefined && this.#pods.has(known.record.id) && has(known)) return known;
    const found = this.all().find(has);
    if (found === undefined) this.#bySlot.delete(slot);
    else this.#bySlot.set(slot, found);
    return found;
  }

  /** Finds the pod with a device that others made, by the index of its primary. */
  findByForeignPrimary(ifindex: number): LivePod | undefined {
    for (const pod of this.#pods.values())
      if (pod.record.adoption && pod.devices.some((each) => each.foreignIfindexes?.primary === ifindex))
        return pod;
    return undefined;
  }

  get size(): number {
    return this.#pods.size;
  }

  all(): LivePod[] {
    return [...this.#pods.values()];
  }
}

/** Returns the device that carries the pod's traffic. */
export function getCurrentDevice({ record, devices }: LivePod): DeviceRecord {
  const device = devices.at(-1);
  if (device === undefined) throw new Error(`${record.namespace}/${record.name} has no device`);
  return device;
}

export const toDeviceRef = (
  device: IndexedDevice & Pick<DeviceRecord, 'kind' | 'primaryName'>,
  peerName?: string,
): DeviceReference => ({
  kind: device.kind,
  slot: device.slot,
  primary: { name: device.primaryName, ifindex: getPrimaryIfindex(device) },
  peer: { name: peerName ?? formatTemporaryName(device.slot), ifindex: getPeerIfindex(device) },
});

export function summarizePod(pod: LivePod): PodSummary {
  const device = getCurrentDevice(pod);
  return {
    id: pod.record.id,
    number: pod.record.number,
    namespace: pod.record.namespace,
    name: pod.record.name,
    labels: pod.record.labels,
    addresses: pod.record.network.addresses,
    kind: device.kind,
    hooks: device.hooks,
    slot: device.slot,
    primary: { name: device.primaryName, ifindex: getPrimaryIfindex(device) },
    adoption: pod.record.adoption && { form: pod.record.adoption.form, runtime: pod.record.adoption.runtime },
    state: isPodGone(pod) ? 'gone' : runningMigrationId(pod) === null ? 'running' : 'migrating',
    createdAt: pod.record.createdAt.toISOString(),
    kindSince: device.createdAt.toISOString(),
    migration: runningMigrationId(pod),
    attention: [...pod.conditions.values()].map(({ message }) => message),
  };
}
