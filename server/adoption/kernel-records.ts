import { join } from 'node:path';
import type { RuleSetName } from '../../contract/rules.ts';
import type { RuleRecordKeeper } from '../acl/load/kernel-rules.ts';
import { RecordMap } from '../bpf/record-map.ts';
import type { RuleVersionRecord, ScopedSettings, StagedRulesRecord, StoredPod } from '../store/records.ts';

/** Kinds of records in the map. They are never given another meaning. */
const kinds = { pod: 1, active: 2, staged: 3, node: 4, begun: 5 } as const;
/** Number of the only record of the node. */
const nodeNumber = 0;
/** Setting that has a record of its own: the staged rules, which may be large. */
const recordedApart = 'rules.staged';
/** Setting that has no record: what is known of the cluster, which the cluster tells again. */
const notRecorded = 'rules.cluster';

/** The records of rules in the kernel, by the generation that they were loaded as. */
export interface KernelRuleRecords {
  active: Map<number, RuleVersionRecord>;
  staged: Map<number, StagedRulesRecord>;
}

/**
 * Copies of the store's records of pods, rules and settings, pinned beside the programs: an agent that lost its store reads
 * names, labels and texts back from here. The store is written first, so what is here is there too, except for pods that were
 * only begun.
 */
export class KernelRecords implements RuleRecordKeeper {
  readonly #map: RecordMap;

  private constructor(map: RecordMap) {
    this.#map = map;
  }

  /** Opens the records below a directory of pins, or creates them. @throws BpfError */
  static open(pins: string): KernelRecords {
    return new KernelRecords(RecordMap.open(join(pins, 'records', 'map')));
  }

  pods(): StoredPod[] {
    return this.#map.list(kinds.pod).map(({ text }) => decodePod(text));
  }

  savePod(number: number, found: StoredPod | null): void {
    if (found === null) this.#map.remove(kinds.pod, number);
    else this.#map.write(kinds.pod, number, encodePod(found));
    this.#map.remove(kinds.begun, number);
  }

  /** Writes the record of a pod that the store does not have yet. */
  beginPod(number: number, found: StoredPod): void {
    this.#map.write(kinds.begun, number, encodePod(found));
  }

  /** Lists the pods that were begun and did not get into the store, as far as the agent that began them knew. */
  begunPods(): StoredPod[] {
    return this.#map.list(kinds.begun).map(({ text }) => decodePod(text));
  }

  /** Makes the records of pods those of the store. */
  replacePods(stored: readonly StoredPod[]): void {
    const present = new Map(this.#map.list(kinds.pod).map(({ number, text }) => [number, text]));
    for (const found of stored) {
      const { number } = found.pod;
      if (present.get(number) !== encodePod(found)) this.savePod(number, found);
      present.delete(number);
    }
    for (const number of present.keys()) this.savePod(number, null);
  }

  /** Returns the settings of the node; null where a version of Podlane that kept none has run. */
  nodeSettings(): ScopedSettings | null {
    const [found] = this.#map.list(kinds.node);
    return found === undefined ? null : (JSON.parse(found.text) as ScopedSettings);
  }

  saveNodeSettings({ [recordedApart]: _, [notRecorded]: __, ...settings }: ScopedSettings): void {
    this.#map.write(kinds.node, nodeNumber, JSON.stringify(settings));
  }

  rules(): KernelRuleRecords {
    const read = <T>(kind: number): Map<number, T> =>
      new Map(this.#map.list(kind).map(({ number, text }) => [number, reviveTime(JSON.parse(text) as T)]));
    return { active: read(kinds.active), staged: read(kinds.staged) };
  }

  saveRules(set: RuleSetName, generation: number, record: RuleVersionRecord | StagedRulesRecord): void {
    this.#map.write(kinds[set], generation, JSON.stringify(record));
  }

  keepRules(set: RuleSetName, generation: number | null): void {
    for (const { number } of this.#map.list(kinds[set]))
      if (number !== generation) this.#map.remove(kinds[set], number);
  }

  restorePin(): void {
    this.#map.restorePin();
  }

  close(): void {
    this.#map.close();
  }
}

/** JSON has neither bigint nor Date: inodes and counters are decimal strings, times are in ISO 8601. */
const encodePod = (found: StoredPod): string =>
  JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));

function decodePod(text: string): StoredPod {
  // Versions before did not keep settings.
  const {
    pod,
    devices,
    settings = {},
  } = JSON.parse(text) as Omit<StoredPod, 'settings'> & Partial<StoredPod>;
  return {
    settings,
    pod: {
      ...pod,
      netnsInode: BigInt(pod.netnsInode),
      createdAt: new Date(pod.createdAt),
      carried: pod.carried.map(BigInt),
      // Versions before adopted no pods.
      adoption: pod.adoption ?? null,
    },
    devices: devices.map((device) => ({
      ...device,
      createdAt: new Date(device.createdAt),
      foreignIfindexes: device.foreignIfindexes ?? null,
    })),
  };
}

/** The time of a version of the rules is a Date in the store, that of staged rules is text. */
const reviveTime = <T>(record: T): T =>
  record !== null && typeof record === 'object' && 'number' in record && 'time' in record
    ? { ...record, time: new Date(String(record.time)) }
    : record;
