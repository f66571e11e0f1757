import { Mapping } from '../../bpf/mmap.ts';
import { connectionStates, setting, settingFlag, settingsBytes, timeoutKinds } from '../../bpf/rule-layout.ts';
import type { RuleSetName } from './kernel-rules.ts';
import type { Timeouts } from './conntrack-timeouts.ts';

const setIndex = { active: 0, draft: 1 } as const;

/** struct podlane_settings, the memory that every program reads. Each write is one store. */
export class Settings {
  readonly #mapping: Mapping;
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;

  constructor(fd: number) {
    this.#mapping = new Mapping('the settings', fd, settingsBytes);
    this.#u32 = new Uint32Array(this.#mapping.buffer);
    this.#u64 = new BigUint64Array(this.#mapping.buffer);
  }

  isOn(flag: keyof typeof settingFlag): boolean {
    return (Atomics.load(this.#u32, setting.flags / 4) & settingFlag[flag]) !== 0;
  }

  turn(flag: keyof typeof settingFlag, on: boolean): void {
    if (on) Atomics.or(this.#u32, setting.flags / 4, settingFlag[flag]);
    else Atomics.and(this.#u32, setting.flags / 4, ~settingFlag[flag]);
  }

  generation(set: RuleSetName): number {
    return Atomics.load(this.#u32, setting.generation / 4 + setIndex[set]);
  }

  /** The switch: from now on packets are judged by the half of this generation. */
  setGeneration(set: RuleSetName, generation: number): void {
    Atomics.store(this.#u32, setting.generation / 4 + setIndex[set], generation);
  }

  /** What happens to pods that a half does not know: whether each direction is denied, ingress first. */
  setUnknown(set: RuleSetName, half: 0 | 1, denied: readonly [boolean, boolean]): void {
    const at = setting.unknownDenied / 4 + setIndex[set];
    const bits = (Number(denied[0]) | (Number(denied[1]) << 1)) << (half * 2);
    Atomics.store(this.#u32, at, (Atomics.load(this.#u32, at) & ~(3 << (half * 2))) | bits);
  }

  setTimeouts(timeouts: Timeouts): void {
    timeoutKinds.forEach((kind, row) => {
      connectionStates.forEach((state, column) => {
        this.#u32[setting.timeouts / 4 + row * 4 + column] = timeouts[kind][state];
      });
    });
  }

  /** Of each slot; 0: none are told. @param burst how many may come at once */
  setVerdictRate(perSecond: number, burst: number): void {
    const interval = perSecond === 0 ? 0n : BigInt(Math.round(1e9 / perSecond));
    Atomics.store(this.#u64, setting.verdictBurst / 8, interval * BigInt(burst - 1));
    Atomics.store(this.#u64, setting.verdictInterval / 8, interval);
  }

  get lostTraces(): bigint {
    return Atomics.load(this.#u64, setting.lostTraces / 8);
  }

  close(): void {
    this.#mapping.close();
  }
}
