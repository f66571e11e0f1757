import type { RuleSetName } from '../../../contract/rules.ts';
import { MemoryMapping } from '../../bpf/memory-mapping.ts';
import {
  conntrackStates,
  conntrackTimeoutKinds,
  datapathSettingsFlags,
  datapathSettingsOffsets,
  datapathSettingsSize,
} from '../../bpf/rule-layout.ts';
import type { PolicyTableIndex } from '../tables/policy-table-index.ts';
import type { ConntrackTimeouts } from './conntrack-timeouts.ts';

/** Index of each rule set, as in enum podlane_rule_set. */
const setIndex = { active: 0, staged: 1 } as const;

/** Memory mapping of struct podlane_settings, which all datapath programs read. Each write is a single store. */
export class DatapathSettingsMap {
  readonly #mapping: MemoryMapping;
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;

  /** Maps the settings map into memory. @param fd descriptor of the map, which may be closed afterwards */
  constructor(fd: number) {
    this.#mapping = new MemoryMapping('the settings', fd, datapathSettingsSize);
    this.#u32 = new Uint32Array(this.#mapping.buffer);
    this.#u64 = new BigUint64Array(this.#mapping.buffer);
  }

  hasFlag(flag: keyof typeof datapathSettingsFlags): boolean {
    return (Atomics.load(this.#u32, datapathSettingsOffsets.flags / 4) & datapathSettingsFlags[flag]) !== 0;
  }

  setFlag(flag: keyof typeof datapathSettingsFlags, on: boolean): void {
    if (on) Atomics.or(this.#u32, datapathSettingsOffsets.flags / 4, datapathSettingsFlags[flag]);
    else Atomics.and(this.#u32, datapathSettingsOffsets.flags / 4, ~datapathSettingsFlags[flag]);
  }

  generation(set: RuleSetName): number {
    return Atomics.load(this.#u32, datapathSettingsOffsets.generation / 4 + setIndex[set]);
  }

  /** Sets the generation of a rule set: from now on, packets are evaluated by the table of this generation. */
  setGeneration(set: RuleSetName, generation: number): void {
    Atomics.store(this.#u32, datapathSettingsOffsets.generation / 4 + setIndex[set], generation);
  }

  /** Sets whether packets of pods that are missing from a table are denied. @param denied for ingress and egress */
  setUnknownPodDenied(set: RuleSetName, table: PolicyTableIndex, denied: readonly [boolean, boolean]): void {
    const at = datapathSettingsOffsets.unknownPodDenied / 4 + setIndex[set];
    const bits = (Number(denied[0]) | (Number(denied[1]) << 1)) << (table * 2);
    Atomics.store(this.#u32, at, (Atomics.load(this.#u32, at) & ~(3 << (table * 2))) | bits);
  }

  setTimeouts(timeouts: ConntrackTimeouts): void {
    conntrackTimeoutKinds.forEach((kind, kindIndex) => {
      conntrackStates.forEach((state, stateIndex) => {
        this.#u32[datapathSettingsOffsets.timeouts / 4 + kindIndex * 4 + stateIndex] = timeouts[kind][state];
      });
    });
  }

  /** Sets the maximum number of connections of one pod. */
  setConnectionQuota(connections: number): void {
    Atomics.store(this.#u32, datapathSettingsOffsets.quota / 4, connections);
  }

  /** Sets the pod that gives way where the connection table is full. @param owner its number; 0 for none */
  setLargestPod(owner: number): void {
    Atomics.store(this.#u32, datapathSettingsOffsets.largestPod / 4, owner);
  }

  /**
   * Sets the rate limit of verdict events per slot.
   * @param perSecond 0 disables the events
   * @param burst number of events sent at once
   */
  setVerdictRate(perSecond: number, burst: number): void {
    const interval = perSecond === 0 ? 0n : BigInt(Math.round(1e9 / perSecond));
    Atomics.store(this.#u64, datapathSettingsOffsets.verdictBurst / 8, interval * BigInt(burst - 1));
    Atomics.store(this.#u64, datapathSettingsOffsets.verdictInterval / 8, interval);
  }

  get lostTraces(): bigint {
    return Atomics.load(this.#u64, datapathSettingsOffsets.lostTraces / 8);
  }

  close(): void {
    this.#mapping.close();
  }
}
