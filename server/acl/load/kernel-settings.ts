import type { RuleSetName } from '../../../contract/rules.ts';
import { MemoryMapping } from '../../bpf/mmap.ts';
import {
  conntrackStates,
  settingsBytes,
  settingsFlag,
  settingsOffset,
  timeoutKinds,
} from '../../bpf/rule-layout.ts';
import type { PolicyTableIndex } from '../tables/table-index.ts';
import type { ConntrackTimeouts } from './conntrack-timeouts.ts';

/** enum podlane_rule_set. */
const setIndex = { active: 0, staged: 1 } as const;

/** struct podlane_settings, memory that all programs read. Each write is a single store. */
export class KernelSettings {
  readonly #mapping: MemoryMapping;
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;

  /** @param fd of the map, which may be closed then */
  constructor(fd: number) {
    this.#mapping = new MemoryMapping('the settings', fd, settingsBytes);
    this.#u32 = new Uint32Array(this.#mapping.buffer);
    this.#u64 = new BigUint64Array(this.#mapping.buffer);
  }

  hasFlag(flag: keyof typeof settingsFlag): boolean {
    return (Atomics.load(this.#u32, settingsOffset.flags / 4) & settingsFlag[flag]) !== 0;
  }

  setFlag(flag: keyof typeof settingsFlag, on: boolean): void {
    if (on) Atomics.or(this.#u32, settingsOffset.flags / 4, settingsFlag[flag]);
    else Atomics.and(this.#u32, settingsOffset.flags / 4, ~settingsFlag[flag]);
  }

  generation(set: RuleSetName): number {
    return Atomics.load(this.#u32, settingsOffset.generation / 4 + setIndex[set]);
  }

  /** Switches tables: from now on packets are evaluated by the table of this generation. */
  setGeneration(set: RuleSetName, generation: number): void {
    Atomics.store(this.#u32, settingsOffset.generation / 4 + setIndex[set], generation);
  }

  /** Sets whether packets of pods that a table does not know are denied, ingress first. */
  setUnknownPodDenied(set: RuleSetName, table: PolicyTableIndex, denied: readonly [boolean, boolean]): void {
    const at = settingsOffset.unknownPodDenied / 4 + setIndex[set];
    const bits = (Number(denied[0]) | (Number(denied[1]) << 1)) << (table * 2);
    Atomics.store(this.#u32, at, (Atomics.load(this.#u32, at) & ~(3 << (table * 2))) | bits);
  }

  setTimeouts(timeouts: ConntrackTimeouts): void {
    timeoutKinds.forEach((kind, kindIndex) => {
      conntrackStates.forEach((state, stateIndex) => {
        this.#u32[settingsOffset.timeouts / 4 + kindIndex * 4 + stateIndex] = timeouts[kind][state];
      });
    });
  }

  /** Sets the rate of verdict events of each slot. @param perSecond 0: none are sent @param burst events sent at once */
  setVerdictRate(perSecond: number, burst: number): void {
    const interval = perSecond === 0 ? 0n : BigInt(Math.round(1e9 / perSecond));
    Atomics.store(this.#u64, settingsOffset.verdictBurst / 8, interval * BigInt(burst - 1));
    Atomics.store(this.#u64, settingsOffset.verdictInterval / 8, interval);
  }

  get lostTraces(): bigint {
    return Atomics.load(this.#u64, settingsOffset.lostTraces / 8);
  }

  close(): void {
    this.#mapping.close();
  }
}
